import type { DegradationMode } from "../../catalog/mode.ts";

/** Modes that the same faults bring about, and the faults: arguments of `redisops lab inject`, one after the other. */
export interface Drill {
  readonly inject: readonly string[];
  readonly modes: readonly DegradationMode[];
}

/** The drills of modes, in the modes' order. Modes that no fault of the lab brings about have none. */
export function drillsOf(modes: readonly DegradationMode[]): Drill[] {
  const drills = new Map<string, { inject: readonly string[]; modes: DegradationMode[] }>();
  for (const mode of modes) {
    if (mode.drill.kind !== "lab") continue;
    const { inject } = mode.drill;
    const key = inject.join("\n");
    const known = drills.get(key);
    if (known === undefined) drills.set(key, { inject, modes: [mode] });
    else known.modes.push(mode);
  }
  return [...drills.values()];
}

/** A short name: the faults. */
export const drillName = ({ inject }: Drill): string => inject.join(", then ");

/**
 * What may fire beside a drill's own modes: what they silence, and what the catalog declares as a consequence of the
 * faults, with the reason.
 */
export function consequences({ modes }: Drill): ReadonlyMap<string, string> {
  const silenced = modes.flatMap(({ id, inhibits }) =>
    inhibits.map((other) => [other, `${id} silences it`] as const),
  );
  const declared = modes.flatMap(({ drill }) =>
    drill.kind === "lab" ? Object.entries(drill.alsoFires ?? {}) : [],
  );
  return new Map([...silenced, ...declared]);
}
