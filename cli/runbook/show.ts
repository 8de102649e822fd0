import type { DegradationMode } from "../../catalog/mode.ts";
import { exitCodes } from "../../core/error-codes.ts";
import { effectiveThresholds } from "../../core/signal/thresholds.ts";
import { renderRunbook } from "../../runbooks/render.ts";
import { readVerified, verifiedState } from "../../runbooks/verified.ts";
import { print, printJson } from "../output.ts";
import { findMode } from "./find-mode.ts";
import { optionalConfig, type RunbookOptions } from "./options.ts";
import { pageUrl } from "./page-url.ts";
import { terminalMarkdown } from "./terminal-markdown.ts";

/** Columns of a page where stdout is no terminal, and at most elsewhere: longer lines are hard to read. */
const pageColumns = 100;

/** What `runbook list`, `show` and `search` tell of a mode in their JSON. */
export function described({ id, title, role, severity, nature, board, remedy }: DegradationMode) {
  return {
    mode: id,
    title,
    role,
    severity,
    nature,
    board,
    command: remedy.kind === "command" ? remedy.command : null,
    instead: remedy.kind === "none" ? remedy.instead : (remedy.first ?? null),
  };
}

/** `redisops runbook show`: the page, with what the platform says of the mode after the page's first lines. */
export async function show(
  name: string,
  options: RunbookOptions & { readonly offline: boolean },
): Promise<number> {
  const mode = await findMode(name);
  const config = await optionalConfig(options);
  const thresholds = effectiveThresholds(mode, config?.thresholds);
  const record = readVerified()[mode.id];
  const page = renderRunbook(mode, { thresholds, verified: record });
  const asked = config === undefined || options.offline ? undefined : config;
  const observe = async () =>
    asked === undefined
      ? undefined
      : (await import("../../operations/diagnosis/observe-mode.ts")).observeMode(mode, asked);
  if (options.json) {
    printJson({
      ...described(mode),
      url: await pageUrl(mode, config),
      thresholds,
      verified: { state: verifiedState(mode, record), ...record },
      live: (await observe()) ?? null,
      page,
    });
    return exitCodes.done;
  }
  // The platform may take seconds to answer; the first lines are there before.
  const observed = observe();
  const width = Math.min(pageColumns, process.stdout.columns ?? pageColumns);
  const firstSection = page.indexOf("\n## ");
  for (const line of terminalMarkdown(page.slice(0, firstSection), width)) print(line);
  const live = await observed;
  if (live !== undefined) {
    const { liveLines } = await import("./live-lines.ts");
    print();
    for (const line of liveLines(mode, live, thresholds, Date.now())) print(line);
  }
  print();
  for (const line of terminalMarkdown(page.slice(firstSection), width)) print(line);
  return exitCodes.done;
}
