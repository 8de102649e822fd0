import type { Redis } from "ioredis";

/** What no user of redisops needs, each with the words of an example, which is never run. */
const dangerous: readonly (readonly string[])[] = [
  ["FLUSHALL"],
  ["SHUTDOWN"],
  ["CONFIG", "SET", "maxmemory", "1"],
  ["DEBUG", "SLEEP", "0"],
  ["ACL", "SETUSER", "somebody"],
  ["REPLICAOF", "NO", "ONE"],
  ["MODULE", "LOAD", "/module"],
  ["KEYS", "*"],
];

/** The commands alone: `CONFIG SET`, `KEYS`. */
const nameOf = ([command = "", subcommand]: readonly string[]) =>
  ["CONFIG", "DEBUG", "ACL", "MODULE"].includes(command) ? `${command} ${subcommand}` : command;

/**
 * What a user may do that redisops never does, by ACL DRYRUN, which runs nothing. Undefined where it may not ask: then it
 * has not got every right. Rejects with what ioredis rejects with.
 */
export async function dangerousRights(client: Redis): Promise<readonly string[] | undefined> {
  const name = await client.call("ACL", "WHOAMI").catch(orUndefined);
  if (name === undefined) return undefined;
  const pipeline = client.pipeline();
  for (const words of dangerous) pipeline.call("ACL", "DRYRUN", String(name), ...words);
  const answers = (await pipeline.exec()) ?? [];
  if (answers.every(([error]) => error !== null)) return undefined;
  return dangerous.filter((_, index) => answers[index]?.[1] === "OK").map(nameOf);
}

/** An answer that is an error says that it may not be asked. */
function orUndefined(error: unknown): undefined {
  if (error instanceof Error && error.name === "ReplyError") return undefined;
  throw error;
}
