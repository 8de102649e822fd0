import { hasLab } from "../lab-module.ts";

/** The option by which the shells’ scripts ask for completions; the words of the line follow it. */
export const completionOption = "--get-yargs-completions";

const modeIds = async () => (await import("../../catalog/modes.ts")).modes.map(({ id }) => id);

/** Runs of recoveries that have a journal on this machine, newest last; none where there is no configuration. */
async function runs(config: string | undefined): Promise<string[]> {
  const [{ usualConfig }, { loadConfig }, { journalFolder, journalledRuns }] = await Promise.all([
    import("../options.ts"),
    import("../../core/config/load.ts"),
    import("../../recovery/run/journal.ts"),
  ]);
  try {
    return journalledRuns(journalFolder(loadConfig(config ?? usualConfig())));
  } catch {
    return [];
  }
}

/** Words that the parser does not know by itself, by the words before them. */
const values: readonly {
  readonly after: RegExp;
  readonly load: (config: string | undefined) => Promise<readonly string[]>;
}[] = [
  { after: /^runbook (show|open)$/, load: modeIds },
  { after: /^catalog --mode$/, load: modeIds },
  { after: /^drill run$/, load: async () => [...(await modeIds()), "--all"] },
  { after: /^recover (show|resume|join|throttle)$/, load: runs },
  {
    after: /^lab inject$/,
    load: async () => (hasLab ? Object.keys((await import("../lab-module.ts")).labFaults()) : []),
  },
];

/**
 * What may come at the end of a line, as its words are handed over by a shell’s script: the program, the words, and the
 * one that is being written. Undefined where the parser knows itself.
 */
export async function completions(line: readonly string[]): Promise<readonly string[] | undefined> {
  const words = line.slice(1, -1);
  const at = words.indexOf("--config");
  const [, config] = at < 0 ? [] : words.splice(at, 2);
  const current = line.at(-1) ?? "";
  if (current.startsWith("-")) return undefined;
  const found = values.find(({ after }) => after.test(words.join(" ")));
  return (await found?.load(config))?.filter((value) =>
    value.toLowerCase().startsWith(current.toLowerCase()),
  );
}
