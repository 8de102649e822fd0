import { createReadStream } from "node:fs";
import { messageOf, RedisopsError } from "../../core/errors.ts";
import { mostBytes } from "../../operations/oncall/notification.ts";

/** The text of a file, or of stdin for `-`; not much more of it than a notification may have. Throws USAGE. */
export async function readPayload(path: string): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of path === "-" ? process.stdin : createReadStream(path)) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes > mostBytes) break;
    }
  } catch (error) {
    throw new RedisopsError("USAGE", `Cannot read ${path}: ${messageOf(error)}`, {
      next: "Name a file with what Alertmanager posted, or - for stdin.",
      cause: error,
    });
  }
  return Buffer.concat(chunks).toString("utf8");
}
