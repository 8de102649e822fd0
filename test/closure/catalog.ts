import type { DegradationMode } from "../../catalog/mode.ts";

/** Files in catalog/modes that are not in the catalog, and modes that have no file of their name. */
export function registrationGaps(modes: readonly DegradationMode[], files: readonly string[]): string[] {
  const ids = modes.map(({ id }) => id);
  return [
    ...files
      .filter((file) => !ids.includes(file))
      .map(
        (file) => `catalog/modes/${file}.ts: add it to catalog/modes.ts, and give its mode the id ${file}`,
      ),
    ...ids
      .filter((id) => !files.includes(id))
      .map((id) => `${id}: its file is not catalog/modes/${id}.ts; rename one of them`),
    ...ids
      .filter((id, index) => ids.indexOf(id) !== index)
      .map((id) => `${id}: twice in catalog/modes.ts; remove one`),
  ];
}

/**
 * Inhibitions of modes that do not exist, of another role, of a page by a ticket, or in a circle, in which all would be
 * silent.
 */
export function inhibitionGaps(modes: readonly DegradationMode[]): string[] {
  const byId = new Map(modes.map((mode) => [mode.id, mode]));
  const reaches = (from: string, to: string, seen: ReadonlySet<string>): boolean =>
    (byId.get(from)?.inhibits ?? []).some(
      (next) => next === to || (!seen.has(next) && reaches(next, to, new Set([...seen, next]))),
    );
  return modes.flatMap((mode) => {
    const where = `correct inhibits in catalog/modes/${mode.id}.ts`;
    return [
      ...mode.inhibits.flatMap((target) => {
        const inhibited = byId.get(target);
        if (inhibited === undefined) return [`${mode.id}: inhibits ${target}, which is no mode; ${where}`];
        if (
          mode.severity !== "page" &&
          inhibited.severity === "page" &&
          inhibited.signal.kind !== "burn-rate"
        )
          return [
            `${mode.id}: a ${mode.severity} inhibits the page ${target}, which nobody would hear; ${where}`,
          ];
        // Where the alert names the role, Alertmanager compares the alerts' own.
        if (inhibited.role === mode.role || mode.role === "any" || inhibited.role === "any") return [];
        return [`${mode.id}: inhibits ${target} of another role, which Alertmanager would not do; ${where}`];
      }),
      ...(reaches(mode.id, mode.id, new Set())
        ? [`${mode.id}: inhibits itself in a circle: all of them would be silent; ${where}`]
        : []),
    ];
  });
}
