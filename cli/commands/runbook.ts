import type { CommandModule } from "yargs";
import { type RunbookOptions, runbookOptions } from "../runbook/options.ts";

interface ModeOptions extends RunbookOptions {
  readonly mode: string;
}

const modePosition = { type: "string", demandOption: true, describe: "A mode’s name, in any case" } as const;

/** `redisops runbook list|show|open|search|build`. */
export function runbookCommand(finish: (code: number) => void): CommandModule {
  return {
    command: "runbook",
    builder: (yargs) =>
      yargs
        .command<{ json: boolean }>(
          "list",
          "All modes by role, with severity and command",
          (own) =>
            own
              .option("json", {
                type: "boolean",
                default: false,
                describe: "Print one JSON document instead of text",
              })
              .example("$0 runbook list", "needs no configuration"),
          async (options) => finish((await import("../runbook/list.ts")).list(options)),
        )
        .command<ModeOptions & { offline: boolean }>(
          "show <mode>",
          "Print a page, with what your platform says of the mode now",
          (own) =>
            runbookOptions(own.positional("mode", modePosition))
              .option("offline", {
                type: "boolean",
                default: false,
                describe: "Do not look at the platform; only its thresholds are filled in",
              })
              .example("$0 runbook show BloomCold", "probes once where redisops.yaml is there")
              .example("$0 runbook show bloomcold --offline | less", "just the page"),
          async (options) => finish(await (await import("../runbook/show.ts")).show(options.mode, options)),
        )
        .command<ModeOptions>(
          "open <mode>",
          "Print a page’s address, and open it in the browser of a desktop",
          (own) =>
            runbookOptions(own.positional("mode", modePosition)).example(
              "$0 runbook open BloomCold",
              "where an alert’s link leads",
            ),
          async (options) => finish(await (await import("../runbook/open.ts")).open(options.mode, options)),
        )
        .command<{ words: string[]; json: boolean }>(
          "search <words..>",
          "Find modes by words, metrics or error codes; exits 1 when there is none",
          (own) =>
            own
              // Elsewhere an option that is given twice counts once; here that would leave the last word alone.
              .parserConfiguration({ "boolean-negation": false, "dot-notation": false })
              .positional("words", {
                type: "string",
                array: true,
                demandOption: true,
                describe: "What to look for",
              })
              .option("json", {
                type: "boolean",
                default: false,
                describe: "Print one JSON document instead of text",
              })
              .example("$0 runbook search duplicate notifications", "what may be behind them"),
          async (options) =>
            finish((await import("../runbook/list.ts")).search(options.words.map(String), options)),
        )
        .command<RunbookOptions & { out: string }>(
          "build",
          "Write all pages as HTML files that need no server and no network",
          (own) =>
            runbookOptions(own)
              .option("out", {
                type: "string",
                demandOption: true,
                requiresArg: true,
                describe: "Folder to write to",
              })
              .example("$0 runbook build --out /srv/runbooks", "begin with index.html; it has a search"),
          async (options) => finish(await (await import("../runbook/build.ts")).build(options)),
        )
        .example("$0 runbook show BloomCold", "what to do, filled in for your platform")
        .demandCommand(1, "Say what to do with the runbooks: list, show, open, search or build"),
    handler: () => undefined,
  };
}
