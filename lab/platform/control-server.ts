import { createServer, type IncomingMessage } from "node:http";
import { prettifyError, ZodError } from "zod";
import { RedisopsError, toRedisopsError } from "../../core/errors.ts";
import { readBody } from "../servers/loopback-http.ts";
import type { Workspace } from "../workspace.ts";

/** Answers a command; `body` is its parsed JSON. What it throws is told to whoever asked. */
export type Command = (body: unknown) => Promise<unknown>;

/**
 * Listens on a Unix socket in a folder that only its owner can enter.
 *
 * @param commands by method and path, such as `POST /inject`
 */
export async function serveControl(
  workspace: Workspace,
  socket: string,
  commands: Readonly<Record<string, Command>>,
): Promise<void> {
  const answer = async (request: IncomingMessage): Promise<{ status: number; body: unknown }> => {
    try {
      const command = commands[`${request.method} ${request.url}`];
      if (command === undefined) throw new RedisopsError("USAGE", `The lab has no ${request.url}`);
      const text = await readBody(request);
      return { status: 200, body: (await command(text === "" ? undefined : JSON.parse(text))) ?? {} };
    } catch (error) {
      const known = error instanceof RedisopsError ? error : asLabFailure(error);
      return { status: 400, body: { error: known.toJSON() } };
    }
  };
  const server = createServer((request, response) => {
    void answer(request).then(({ status, body }) => {
      response.writeHead(status, { "Content-Type": "application/json", Connection: "close" });
      response.end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socket, resolve);
  });
  workspace.register({
    name: "control socket",
    stop: async () => {
      server.close();
    },
  });
}

function asLabFailure(error: unknown): RedisopsError {
  if (error instanceof ZodError) return new RedisopsError("USAGE", prettifyError(error), { cause: error });
  return new RedisopsError("LAB_FAILED", toRedisopsError(error).message, { cause: error });
}
