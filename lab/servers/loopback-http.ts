import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { Workspace } from "../workspace.ts";

/** An HTTP server inside this process, on 127.0.0.1. */
export interface LoopbackHttp {
  readonly port: number;
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Stops listening and cuts the connections; a second call does nothing. */
  stop(): Promise<void>;
}

/**
 * Starts an HTTP server in this process as a member of the workspace.
 *
 * @param port a free port unless given
 * @throws Error with code EADDRINUSE when the given port is taken.
 */
export async function startLoopbackHttp(
  workspace: Workspace,
  name: string,
  listener: RequestListener,
  port?: number,
): Promise<LoopbackHttp> {
  const chosen = port ?? (await workspace.port());
  const server = createServer(listener);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(chosen, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve()); // answers "not running" to a second call, which is what is wanted
      server.closeAllConnections();
    });
  let leave: () => void;
  try {
    leave = workspace.register({ name, stop });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port: chosen,
    url: `http://127.0.0.1:${chosen}`,
    stop: async () => {
      await stop();
      leave();
    },
  };
}

/** The body of a request was larger than allowed. */
export class BodyTooLargeError extends Error {
  override readonly name = "BodyTooLargeError";
}

/**
 * Reads a request's body as UTF-8.
 *
 * @param limit bytes; 1 MiB unless given
 * @throws BodyTooLargeError when there is more.
 */
export async function readBody(request: IncomingMessage, limit = 1_048_576): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw new BodyTooLargeError(`the body has more than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
