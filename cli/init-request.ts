import { type RedisRole, redisRoles } from "../catalog/roles.ts";
import { address, httpUrl } from "../core/config/fields.ts";
import { Secret, secretReferencePattern } from "../core/config/secret.ts";
import { RedisopsError } from "../core/errors.ts";
import type { Ask, InitRequest, TlsPart } from "../operations/init/request.ts";

/** The options of `redisops init` as they are typed. */
export interface InitOptions {
  readonly out: string;
  readonly force: boolean;
  readonly json: boolean;
  readonly nonInteractive: boolean;
  readonly platform: string | undefined;
  readonly redis: readonly string[];
  readonly redisUsername: string | undefined;
  readonly redisPassword: readonly string[];
  readonly role: readonly string[];
  readonly postgres: string | undefined;
  readonly postgresDatabase: string | undefined;
  readonly postgresUser: string | undefined;
  readonly postgresPassword: string | undefined;
  readonly pgbouncer: string | undefined;
  readonly pgbouncerUser: string | undefined;
  readonly pgbouncerPassword: string | undefined;
  readonly kafka: readonly string[];
  readonly kafkaUsername: string | undefined;
  readonly kafkaPassword: string | undefined;
  readonly prometheus: string | undefined;
  readonly alertmanager: string | undefined;
  readonly grafana: string | undefined;
  readonly grafanaToken: string | undefined;
  readonly tls: readonly string[];
  readonly caFile: string | undefined;
}

const usage = (message: string, next: string) => new RedisopsError("USAGE", message, { next });

/** Several words of one option, also separated by commas. */
const words = (typed: readonly string[]) =>
  typed.flatMap((word) => word.split(/[\s,]+/)).filter((word) => word !== "");

function addresses(option: string, typed: readonly string[]): readonly string[] {
  const all = words(typed);
  const wrong = all.find((word) => !address().safeParse(word).success);
  if (wrong === undefined) return all;
  throw usage(`--${option}: expected host:port, not "${wrong}"`, `Say --${option} HOST:PORT.`);
}

function one(option: string, typed: string | undefined): string | undefined {
  if (typed === undefined || typed === "") return undefined;
  return addresses(option, [typed])[0];
}

function url(option: string, typed: string | undefined): string | undefined {
  if (typed === undefined || typed === "") return undefined;
  if (httpUrl().safeParse(typed).success) return typed;
  // What is wrong with it may be the credentials in it.
  throw usage(
    `--${option}: expected an address such as http://host:9090, without credentials`,
    `Say --${option} http://HOST:PORT.`,
  );
}

/** A secret stays out of the process list: what is typed is where it is. */
function reference(option: string, typed: string | undefined): string | undefined {
  if (typed === undefined || typed === "") return undefined;
  if (!secretReferencePattern.test(typed)) {
    throw usage(
      `--${option}: expected a reference, not the secret itself`,
      `Put it into an environment variable and say --${option} '\${NAME}', or into a file and say --${option} file:/path.`,
    );
  }
  new Secret(typed).reveal();
  return typed;
}

function roleAddresses(typed: readonly string[]): ReadonlyMap<RedisRole, string> {
  return new Map(
    words(typed).map((word): [RedisRole, string] => {
      const equals = word.indexOf("=");
      const role = redisRoles.find((each) => each === word.slice(0, equals));
      if (role === undefined) {
        throw usage(
          `--role: expected one of ${redisRoles.join(", ")} and an address`,
          "Say --role registry=HOST:PORT.",
        );
      }
      return [role, addresses("role", [word.slice(equals + 1)])[0] ?? ""];
    }),
  );
}

/** The request that options make. Throws USAGE for what cannot be meant, and SECRET_UNRESOLVED. */
export function initRequest(
  options: InitOptions,
  ask: Ask | undefined,
  note: (line: string) => void,
): InitRequest {
  return {
    platform: options.platform,
    redis: addresses("redis", options.redis),
    redisUsername: options.redisUsername,
    redisPasswords: options.redisPassword.flatMap((typed) => reference("redis-password", typed) ?? []),
    roles: roleAddresses(options.role),
    postgres: one("postgres", options.postgres),
    postgresDatabase: options.postgresDatabase,
    postgresUser: options.postgresUser,
    postgresPassword: reference("postgres-password", options.postgresPassword),
    pgbouncer: one("pgbouncer", options.pgbouncer),
    pgbouncerUser: options.pgbouncerUser,
    pgbouncerPassword: reference("pgbouncer-password", options.pgbouncerPassword),
    kafka: addresses("kafka", options.kafka),
    kafkaUsername: options.kafkaUsername,
    kafkaPassword: reference("kafka-password", options.kafkaPassword),
    prometheus: url("prometheus", options.prometheus),
    alertmanager: url("alertmanager", options.alertmanager),
    grafana: url("grafana", options.grafana),
    grafanaToken: reference("grafana-token", options.grafanaToken),
    tls: options.tls as readonly TlsPart[],
    caFile: options.caFile,
    ask,
    note,
  };
}
