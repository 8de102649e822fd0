import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { register } from "prom-client";
import { loadConfig } from "../../core/config/load.ts";
import type { Config } from "../../core/config/schema.ts";
import { messageOf } from "../../core/errors.ts";
import { type AppSettings, type PlatformSettings, readSettings } from "../platform/settings.ts";
import { BodyTooLargeError, readBody } from "../servers/loopback-http.ts";

/** What an answer consists of: a status, or a body with status 200, as JSON or as bytes. */
export type Answer = { readonly status: number; readonly body?: object | Uint8Array };

/** Answers a request; `body` is its parsed JSON. */
export type Route = (body: unknown) => Answer | Promise<Answer>;

/** What a process of the platform knows when it starts. */
export interface AppContext {
  readonly settings: PlatformSettings;
  readonly own: AppSettings;
  readonly config: Config;
}

/** What a process of the platform does. */
export interface App {
  /** By method and path, such as `POST /messages`. */
  readonly routes?: Readonly<Record<string, Route>>;
  /** Answers every other request. */
  readonly listener?: RequestListener;
  /** What the process has counted, for `lab status`. */
  counters(): object;
  /** Ends its work; what is left undone must be taken up by others. */
  stop(): Promise<void>;
}

/** Milliseconds between two looks whether the supervisor is still there. */
const parentInterval = 1_000;
/** Longest time for an orderly end, in milliseconds. */
const stopDeadline = 5_000;

/**
 * Runs a process of the platform: `node lab/apps/<kind>.ts <settings file> <name>`. It serves its routes, its Prometheus
 * metrics and its counters, ends in order at SIGTERM, and does not outlive the process that started it.
 */
export async function runApp(create: (context: AppContext) => Promise<App>): Promise<void> {
  const [settingsFile = "", name = ""] = process.argv.slice(2);
  const settings = readSettings(settingsFile);
  const own = settings.apps.find((app) => app.name === name);
  if (own === undefined) throw new Error(`the platform has no process called ${name}`);
  const parent = process.ppid;
  const app = await create({ settings, own, config: loadConfig(settings.configFile) });
  const routes: Readonly<Record<string, Route>> = {
    ...app.routes,
    "GET /counters": () => ({ status: 200, body: app.counters() }),
    "GET /-/ready": () => ({ status: 200, body: { name } }),
  };

  const server = createServer((request, response) => {
    if (app.listener === undefined || routes[routeKey(request)] !== undefined || request.url === "/metrics") {
      void respond(routes, request, response);
    } else app.listener(request, response);
  });
  server.keepAliveTimeout = 30_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(own.port, "127.0.0.1", resolve);
  });

  const end = async (): Promise<void> => {
    setTimeout(() => process.exit(1), stopDeadline).unref();
    server.close();
    await app.stop();
    process.exit(0);
  };
  process.once("SIGTERM", () => void end());
  setInterval(() => {
    if (process.ppid !== parent) process.exit(1);
  }, parentInterval).unref();
}

function routeKey({ method, url }: IncomingMessage): string {
  return `${method} ${url}`;
}

async function respond(
  routes: Readonly<Record<string, Route>>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    if (request.url === "/metrics") {
      response.writeHead(200, { "Content-Type": register.contentType }).end(await register.metrics());
      return;
    }
    const route = routes[routeKey(request)];
    const text = await readBody(request);
    const { status, body } =
      route === undefined ? { status: 404 } : await route(text === "" ? undefined : JSON.parse(text));
    if (body instanceof Uint8Array) {
      response.writeHead(status, { "Content-Type": "application/octet-stream" }).end(body);
    } else if (body === undefined) response.writeHead(status).end();
    else response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
  } catch (error) {
    process.stderr.write(`${routeKey(request)}: ${messageOf(error)}\n`);
    if (!response.headersSent) response.writeHead(error instanceof BodyTooLargeError ? 413 : 500);
    response.end();
  }
}
