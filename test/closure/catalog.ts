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

/** Inhibitions of modes that do not exist, of another role, or in a circle, in which all would be silent. */
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
        if (inhibited.role === mode.role) return [];
        return [`${mode.id}: inhibits ${target} of another role, which Alertmanager would not do; ${where}`];
      }),
      ...(reaches(mode.id, mode.id, new Set())
        ? [`${mode.id}: inhibits itself in a circle: all of them would be silent; ${where}`]
        : []),
    ];
  });
}

/** Texts that are written for one mode; those that several may share are left out. */
const ownTexts = [
  "title",
  "origin",
  "summary",
  "description",
  "userImpact",
  "containment",
  "normal",
  "frequency",
  "prevention",
] as const;

function textsOf(mode: DegradationMode): { readonly field: string; readonly text: string }[] {
  return [
    ...ownTexts.map((field) => ({ field, text: mode[field] })),
    { field: "remedy.proof", text: mode.remedy.proof },
    ...mode.aggravators.map((text) => ({ field: "aggravators", text })),
    ...mode.diagnosis.flatMap(({ branches }) =>
      branches.map(({ conclusion }) => ({ field: "diagnosis", text: conclusion })),
    ),
  ];
}

/** Texts and lists that a mode leaves empty. */
function emptyParts(mode: DegradationMode): string[] {
  const { within, rollback, whenItFails } = mode.remedy;
  const texts = [
    ...textsOf(mode),
    ...Object.entries({ within, rollback, whenItFails }).map(([field, text]) => ({
      field: `remedy.${field}`,
      text,
    })),
    ...Object.entries(mode.thresholds).map(([name, { reason }]) => ({
      field: `thresholds.${name}.reason`,
      text: reason,
    })),
  ];
  const lists = { aggravators: mode.aggravators, diagnosis: mode.diagnosis, scenarios: mode.scenarios };
  return [
    ...texts.filter(({ text }) => text.trim() === "").map(({ field }) => field),
    ...Object.entries(lists)
      .filter(([, list]) => list.length === 0)
      .map(([field]) => field),
    ...(mode.diagnosis.every(({ branches }) => branches.length > 0) ? [] : ["diagnosis.branches"]),
  ];
}

/** Texts of modes that are empty, or copied from another mode. */
export function textGaps(modes: readonly DegradationMode[]): string[] {
  const owners = new Map<string, string>();
  return modes.flatMap((mode) => {
    const copied = textsOf(mode).flatMap(({ field, text }) => {
      const owner = owners.get(text);
      if (owner === undefined) owners.set(text, mode.id);
      return owner === undefined || owner === mode.id || text.trim() === ""
        ? []
        : [
            `${mode.id}: ${field} is the same as a text of ${owner}; say in catalog/modes/${mode.id}.ts what is its own`,
          ];
    });
    return [
      ...emptyParts(mode).map(
        (field) => `${mode.id}: ${field} is empty; fill it in catalog/modes/${mode.id}.ts`,
      ),
      ...copied,
    ];
  });
}
