import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import { type FastifyInstance, fastify } from "fastify";
import { splitAddress } from "../../core/address.ts";
import type { Config } from "../../core/config/schema.ts";
import { messageOf, RedisopsError } from "../../core/errors.ts";
import { type DeskListener, OncallDesk } from "./desk.ts";
import { mostBytes, parseNotification } from "./notification.ts";

/** Limits of what a client may take up; times in milliseconds. */
const limits = { connections: 64, connectionTimeout: 30_000, requestTimeout: 15_000, urlLength: 200 };

const digest = (text: string) => createHash("sha256").update(text).digest();

/** What a request presents as its token: a bearer token, or the password of basic authentication. */
function presented(header: string | undefined): string {
  const [, scheme = "", value = ""] = /^(\w+) +(\S+)$/.exec(header ?? "") ?? [];
  if (scheme.toLowerCase() === "bearer") return value;
  if (scheme.toLowerCase() !== "basic") return "";
  const pair = Buffer.from(value, "base64").toString("utf8");
  return pair.slice(pair.indexOf(":") + 1);
}

/** Whether only processes of this machine can connect to a host. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** Throws CONFIG_INCOMPLETE where redisops.yaml lacks what listening there, or carrying out, needs. */
function requireComplete({ oncall, prometheus, roles }: Config, host: string): void {
  const missing = (message: string) => new RedisopsError("CONFIG_INCOMPLETE", message);
  if (oncall.token === undefined && !isLoopback(host)) {
    throw missing(
      `Others than this machine can connect to ${host === "" ? "all addresses" : host}, and redisops.yaml has no oncall.token`,
    );
  }
  if (oncall.execute.length > 0 && prometheus === undefined) {
    throw missing(
      "oncall.execute needs prometheus.url: nothing is carried out for an alert that does not fire there",
    );
  }
  const unnamed = oncall.execute_severe.find((name) => !oncall.execute.includes(name));
  if (unnamed !== undefined) {
    throw missing(`oncall.execute_severe names ${unnamed}, which oncall.execute does not`);
  }
  if (Object.keys(roles).length === 0)
    throw missing("redisops.yaml describes no role: there is nothing to look at");
}

/** An HTTP server that takes Alertmanager's notifications and has them answered. */
export class OncallReceiver {
  readonly #app: FastifyInstance;
  readonly #desk: OncallDesk;
  readonly #config: Config;

  constructor(config: Config, listener: DeskListener) {
    this.#config = config;
    this.#desk = new OncallDesk(config, listener);
    this.#app = fastify({
      bodyLimit: mostBytes,
      connectionTimeout: limits.connectionTimeout,
      requestTimeout: limits.requestTimeout,
      routerOptions: { maxParamLength: limits.urlLength },
    });
    this.#app.server.maxConnections = limits.connections;
    this.#route(listener);
  }

  /** Listens on host:port, or on all addresses for `:port`. Answers the URL. Rejects with LISTEN_FAILED or CONFIG_INCOMPLETE. */
  async listen(address: string): Promise<string> {
    const { host, port } = splitAddress(address);
    requireComplete(this.#config, host);
    try {
      return await this.#app.listen({ host: host === "" ? "::" : host, port });
    } catch (error) {
      throw new RedisopsError("LISTEN_FAILED", `Cannot listen on ${address}: ${messageOf(error)}`, {
        next: "Choose another address with --listen, or end what uses the port.",
        cause: error,
      });
    }
  }

  /** Takes no more, and ends a run that is under way at its next safe point. */
  async close(): Promise<void> {
    await Promise.all([this.#app.close(), this.#desk.close()]);
  }

  #authorized(header: string | undefined): boolean {
    const { token } = this.#config.oncall;
    if (token === undefined) return true;
    const expected = token.reveal();
    // An empty file is a token that somebody has lost, not one that everybody has.
    return expected !== "" && timingSafeEqual(digest(presented(header)), digest(expected));
  }

  #route(listener: DeskListener): void {
    const app = this.#app;
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, done) =>
      done(null, body),
    );
    app.get("/-/healthy", async () => "ok\n");
    app.post("/", {
      onRequest: async (request, reply) => {
        if (this.#authorized(request.headers.authorization)) return;
        await reply
          .code(401)
          .header("WWW-Authenticate", "Bearer")
          .send("oncall.token is not what was presented\n");
      },
      handler: async (request, reply) => {
        const taken = this.#desk.take(parseNotification(String(request.body ?? "")));
        if (taken === "full")
          return reply.code(503).header("Retry-After", "10").send("too many alerts wait for their answer\n");
        return reply.code(taken === "queued" ? 202 : 200).send(`${taken}\n`);
      },
    });
    app.setNotFoundHandler(async (_request, reply) =>
      reply.code(404).send("nothing is here; POST / takes notifications\n"),
    );
    app.setErrorHandler(async (error: Error & { statusCode?: number }, _request, reply) => {
      if (error instanceof RedisopsError && error.code === "ONCALL_PAYLOAD_INVALID")
        return reply.code(400).send(`${error.message}\n`);
      const status = error.statusCode ?? 500;
      if (status < 500)
        return reply
          .code(status)
          .send(
            `${status === 415 ? "only application/json is taken" : "this request cannot be understood"}\n`,
          );
      listener.onWarning(`a request could not be answered: ${error.message}`);
      return reply.code(500).send("internal error\n");
    });
  }
}
