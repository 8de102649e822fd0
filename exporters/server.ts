import type { IncomingMessage } from "node:http";
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from "fastify";
import { splitAddress } from "../core/address.ts";
import type { Config } from "../core/config/schema.ts";
import { messageOf, RedisopsError } from "../core/errors.ts";
import { exposition } from "./exposition.ts";
import { guardedApp, TooBusy } from "./http/app.ts";
import { limits } from "./http/limits.ts";
import type { Listener } from "./http/listener.ts";
import { encoded, preferredFormat } from "./http/negotiation.ts";
import { debugPage, landingPage } from "./http/pages.ts";
import { metricsQuestion, noParameters, probeQuestion, selfTarget } from "./http/query.ts";
import { scrapeDeadline } from "./http/scrape-deadline.ts";
import { askedHost, targetGroups } from "./http/service-discovery.ts";
import { ExporterState } from "./http/state.ts";
import type { ProbeResult } from "./probe.ts";
import type { Probes } from "./probes.ts";
import { capSeries } from "./series-cap.ts";
import { WatchedWebConfig } from "./web-config/watched.ts";

/** What an exporter is started with. */
export interface ExporterOptions {
  /** Reads and checks redisops.yaml; called at the start and at each reload. Throws a RedisopsError. */
  readonly load: () => Config;
  readonly logger: FastifyBaseLogger;
  /** Where the metrics are; `/metrics` unless given. */
  readonly telemetryPath?: string | undefined;
  /** The file of `--web.config.file`. */
  readonly webConfigFile?: string | undefined;
}

/** Longest time that scrapes under way are waited for at a shutdown, in milliseconds: the longest usual scrape timeout. */
const shutdownPatience = 10_000;

/** The exporter's HTTP interface. Each scrape probes; nothing runs between scrapes. */
export class ExporterServer {
  readonly state: ExporterState;
  readonly #telemetryPath: string;
  readonly #web: WatchedWebConfig | undefined;
  readonly #app: FastifyInstance;
  readonly #scheme: "http" | "https";
  readonly #listener: Listener;
  #closing: Promise<void> | undefined;
  /** Told when no scrape is under way any more. */
  #idle: (() => void) | undefined;

  /** Throws what reading either configuration throws. */
  constructor({ load, logger, telemetryPath = "/metrics", webConfigFile }: ExporterOptions) {
    this.#telemetryPath = telemetryPath;
    this.state = new ExporterState(load, logger);
    if (webConfigFile !== undefined) {
      this.#web = new WatchedWebConfig(webConfigFile, (error) => {
        this.state.webConfigCurrent = error === undefined;
        if (error === undefined) logger.info("the web configuration was read anew");
        else logger.error({ code: error.code }, `the web configuration before stays: ${error.message}`);
      });
    }
    this.#scheme = this.#web?.current.tls === undefined ? "http" : "https";
    const { app, listener } = guardedApp(this.#web, logger, this.#paths());
    this.#app = app;
    this.#listener = listener;
    this.#route(app);
  }

  /** Listens on host:port, or on all addresses for `:port`. Answers the URL. Rejects with LISTEN_FAILED. */
  async listen(address: string): Promise<string> {
    const { host, port } = splitAddress(address);
    const name = host === "" ? "localhost" : address.slice(0, address.lastIndexOf(":"));
    const url = `${this.#scheme}://${name}:${port}`;
    const on = (where: string) =>
      this.#app.listen({ host: where, port, listenTextResolver: () => `the exporter listens at ${url}` });
    try {
      if (host !== "") await on(host);
      else {
        await on("::").catch((error: NodeJS.ErrnoException) => {
          // A machine without IPv6.
          if (error.code !== "EAFNOSUPPORT") throw error;
          return on("0.0.0.0");
        });
      }
    } catch (error) {
      throw new RedisopsError("LISTEN_FAILED", `Cannot listen on ${address}: ${messageOf(error)}`, {
        cause: error,
      });
    }
    return url;
  }

  /**
   * Begins no more scrapes, says so at `/-/ready`, and ends once those under way are answered, or have had as long as a
   * scrape may take.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const patience = setTimeout(() => {
      this.#idle?.();
      this.#listener.destroy();
    }, shutdownPatience);
    if (this.state.scrapes.inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    this.#listener.drain();
    // A connection whose scrape has just been answered would otherwise be kept alive, and the process with it.
    this.#listener.server.keepAliveTimeout = 1;
    try {
      await this.#app.close();
    } finally {
      clearTimeout(patience);
    }
  }

  #paths(): string[] {
    return ["/", this.#telemetryPath, "/probe", "/sd", "/-/healthy", "/-/ready", "/-/reload"];
  }

  #route(app: FastifyInstance): void {
    const all = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    const only = (path: string, methods: readonly string[]) =>
      app.route({
        url: path,
        method: all.filter((method) => !methods.includes(method)),
        handler: async (_request, reply) =>
          reply
            .code(405)
            .header("Allow", methods.join(", "))
            .type("text/plain; charset=utf-8")
            .send(`only ${methods.join(" and ")} here\n`),
      });
    for (const path of this.#paths()) {
      only(path, path === "/-/reload" ? ["POST", "PUT"] : ["GET", "HEAD"]);
    }
    app.get("/", async (request, reply) => {
      noParameters(request.url);
      if (!reply.raw.hasHeader("Content-Security-Policy"))
        reply.header("Content-Security-Policy", "default-src 'none'");
      const { probes, lastOf } = this.state;
      return reply
        .type("text/html; charset=utf-8")
        .send(landingPage(probes.all, lastOf, this.#telemetryPath));
    });
    app.get("/-/healthy", async () => "ok\n");
    app.get("/-/ready", async (_request, reply) =>
      this.#closing === undefined
        ? "ok\n"
        : reply.code(503).type("text/plain; charset=utf-8").send("shutting down\n"),
    );
    app.route({
      url: "/-/reload",
      method: ["POST", "PUT"],
      handler: async (request, reply) => {
        noParameters(request.url);
        const error = this.state.reload();
        if (error === undefined) return "redisops.yaml was read anew\n";
        const status = error.code === "INTERNAL" ? 500 : 400;
        return reply
          .code(status)
          .type("text/plain; charset=utf-8")
          .send(`redisops.yaml was refused, the one before stays:\n${error.message}\n`);
      },
    });
    app.get("/sd", async (request, reply) => {
      noParameters(request.url);
      const host = request.headers[":authority"] ?? request.headers.host;
      const groups = targetGroups(this.state.probes, askedHost(String(host ?? ""), this.#scheme));
      return reply.type("application/json; charset=utf-8").send(JSON.stringify(groups));
    });
    app.get(this.#telemetryPath, async (request, reply) => {
      const { debug } = metricsQuestion(request.url);
      const page = await this.#scrape(request, debug, true, (probes, deadline) => probes.run(deadline));
      return this.#send(request, reply, page);
    });
    app.get("/probe", async (request, reply) => {
      const { target, module, debug } = probeQuestion(request.url, this.state.probes);
      const self = target === selfTarget;
      const page = await this.#scrape(request, debug, self, async (probes, deadline) =>
        self ? [] : probes.runGroup(target, deadline, module),
      );
      return this.#send(request, reply, page);
    });
  }

  /** Probes and writes the page. Throws TooBusy. */
  async #scrape(
    request: FastifyRequest,
    debug: boolean,
    self: boolean,
    run: (probes: Probes, deadline: number) => Promise<ProbeResult[]>,
  ): Promise<{ contentType: string; body: string }> {
    const { scrapes, probes, config } = this.state;
    scrapes.begun += 1;
    if (this.#closing !== undefined) {
      scrapes.failed += 1;
      throw new TooBusy("shutting down");
    }
    if (scrapes.inFlight >= limits.scrapes) {
      scrapes.failed += 1;
      throw new TooBusy(`${limits.scrapes} scrapes are under way; ask again`);
    }
    scrapes.inFlight += 1;
    let answered = false;
    try {
      const deadline = scrapeDeadline(request.headers["x-prometheus-scrape-timeout-seconds"]);
      const results = await run(probes, deadline);
      this.state.note(results, probes);
      // Nobody is left to read it.
      if (hasGone(request.raw)) return { contentType: "text/plain", body: "" };
      const own = self ? this.state.ownSamples() : [];
      const samples = [...own, ...capSeries(results, config.exporter.max_series - own.length)];
      const format = debug ? "text" : preferredFormat(request.headers.accept);
      const page = await exposition(samples, format);
      answered = true;
      return debug
        ? { contentType: "text/plain; charset=utf-8", body: debugPage(results, deadline, page.body) }
        : page;
    } finally {
      scrapes.inFlight -= 1;
      if (scrapes.inFlight === 0) this.#idle?.();
      if (!answered) scrapes.failed += 1;
    }
  }

  async #send(
    request: FastifyRequest,
    reply: { header(name: string, value: string): unknown; send(body: string | Buffer): unknown },
    page: { readonly contentType: string; readonly body: string },
  ): Promise<unknown> {
    const { body, encoding } = await encoded(
      page.body,
      request.headers["accept-encoding"] as string | undefined,
    );
    reply.header("Content-Type", page.contentType);
    reply.header("Vary", "Accept, Accept-Encoding");
    if (encoding !== undefined) reply.header("Content-Encoding", encoding);
    return reply.send(body);
  }
}

/** Whether the client has ended its connection, or its stream, before it got an answer. */
function hasGone(request: IncomingMessage & { readonly stream?: { readonly destroyed: boolean } }): boolean {
  return request.stream?.destroyed ?? request.socket.destroyed;
}
