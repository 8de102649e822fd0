import type { RedisRole } from "../../catalog/roles.ts";

/** Parts of a platform that may be reached over TLS. */
export const tlsParts = ["redis", "postgres", "kafka"] as const;
export type TlsPart = (typeof tlsParts)[number];

/** Asks a person. Answers what was typed, or the suggestion where nothing was. */
export type Ask = (question: string, suggestion?: string) => Promise<string>;

/** What is known of a platform beforehand. Secrets are references, `${NAME}` or `file:/path`. */
export interface InitRequest {
  readonly platform: string | undefined;
  /** host:port of Redis servers, cluster nodes and Sentinels, in any order; one of each group is enough. */
  readonly redis: readonly string[];
  readonly redisUsername: string | undefined;
  /** Tried in their order on each server. */
  readonly redisPasswords: readonly string[];
  /** Where a role lives, which is believed without looking: host:port. */
  readonly roles: ReadonlyMap<RedisRole, string>;
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
  readonly tls: readonly TlsPart[];
  /** PEM file of the authority of all of them; the system's when undefined. */
  readonly caFile: string | undefined;
  /** Undefined where nobody is there to answer. */
  readonly ask: Ask | undefined;
  /** Told what is being looked at. */
  readonly note: (line: string) => void;
}

/** The `tls` of a section; nothing where that part is reached without. */
export function tlsOf(part: TlsPart, { tls, caFile }: InitRequest) {
  if (!tls.includes(part)) return {};
  return { tls: caFile === undefined ? {} : { ca_file: caFile } };
}

/** Longest time for one connection, command or request, in milliseconds. */
export const answerDeadline = 5_000;
