import http, { type IncomingMessage, type ServerResponse } from "node:http";
import http2, { type Http2Server, type ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import tls, { type TLSSocket } from "node:tls";
import type { FastifyBaseLogger } from "fastify";
import { clientRefusal } from "../web-config/client-certificate.ts";
import type { LoadedWebConfig } from "../web-config/load.ts";
import type { WatchedWebConfig } from "../web-config/watched.ts";
import { limits } from "./limits.ts";

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** The same reason for turning clients away is logged once in so many milliseconds. */
const quietFor = 60_000;

/**
 * The server's sockets: plain HTTP/1.1, or TLS with HTTP/1.1 and HTTP/2 as the web configuration says at the time of each
 * new connection.
 */
export class Listener {
  /** What listens and takes the connections. */
  readonly server: http.Server;
  readonly #web: WatchedWebConfig | undefined;
  readonly #logger: FastifyBaseLogger;
  readonly #http2: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #sockets = new Set<Socket>();
  readonly #logged = new Map<string, number>();
  readonly #serveHttp1: (socket: TLSSocket) => void;
  #terminal: { readonly loaded: LoadedWebConfig; readonly server: tls.Server } | undefined;

  constructor(handler: RequestHandler, web: WatchedWebConfig | undefined, logger: FastifyBaseLogger) {
    this.#web = web;
    this.#logger = logger;
    this.server = http.createServer(
      {
        maxHeaderSize: limits.headerBytes,
        headersTimeout: limits.headersTimeout,
        requestTimeout: limits.requestTimeout,
        keepAliveTimeout: limits.keepAlive,
        connectionsCheckingInterval: limits.headersTimeout / 4,
      },
      handler,
    );
    this.server.maxConnections = limits.connections;
    this.server.timeout = limits.idleTimeout;
    this.#http2 = this.#createHttp2(handler);
    const [serve] = this.server.listeners("connection");
    this.#serveHttp1 = (socket) => void serve?.call(this.server, socket);
    if (web?.current.tls !== undefined) {
      this.server.removeAllListeners("connection");
      this.server.on("connection", (socket: Socket) => this.#encrypt(socket));
    }
    this.server.prependListener("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  /** Lets HTTP/2 connections end once what is under way on them is answered. */
  drain(): void {
    for (const session of this.#sessions) session.close();
  }

  /** Ends every connection at once. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #createHttp2(handler: RequestHandler): Http2Server {
    const server = http2.createServer(
      {
        maxSessionMemory: 1,
        settings: { maxConcurrentStreams: limits.streams, maxHeaderListSize: limits.headerBytes },
        // The compatibility API of HTTP/2 is what the handler expects, with types of its own.
      },
      handler as unknown as Parameters<typeof http2.createServer>[1],
    );
    server.on("session", (session) => {
      this.#sessions.add(session);
      session.once("close", () => this.#sessions.delete(session));
      session.setTimeout(limits.keepAlive, () => session.close());
    });
    // One that the client just drops is nothing to report.
    server.on("sessionError", (error: NodeJS.ErrnoException) => {
      if (error.code !== "ECONNRESET") this.#tell("an HTTP/2 connection failed", error.message);
    });
    return server;
  }

  /** Hands a new connection to TLS, with the certificate and the policy of this moment. */
  #encrypt(socket: Socket): void {
    const loaded = this.#web?.current;
    if (loaded?.tls === undefined) {
      socket.destroy();
      return;
    }
    if (this.#terminal?.loaded !== loaded) this.#terminal = { loaded, server: this.#createTls(loaded) };
    // What the client does before the handshake is over must not become an uncaught exception.
    socket.on("error", () => socket.destroy());
    this.#terminal.server.emit("connection", socket);
  }

  #createTls({ config, tls: material }: LoadedWebConfig): tls.Server {
    const section = config.tls_server_config;
    const asks = section !== undefined && section.client_auth_type !== "NoClientCert";
    const server = tls.createServer({
      ...material,
      // The policy knows more cases than Node: it is applied after the handshake.
      requestCert: asks,
      rejectUnauthorized: false,
      handshakeTimeout: limits.handshakeTimeout,
      ALPNProtocols: config.http_server_config.http2 ? ["h2", "http/1.1"] : ["http/1.1"],
    });
    server.on("tlsClientError", (error, socket) => {
      this.#tell("a TLS handshake failed", "code" in error ? String(error.code) : error.message);
      socket.destroy();
    });
    server.on("secureConnection", (socket) => {
      const refusal = section === undefined ? undefined : clientRefusal(socket, section);
      if (refusal !== undefined) {
        this.#tell("a client was turned away", refusal);
        socket.destroy();
      } else if (socket.alpnProtocol === "h2") this.#http2.emit("connection", socket);
      else this.#serveHttp1(socket);
    });
    return server;
  }

  #tell(what: string, why: string): void {
    const now = Date.now();
    const last = this.#logged.get(why);
    if (last !== undefined && now - last < quietFor) return;
    if (this.#logged.size > 100) this.#logged.clear();
    this.#logged.set(why, now);
    this.#logger.warn({ why }, what);
  }
}
