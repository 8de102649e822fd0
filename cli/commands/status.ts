import type { CommandModule } from "yargs";
import { redisRoles } from "../../catalog/roles.ts";
import { commonOptions } from "../options.ts";
import type { StatusOptions } from "../status/options.ts";

/** `redisops status`. */
export function statusCommand(finish: (code: number) => void): CommandModule<object, StatusOptions> {
  return {
    command: "status",
    builder: (yargs) =>
      commonOptions(yargs)
        .option("role", {
          type: "string",
          choices: [...redisRoles, "postgres"],
          describe: "Show one role only",
          requiresArg: true,
        })
        .option("watch", {
          type: "boolean",
          default: false,
          describe: "Look again and again until q or Ctrl-C; lines where stdout is no terminal",
        })
        .option("interval", {
          type: "string",
          requiresArg: true,
          default: "2s",
          describe: "With --watch, time between two looks",
        })
        .example("$0 status", "a table of all roles; exits 0 when all are ok, 1 otherwise")
        .example("$0 status --role dedup --json", "one role, for a script")
        .example("$0 status --watch", "modes, rates, recoveries and the next command, live")
        .example("$0 status --watch --interval 30s >> status.log", "a line per look"),
    handler: async (options) => finish(await (await import("../status/run.ts")).showStatus(options)),
  };
}
