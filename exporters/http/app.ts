import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from "fastify";
import { messageOf } from "../../core/errors.ts";
import type { WatchedWebConfig } from "../web-config/watched.ts";
import { answer, Gate } from "./gate.ts";
import { limits } from "./limits.ts";
import { Listener, type RequestHandler } from "./listener.ts";
import { BadQuestion } from "./query.ts";

/** A scrape that is not begun because too many are under way: the answer's status is 503. */
export class TooBusy extends Error {}

/** An application without routes behind the gate of the web configuration, and the sockets that it answers on. */
export function guardedApp(
  web: WatchedWebConfig | undefined,
  logger: FastifyBaseLogger,
  paths: readonly string[],
): { readonly app: FastifyInstance; readonly listener: Listener } {
  const gate = new Gate(web);
  let handle: RequestHandler | undefined;
  const listener = new Listener(
    (request, response) => {
      gate.passes(request, response).then(
        (passes) => passes && handle?.(request, response),
        (error: unknown) => {
          logger.error({ error: messageOf(error) }, "a request could not be judged");
          answer(response, 500, "internal error; the exporter's log has it");
        },
      );
    },
    web,
    logger,
  );
  const app: FastifyInstance = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.bodyBytes,
    serverFactory: (handler) => {
      handle = handler;
      return listener.server;
    },
    frameworkErrors: (_error, _request, reply) => {
      answer(reply.raw, 400, "this is not a valid URL");
    },
    clientErrorHandler(error: NodeJS.ErrnoException, socket) {
      if (error.code === "ECONNRESET" || !socket.writable) return;
      const status =
        error.code === "HPE_HEADER_OVERFLOW"
          ? "431 Request Header Fields Too Large"
          : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
            ? "408 Request Timeout"
            : "400 Bad Request";
      const line = `${status.slice(4).toLowerCase()}\n`;
      socket.end(
        `HTTP/1.1 ${status}\r\nContent-Type: text/plain\r\nContent-Length: ${line.length}\r\nConnection: close\r\n\r\n${line}`,
      );
      // This ends one direction only, and a client that never ends the other would keep its connection.
      const goodbye = setTimeout(() => socket.destroy(), limits.goodbye);
      socket.once("close", () => clearTimeout(goodbye));
    },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, _body, done) => done(null, undefined));
  app.setNotFoundHandler(async (_request, reply) =>
    reply
      .code(404)
      .type("text/plain; charset=utf-8")
      .send(`nothing is here; there is ${paths.join(", ")}\n`),
  );
  app.setErrorHandler(async (error: Error & { statusCode?: number }, _request, reply) => {
    const text = reply.type("text/plain; charset=utf-8");
    if (error instanceof BadQuestion) return text.code(400).send(`${error.message}\n`);
    if (error instanceof TooBusy) return text.code(503).header("Retry-After", "1").send(`${error.message}\n`);
    const status = error.statusCode ?? 500;
    if (status < 500) return text.code(status).send("this request cannot be understood\n");
    logger.error({ error: error.message }, "a request could not be answered");
    return text.code(500).send("internal error; the exporter's log has it\n");
  });
  return { app, listener };
}
