import type { RedisRole } from "../../catalog/roles.ts";
import { address, httpUrl } from "../../core/config/fields.ts";
import { secretReferencePattern } from "../../core/config/secret.ts";

/** Parts of a platform that may be reached over TLS. */
export const tlsParts = ["redis", "postgres", "kafka"] as const;
export type TlsPart = (typeof tlsParts)[number];

/** Asks a person. Answers what was typed, or the suggestion where nothing was. */
export type Ask = (question: string, suggestion?: string) => Promise<string>;

/** What an answer may have to be, and what is said where it is not. Nothing of a wrong answer is kept or repeated. */
const kinds = {
  reference: {
    fits: (typed: string) => secretReferencePattern.test(typed),
    again: "That is no reference such as ${NAME} or file:/path. ",
  },
  address: {
    fits: (typed: string) => address().safeParse(typed).success,
    again: "That is no host:port. ",
  },
  url: {
    fits: (typed: string) => httpUrl().safeParse(typed).success,
    again: "That is no http://host:port, or has credentials in it. ",
  },
} as const;

/** Asks until something of the kind is typed. Undefined where nothing is typed, or nobody is there to be asked. */
export async function askFor(
  kind: keyof typeof kinds,
  ask: Ask | undefined,
  question: string,
  suggestion = "",
): Promise<string | undefined> {
  const { fits, again } = kinds[kind];
  let typed = await ask?.(question, suggestion);
  while (typed && !fits(typed)) typed = await ask?.(`${again}${question}`, suggestion);
  return typed || undefined;
}

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
