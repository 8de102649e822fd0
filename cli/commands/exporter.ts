import type { CommandModule } from "yargs";
import { exitCodes } from "../../core/error-codes.ts";
import { type CommonOptions, commonOptions } from "../options.ts";

async function run(options: Pick<CommonOptions, "config">): Promise<number> {
  const [{ loadConfig }, { requireSecrets }, { Probes }, { exporterServer, listen }, { pino }] =
    await Promise.all([
      import("../../core/config/load.ts"),
      import("../../core/config/effective.ts"),
      import("../../exporters/probes.ts"),
      import("../../exporters/server.ts"),
      import("pino"),
    ]);
  const config = loadConfig(options.config);
  // Its own missing secret must not look like a server that is down: better not to start at all.
  const { roles, postgres, providers } = config;
  requireSecrets({ roles, postgres, providers }, options.config);
  const logger = pino({ name: "redisops" }, pino.destination(2));
  const server = exporterServer(new Probes(config), logger);
  const stopped = new Promise<void>((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
  await listen(server, config.exporter.listen);
  await stopped;
  // A connection whose scrape is still being answered would otherwise be kept alive, and the process with it.
  server.server.keepAliveTimeout = 1;
  await server.close();
  return exitCodes.done;
}

/** `redisops exporter`. */
export function exporterCommand(finish: (code: number) => void): CommandModule {
  return {
    command: "exporter",
    describe: "Serve Prometheus metrics of every configured role, of Postgres and of the providers",
    builder: (yargs) =>
      commonOptions(yargs)
        .hide("json")
        .example("$0 exporter --config /etc/redisops.yaml", "then scrape /metrics as job redisops"),
    handler: async (options) => finish(await run(options as unknown as CommonOptions)),
  };
}
