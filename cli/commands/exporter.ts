import type { CommandModule, Options } from "yargs";
import { exitCodes } from "../../core/error-codes.ts";
import { RedisopsError } from "../../core/errors.ts";
import { type CommonOptions, commonOptions } from "../options.ts";

/** The flags of Prometheus's own exporters, by their names. */
interface ExporterFlags extends Pick<CommonOptions, "config"> {
  readonly "web.listen-address"?: string;
  readonly "web.telemetry-path": string;
  readonly "web.config.file"?: string;
}

const flags = {
  "web.listen-address": {
    type: "string",
    requiresArg: true,
    describe: "host:port, or :port for all addresses; overrides exporter.listen",
  },
  "web.telemetry-path": {
    type: "string",
    requiresArg: true,
    default: "/metrics",
    describe: "Path of the metrics",
  },
  "web.config.file": {
    type: "string",
    requiresArg: true,
    describe: "TLS, client certificates and users, in the exporter-toolkit's format (docs/exporter.md)",
  },
} as const satisfies Record<string, Options>;

const addressPattern = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)?:(\d{1,5})$/;
const pathPattern = /^(?:\/[A-Za-z0-9._~-]+)+$/;
const taken = ["/probe", "/sd", "/-/healthy", "/-/ready", "/-/reload"];

/** Makes sure that the flags can be used. Throws USAGE. */
function check({ "web.listen-address": address, "web.telemetry-path": path }: ExporterFlags): void {
  const next = "redisops exporter --help shows examples.";
  if (address !== undefined) {
    const port = Number(addressPattern.exec(address)?.[1]);
    if (!(port <= 65_535)) {
      throw new RedisopsError(
        "USAGE",
        `--web.listen-address expects host:port or :port, got ${JSON.stringify(address)}`,
        { next },
      );
    }
  }
  if (!pathPattern.test(path) || taken.includes(path)) {
    throw new RedisopsError(
      "USAGE",
      `--web.telemetry-path expects a path such as /metrics, and none of ${taken.join(", ")}; got ${JSON.stringify(path)}`,
      { next },
    );
  }
}

async function run(options: ExporterFlags): Promise<number> {
  check(options);
  const [{ loadConfig }, { requireSecrets }, { ExporterServer }, { pino }] = await Promise.all([
    import("../../core/config/load.ts"),
    import("../../core/config/effective.ts"),
    import("../../exporters/server.ts"),
    import("pino"),
  ]);
  const load = () => {
    const config = loadConfig(options.config);
    // Its own missing secret must not look like a server that is down: better not to start at all.
    const { roles, postgres, providers } = config;
    requireSecrets({ roles, postgres, providers }, options.config);
    return config;
  };
  const logger = pino({ name: "redisops" }, pino.destination(2));
  const server = new ExporterServer({
    load,
    logger,
    telemetryPath: options["web.telemetry-path"],
    webConfigFile: options["web.config.file"],
  });
  const stopped = new Promise<void>((resolve) => {
    let stopping = false;
    for (const name of ["SIGINT", "SIGTERM"] as const) {
      process.on(name, () => {
        if (stopping) process.exit(exitCodes.interrupted);
        stopping = true;
        logger.info({ signal: name }, "the exporter ends once the scrapes under way are answered");
        resolve();
      });
    }
  });
  process.on("SIGHUP", () => void server.state.reload());
  await server.listen(options["web.listen-address"] ?? server.state.config.exporter.listen);
  await stopped;
  await server.close();
  return exitCodes.done;
}

/** `redisops exporter`. */
export function exporterCommand(finish: (code: number) => void): CommandModule {
  return {
    command: "exporter",
    builder: (yargs) =>
      commonOptions(yargs)
        .hide("json")
        .options(flags)
        .example("$0 exporter --config /etc/redisops.yaml", "then scrape /metrics as job redisops")
        .example("$0 exporter --web.listen-address :9910", "on all addresses")
        .example("$0 exporter --web.config.file web.yml", "with TLS and users")
        .example(
          "curl 'localhost:9910/probe?target=registry&debug=true'",
          "what one role's probes do, with times",
        )
        .example("curl -X POST localhost:9910/-/reload", "read redisops.yaml anew, as SIGHUP does"),
    handler: async (options) => finish(await run(options as unknown as ExporterFlags)),
  };
}
