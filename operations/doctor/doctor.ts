import { redisRoles } from "../../catalog/roles.ts";
import { loadConfig } from "../../core/config/load.ts";
import type { Config } from "../../core/config/schema.ts";
import { toRedisopsError } from "../../core/errors.ts";
import { alertmanagerChecks } from "./alertmanager-checks.ts";
import { type Check, checked, part } from "./check.ts";
import { grafanaChecks } from "./grafana-checks.ts";
import { kafkaChecks } from "./kafka-checks.ts";
import { secretsCheck, stateFolderCheck } from "./machine-checks.ts";
import { pgbouncerChecks, postgresChecks } from "./postgres-checks.ts";
import { prometheusChecks } from "./prometheus-checks.ts";
import { redisChecks } from "./redis-checks.ts";

/** What to check. */
export interface DoctorOptions {
  /** The configuration's path. */
  readonly config: string;
  /** Whether the users of the configuration shall also be able to carry out recoveries. */
  readonly recoveries: boolean;
}

/** What the doctor found. */
export interface Diagnosis {
  /** Undefined where the configuration cannot be read. */
  readonly platform: string | undefined;
  /** Whether no check failed. */
  readonly healthy: boolean;
  readonly checks: readonly Check[];
}

const emptyFix = "redisops init --redis HOST:PORT --force   # drafts it again from what there is";

function diagnosis(platform: string | undefined, checks: readonly Check[]): Diagnosis {
  return { platform, healthy: checks.every(({ status }) => status !== "failed"), checks };
}

/** Every part of the platform, each with its checks; they run at the same time. */
function parts(config: Config, { config: path, recoveries }: DoctorOptions): Promise<readonly Check[]>[] {
  const { roles, postgres, kafka } = config;
  const pgbouncer = postgres?.pgbouncer;
  return [
    ...redisRoles
      .filter((role) => roles[role] !== undefined)
      .map((role) => part(`redis.${role}.reach`, () => redisChecks(role, config, recoveries))),
    ...(postgres === undefined ? [] : [part("postgres.reach", () => postgresChecks(postgres, recoveries))]),
    ...(pgbouncer === undefined ? [] : [part("pgbouncer.reach", () => pgbouncerChecks(pgbouncer))]),
    ...(kafka === undefined ? [] : [part("kafka.reach", () => kafkaChecks(kafka))]),
    part("prometheus.reach", () => prometheusChecks(config, path)),
    part("alertmanager.reach", () => alertmanagerChecks(config, path)),
    part("grafana.boards", () => grafanaChecks(config, path)),
    part("state_dir", async () => [await stateFolderCheck(config)]),
  ];
}

/**
 * Checks configuration, access, rights, versions, rules, routes and boards. Changes nothing: rights are tried with commands
 * that have nothing to work on. Never rejects for what it finds.
 */
export async function diagnose(options: DoctorOptions): Promise<Diagnosis> {
  const { config: path, recoveries } = options;
  let config: Config;
  try {
    config = loadConfig(path);
  } catch (error) {
    const { message, next } = toRedisopsError(error);
    return diagnosis(undefined, [checked("config", "failed", message, next)]);
  }
  const found = (await Promise.all(parts(config, options))).flat();
  const empty =
    Object.keys(config.roles).length + Object.keys(config.providers).length === 0 &&
    config.postgres === undefined;
  return diagnosis(config.platform, [
    empty
      ? checked("config", "failed", `${path} describes no role, no Postgres and no provider`, emptyFix)
      : checked("config", "ok", `${path} is valid`),
    secretsCheck(config, path),
    ...found,
    ...(recoveries
      ? []
      : [
          checked(
            "recoveries",
            "skipped",
            "whether these users may also carry out recoveries",
            "redisops doctor --recoveries",
          ),
        ]),
  ]);
}
