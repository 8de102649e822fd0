import { formatDuration } from "../../core/duration.ts";
import { exitCodes } from "../../core/error-codes.ts";
import type { JournalEntry } from "../../recovery/run/journal.ts";
import { type CommonOptions, configFlag } from "../options.ts";
import { aligned, note, print, printJson, styled } from "../output.ts";
import { checkedRate } from "./recovery-options.ts";

const warn = (json: boolean) => (message: string) =>
  note(json ? JSON.stringify({ event: "warning", message }) : `warning: ${message}`);

/** `redisops recover list`. Returns the exit code. */
export async function list(options: CommonOptions): Promise<number> {
  const [{ loadConfig }, { listRuns }] = await Promise.all([
    import("../../core/config/load.ts"),
    import("../../recovery/run/find-runs.ts"),
  ]);
  const runs = await listRuns(loadConfig(options.config), warn(options.json));
  if (options.json) printJson({ runs });
  else if (runs.length === 0) print("No recovery has been carried out yet.");
  else {
    const rows = runs.map(({ run, state, code, paused, startedAt, host }) => [
      run,
      paused === undefined ? state : "paused",
      startedAt.replace("T", " ").replace(/\.\d+Z$/, "Z"),
      host,
      paused ?? code ?? "",
    ]);
    const { columns } = await import("../table.ts");
    for (const line of columns(["RUN", "STATE", "STARTED", "HOST", "WHY"], rows)) print(line);
  }
  return exitCodes.done;
}

function lineOf(entry: JournalEntry): string {
  switch (entry.event) {
    case "started":
      return `started on ${entry.host}, lock in ${entry.lock}, fencing token ${entry.token}`;
    case "resumed":
      return `resumed on ${entry.host}, fencing token ${entry.token}${entry.anew ? ", from the beginning: the target is another one" : ""}`;
    case "step_started":
      return `${entry.step} …`;
    case "step_ended":
      return `${entry.step} took ${formatDuration(entry.seconds * 1000)}`;
    case "checkpoint":
      return `checkpoint ${entry.name}`;
    case "paused":
      return `paused: ${entry.reason}`;
    case "continued":
      return `went on after ${formatDuration(entry.seconds * 1000)}`;
    case "executed":
      return `carried out, ${entry.items.toLocaleString("en-US")} items in ${formatDuration(entry.seconds * 1000)}`;
    case "verified":
      return `verification ${entry.holds ? "holds" : "does not hold"}: ${Object.entries(entry.figures)
        .map(([name, value]) => `${name} ${value}`)
        .join(", ")}`;
    case "failed":
      return `${entry.code}  ${entry.message}`;
  }
}

/** Checkpoints of one name after the other are shown by the last of them. */
function shortened(entries: readonly JournalEntry[]): JournalEntry[] {
  return entries.filter((entry, index) => {
    const next = entries[index + 1];
    return !(entry.event === "checkpoint" && next?.event === "checkpoint");
  });
}

/** `redisops recover show <run>`. Returns the exit code. */
export async function show(options: CommonOptions & { readonly run: string }): Promise<number> {
  const [{ loadConfig }, { findJournal, listedRun }, { readRun }] = await Promise.all([
    import("../../core/config/load.ts"),
    import("../../recovery/run/find-runs.ts"),
    import("../../recovery/run/run-state.ts"),
  ]);
  const config = loadConfig(options.config);
  const entries = await findJournal(config, options.run, warn(options.json));
  const { started } = readRun(options.run, entries);
  const { state, code, paused } = await listedRun(config, options.run, entries, warn(options.json));
  if (options.json) {
    printJson({ run: options.run, recovery: started.recovery, state, code, paused, journal: entries });
    return exitCodes.done;
  }
  print(styled("bold", `Run ${options.run}: ${paused === undefined ? state : `paused (${paused})`}`));
  for (const line of aligned([{ label: "target", value: started.plan.target }, ...started.plan.facts]))
    print(line);
  print("Journal");
  for (const entry of shortened(entries)) print(`  ${entry.at}  ${lineOf(entry)}`);
  if (state === "failed" || state === "interrupted" || state === "died") {
    print(styled("bold", `To go on: redisops recover resume ${options.run}${configFlag(options)}`));
  }
  return exitCodes.done;
}

/** `redisops recover throttle <run> --max-rate N`. Returns the exit code. */
export async function throttle(
  options: CommonOptions & { readonly run: string; readonly maxRate: number },
): Promise<number> {
  const [{ loadConfig }, { askRate, findJournal }] = await Promise.all([
    import("../../core/config/load.ts"),
    import("../../recovery/run/find-runs.ts"),
  ]);
  const config = loadConfig(options.config);
  const rate = checkedRate(options.maxRate);
  await findJournal(config, options.run, warn(options.json));
  await askRate(config, options.run, rate);
  if (options.json) printJson({ run: options.run, max_rate: rate });
  else print(`Run ${options.run} is held to ${rate} items per second from its next sign of life on (2 s).`);
  return exitCodes.done;
}
