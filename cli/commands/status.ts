import type { CommandModule } from "yargs";
import { modes } from "../../catalog/modes.ts";
import { redisRoles } from "../../catalog/roles.ts";
import type { Config } from "../../core/config/schema.ts";
import { exitCodes } from "../../core/error-codes.ts";
import { messageOf, RedisopsError } from "../../core/errors.ts";
import type { ActiveAlert } from "../../core/prometheus.ts";
import { type CommonOptions, commonOptions, configFlag } from "../options.ts";
import { note, printJson } from "../output.ts";

interface StatusOptions extends CommonOptions {
  readonly role: string | undefined;
}

/** Longest wait for Prometheus, which only adds since when a mode holds, in milliseconds. */
const prometheusDeadline = 2_000;

/** What Prometheus knows; nothing where it is not configured or does not answer, which is only worth a warning. */
async function knownAlerts({ prometheus }: Config): Promise<ActiveAlert[]> {
  if (prometheus === undefined) return [];
  const { activeAlerts } = await import("../../core/prometheus.ts");
  try {
    return await activeAlerts(prometheus.url, prometheusDeadline);
  } catch (error) {
    note(`warning: ${messageOf(error)}; since when a mode holds is not known`);
    return [];
  }
}

async function run(options: StatusOptions): Promise<number> {
  const [
    { loadConfig },
    { Probes },
    { platformStatus },
    { printStatus },
    { linkAnnotations },
    { ruleOptions },
  ] = await Promise.all([
    import("../../core/config/load.ts"),
    import("../../exporters/probes.ts"),
    import("../../exporters/status.ts"),
    import("../status-table.ts"),
    import("../../alerts/rules.ts"),
    import("../../alerts/defaults.ts"),
  ]);
  const config = loadConfig(options.config);
  const [alerts, results] = await Promise.all([knownAlerts(config), new Probes(config).run()]);
  const now = Date.now();
  const runbooks = new Map(
    modes.map((mode) => [mode.id, linkAnnotations(mode, ruleOptions(config)).runbook_url ?? ""]),
  );
  const rows = platformStatus(results, config.thresholds, alerts, now)
    .filter(({ role }) => options.role === undefined || role === options.role)
    .map((row) => ({
      ...row,
      modes: row.modes.map((mode) => ({ ...mode, runbook: runbooks.get(mode.id) ?? "" })),
    }));
  if (rows.length === 0) {
    const missing =
      options.role === undefined ? "no role, no Postgres and no provider" : `no ${options.role}`;
    throw new RedisopsError(
      "CONFIG_INCOMPLETE",
      `${options.config} describes ${missing}: there is nothing to probe`,
    );
  }
  const healthy = rows.every((row) => row.state === "ok");
  if (options.json) printJson({ platform: config.platform, healthy, roles: rows });
  else await printStatus(rows, now, configFlag(options));
  return healthy ? exitCodes.done : exitCodes.failed;
}

/** `redisops status`. */
export function statusCommand(finish: (code: number) => void): CommandModule<object, StatusOptions> {
  return {
    command: "status",
    describe: "Probe every role now and show which degradation modes hold",
    builder: (yargs) =>
      commonOptions(yargs)
        .option("role", {
          type: "string",
          choices: [...redisRoles, "postgres"],
          describe: "Show one role only",
          requiresArg: true,
        })
        .example("$0 status", "a table of all roles; exits 0 when all are ok, 1 otherwise")
        .example("$0 status --role dedup --json", "one role, for a script"),
    handler: async (options) => finish(await run(options)),
  };
}
