import type { CommandModule } from "yargs";
import type { CapacityOptions } from "../capacity/show-capacity.ts";
import { commonOptions } from "../options.ts";

/** `redisops capacity`. */
export function capacityCommand(finish: (code: number) => void): CommandModule<object, CapacityOptions> {
  return {
    command: "capacity",
    builder: (yargs) =>
      commonOptions(yargs)
        .option("example", {
          type: "boolean",
          default: false,
          describe: "Of a platform with 5 million notifications a second, without a configuration",
        })
        .option("measure", {
          type: "boolean",
          default: false,
          describe: "Measure now how many reads Postgres serves: a burst of 200 ms, only if it has room",
        })
        .option("set", {
          type: "string",
          array: true,
          default: [] as string[],
          requiresArg: true,
          describe: "What if: a figure of your own, as name=value; more after it, or --set again",
        })
        .option("seed", { type: "number", default: 1, requiresArg: true, describe: "Of the simulations" })
        .option("report", {
          type: "string",
          requiresArg: true,
          describe: "Write an HTML page with plots to this file as well",
        })
        .example("$0 capacity", "from what Prometheus, the probes and redisops.yaml say")
        .example("$0 capacity --set postgres_reads_per_second=200000", "what a faster Postgres would change")
        .example("$0 capacity --example --report capacity.html", "a page to look at, without a platform"),
    handler: async (options) =>
      finish(await (await import("../capacity/show-capacity.ts")).showCapacity(options)),
  };
}
