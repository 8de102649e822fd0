import { performance } from "node:perf_hooks";
import type { RedisopsError } from "../../core/errors.ts";
import { commandError, type NodeConnection } from "../../core/redis/connect.ts";
import { InfoFields } from "./info.ts";

/** Settings that INFO does not tell. */
export const judgedSettings = ["save", "min-replicas-to-write"] as const;

export type JudgedSetting = (typeof judgedSettings)[number];

/** What to ask a server beside PING and INFO. */
export interface NodeQuestions {
  readonly clusterInfo: boolean;
  readonly settings: readonly JudgedSetting[];
}

/** What one server says of itself. */
export interface NodeFacts {
  /** Time of the answer to PING, in seconds. */
  readonly seconds: number;
  /** Why it answered PING with an error; undefined where it answered as it should. */
  readonly refusal: RedisopsError | undefined;
  /** INFO; undefined where it may not be asked. */
  readonly info: InfoFields | undefined;
  /** CLUSTER INFO; undefined where it was not or may not be asked. */
  readonly cluster: InfoFields | undefined;
  /** Settings by name; without those that may not be asked. */
  readonly settings: ReadonlyMap<string, string>;
  /** Why PING, INFO or CLUSTER INFO may not be asked. */
  readonly denied: RedisopsError | undefined;
}

/** An error that the server answered with, unlike one of the connection. */
const isReply = (error: unknown): error is Error => error instanceof Error && error.name === "ReplyError";

const isDenied = (error: Error) => /^NOPERM\b|unknown (?:sub)?command/i.test(error.message);

/**
 * Asks a server all of it in one round trip. Rejects with a RedisopsError when the server does not answer; a single
 * answer that is an error rejects nothing.
 */
export async function readNode(connection: NodeConnection, questions: NodeQuestions): Promise<NodeFacts> {
  const { client } = connection;
  const asked = performance.now();
  let seconds = 0;
  const pipeline = client.pipeline();
  pipeline.ping(() => {
    seconds = (performance.now() - asked) / 1000;
  });
  pipeline.info();
  if (questions.clusterInfo) pipeline.cluster("INFO");
  for (const setting of questions.settings) pipeline.config("GET", setting);
  const [ping, info, ...more] = (await pipeline.exec()) ?? [];
  const broken = [ping, info, ...more].map((answer) => answer?.[0]).find((error) => error && !isReply(error));
  if (ping === undefined || info === undefined || broken) throw commandError(broken, connection);
  const cluster = questions.clusterInfo ? more.shift() : undefined;

  const fieldsOf = (answer: typeof cluster) =>
    typeof answer?.[1] === "string" ? new InfoFields(answer[1]) : undefined;
  const settings = new Map(
    more.flatMap(([, answer]) => {
      const [name, value] = Array.isArray(answer) ? answer : [];
      return typeof name === "string" && typeof value === "string" ? [[name, value]] : [];
    }),
  );
  const denials = [ping[0], info[0], cluster?.[0]].filter((error) => error && isDenied(error));
  // A server that denies PING is there all the same, and so is one that knows no such command.
  const refused = ping[0] !== null && !isDenied(ping[0]) ? ping[0] : undefined;
  return {
    seconds,
    refusal: refused === undefined ? undefined : commandError(refused, connection),
    info: fieldsOf(info),
    cluster: fieldsOf(cluster),
    settings,
    denied: denials[0] ? commandError(denials[0], connection) : undefined,
  };
}
