import type { Redis } from "ioredis";
import { messageOf } from "../../core/errors.ts";

/** What tries name. */
interface TryNames {
  /** A key that redisops may write. Nothing is under it. */
  readonly own: string;
  /** A key as the role's own are. Nothing is under it. */
  readonly data: string;
  /** What the Sentinels call the primary. */
  readonly primary: string;
}

/** How long what a try had to write stays, in milliseconds. */
const lifetime = 5_000;
const noScript = "0".repeat(40);

/**
 * For each command words that change nothing where the command is allowed: it reads what is not there, or stumbles over
 * an argument. A server judges the right before either of them, and the number of words before that.
 */
const tries: Readonly<Record<string, (names: TryNames) => readonly string[]>> = {
  ping: () => ["PING"],
  info: () => ["INFO", "server"],
  time: () => ["TIME"],
  dbsize: () => ["DBSIZE"],
  randomkey: () => ["RANDOMKEY"],
  scan: () => ["SCAN", "no-cursor"],
  set: ({ own }) => ["SET", own, "x", "PX", "no-number"],
  pexpire: ({ own }) => ["PEXPIRE", own, "no-number"],
  eval: () => ["EVAL", "return 0", "0"],
  eval_ro: () => ["EVAL_RO", "return 0", "0"],
  evalsha: () => ["EVALSHA", noScript, "0"],
  "script|load": () => ["SCRIPT", "LOAD", "return 0"],
  "config|get": () => ["CONFIG", "GET", "save"],
  "cluster|nodes": () => ["CLUSTER", "NODES"],
  "cluster|info": () => ["CLUSTER", "INFO"],
  get: ({ data }) => ["GET", data],
  mget: ({ data }) => ["MGET", data],
  exists: ({ data }) => ["EXISTS", data],
  pttl: ({ data }) => ["PTTL", data],
  strlen: ({ data }) => ["STRLEN", data],
  bitcount: ({ data }) => ["BITCOUNT", data],
  bitfield: ({ data }) => ["BITFIELD", data, "GET", "u1", "0"],
  bitfield_ro: ({ data }) => ["BITFIELD_RO", data, "GET", "u1", "0"],
  bitop: ({ data }) => ["BITOP", "NO-OPERATION", data, data],
  getrange: ({ data }) => ["GETRANGE", data, "0", "0"],
  setrange: ({ data }) => ["SETRANGE", data, "0", ""],
  hget: ({ data }) => ["HGET", data, "f"],
  hmget: ({ data }) => ["HMGET", data, "f"],
  hkeys: ({ data }) => ["HKEYS", data],
  hgetall: ({ data }) => ["HGETALL", data],
  hset: ({ data }) => ["HSET", data, "field", "value", "field-without-value"],
  expire: ({ data }) => ["EXPIRE", data, "no-number"],
  persist: ({ data }) => ["PERSIST", data],
  rename: ({ data }) => ["RENAME", data, data],
  unlink: ({ data }) => ["UNLINK", data],
  watch: ({ data }) => ["WATCH", data],
  unwatch: () => ["UNWATCH"],
  exec: () => ["EXEC"],
  multi: () => ["MULTI"],
  "bf.exists": ({ data }) => ["BF.EXISTS", data, "x"],
  "bf.mexists": ({ data }) => ["BF.MEXISTS", data, "x"],
  "bf.scandump": ({ data }) => ["BF.SCANDUMP", data, "0"],
  "bf.reserve": ({ data }) => ["BF.RESERVE", data, "no-rate", "100"],
  "bf.insert": ({ data }) => ["BF.INSERT", data, "CAPACITY", "no-number", "ITEMS", "x"],
  "bf.loadchunk": ({ data }) => ["BF.LOADCHUNK", data, "no-iterator", "x"],
  "sentinel|get-master-addr-by-name": ({ primary }) => ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", primary],
  "sentinel|master": ({ primary }) => ["SENTINEL", "MASTER", primary],
  "sentinel|replicas": ({ primary }) => ["SENTINEL", "REPLICAS", primary],
  "sentinel|ckquorum": ({ primary }) => ["SENTINEL", "CKQUORUM", primary],
};

/** Commands that would write, tried on a string that was put there for it: they cannot work on one, so they change nothing. */
const triesOnString: Readonly<Record<string, (key: string) => readonly string[]>> = {
  incr: (key) => ["INCR", key],
  "bf.madd": (key) => ["BF.MADD", key, "x"],
};

/** Whether there is a try for each command of the rules. */
export function untriable(rules: readonly string[]): readonly string[] {
  return commandsOf(rules).filter((command) => !(command in tries) && !(command in triesOnString));
}

const commandsOf = (rules: readonly string[]) =>
  rules.filter((rule) => rule.startsWith("+")).map((rule) => rule.slice(1));

/** What a user lacks of rules, by trying. */
export interface Lacking {
  /** Commands as an ACL names them, `config|get`. */
  readonly commands: readonly string[];
  /** Key rules without which a command was denied although the command itself is allowed. */
  readonly keys: readonly string[];
  /** Commands that the server does not have at all. */
  readonly unknown: readonly string[];
}

type Verdict = "allowed" | "command" | "keys" | "unknown";

function verdictOf(error: unknown): Verdict {
  const message = error instanceof Error ? messageOf(error) : "";
  if (/^NOPERM\b/.test(message)) return /access (?:a|one of the) key/i.test(message) ? "keys" : "command";
  return /^ERR unknown (?:sub)?command/i.test(message) ? "unknown" : "allowed";
}

/** Sends all in one go. Rejects where the connection fails; an answer that is an error is an answer. */
async function sendAll(client: Redis, all: readonly (readonly string[])[]): Promise<unknown[]> {
  const pipeline = client.pipeline();
  for (const [command = "", ...words] of all) pipeline.call(command, ...words);
  const answers = (await pipeline.exec()) ?? [];
  const errors = answers.map(([error]) => error);
  const broken = errors.find((error) => error !== null && error.name !== "ReplyError");
  if (broken) throw broken;
  return errors;
}

/**
 * Tries every command of ACL rules, `+get +config|get ~conn:*`, in a way that changes nothing of anybody else's. Works with
 * the rights that are asked for alone, where `ACL DRYRUN` would need one more. The connection is used up by it: it may be
 * left within a transaction. Rejects with what ioredis rejects with.
 */
export async function tryRules(client: Redis, rules: readonly string[], names: TryNames): Promise<Lacking> {
  const commands = commandsOf(rules);
  const verdicts = new Map<string, Verdict>();
  const attempt = async (wanted: (command: string) => readonly string[] | undefined) => {
    const batch = commands.flatMap((command) => {
      const words = wanted(command);
      return words === undefined ? [] : [{ command, words }];
    });
    const errors = await sendAll(
      client,
      batch.map(({ words }) => words),
    );
    for (const [index, { command }] of batch.entries()) verdicts.set(command, verdictOf(errors[index]));
  };
  await attempt((command) => (command === "multi" ? undefined : tries[command]?.(names)));
  if (commands.some((command) => command in triesOnString) && verdicts.get("set") === "allowed") {
    await client.set(names.own, "x", "PX", lifetime);
    await attempt((command) => triesOnString[command]?.(names.own));
  }
  await attempt((command) => (command === "multi" ? tries.multi?.(names) : undefined));
  const having = (verdict: Verdict) => commands.filter((command) => verdicts.get(command) === verdict);
  return {
    commands: having("command"),
    keys: having("keys").length > 0 ? rules.filter((rule) => /^[~%]/.test(rule)) : [],
    unknown: having("unknown"),
  };
}
