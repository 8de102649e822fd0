import { modes } from "../../catalog/modes.ts";
import { exitCodes } from "../../core/error-codes.ts";
import { type Drill, drillName, drillsOf } from "../../operations/drills/drill.ts";
import { print, printJson } from "../output.ts";
import { columns } from "../table.ts";

interface Listed {
  readonly drills: readonly Drill[];
  /** By mode: why it is not rehearsed on the target. */
  readonly refusals: ReadonlyMap<string, string>;
}

async function drillsOn(target: string): Promise<Listed> {
  if (target === "lab") return { drills: drillsOf(modes), refusals: new Map() };
  const [{ loadConfig }, { stagingDrills }] = await Promise.all([
    import("../../core/config/load.ts"),
    import("../../operations/drills/staging/staging-drills.ts"),
  ]);
  return stagingDrills(loadConfig(target));
}

const limitsOf = ({ modes: own }: Drill) =>
  own.flatMap(({ id, drill }) => (drill.kind === "lab" && drill.limits ? [`${id}: ${drill.limits}`] : []));

/** `redisops drill list`: what can be rehearsed on a target, and why the rest cannot. Changes nothing. */
export async function listDrills(options: {
  readonly target: string;
  readonly json: boolean;
}): Promise<number> {
  const { target, json } = options;
  const { drills, refusals } = await drillsOn(target);
  if (json) {
    printJson({
      target,
      drills: drills.map((drill) => ({
        drill: drillName(drill),
        modes: drill.modes.map(({ id }) => id),
        faults: drill.inject,
        limits: target === "lab" ? limitsOf(drill) : [],
      })),
      refused: [...refusals].map(([mode, reason]) => ({ mode, reason })),
    });
    return exitCodes.done;
  }
  const rows = drills.flatMap((drill) => drill.modes.map(({ id, role }) => [id, role, drillName(drill)]));
  for (const line of columns(["MODE", "ROLE", "FAULTS"], rows)) print(line);
  if (refusals.size > 0) {
    print();
    for (const line of columns(["NOT HERE", "BECAUSE"], [...refusals])) print(line);
  }
  return exitCodes.done;
}
