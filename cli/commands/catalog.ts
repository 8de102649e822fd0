import type { CommandModule } from "yargs";

interface CatalogOptions {
  readonly mode: string | undefined;
  readonly json: boolean;
}

/** `redisops catalog`. */
export function catalogCommand(finish: (code: number) => void): CommandModule<object, CatalogOptions> {
  return {
    command: "catalog",
    builder: (yargs) =>
      yargs
        .option("mode", { type: "string", requiresArg: true, describe: "One mode, with all there is of it" })
        .option("json", {
          type: "boolean",
          default: false,
          describe: "Print one JSON document instead of text",
        })
        .example("$0 catalog", "exits 0 when nothing is missing, 1 otherwise")
        .example("$0 catalog --mode BloomCold", "its metrics, panels, tests and drill by name"),
    handler: async (options) =>
      finish(await (await import("../catalog/show-catalog.ts")).showCatalog(options)),
  };
}
