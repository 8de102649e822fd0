import type { IncomingMessage, ServerResponse } from "node:http";
import type { Workspace } from "../workspace.ts";
import { type GrafanaAnswer, GrafanaState } from "./grafana-api.ts";
import { readBody, startLoopbackHttp } from "./loopback-http.ts";

/** Bytes of the largest board that is taken. */
const bodyLimit = 10_000_000;

/** A request as it came. */
export interface GrafanaRequest {
  readonly method: string;
  readonly path: string;
}

/** Somebody in the way of a request: an answer in its place, `hang` for none at all, undefined to let it pass. */
export type Interception = (request: GrafanaRequest) => GrafanaAnswer | "hang" | undefined;

/** A stand-in for Grafana's HTTP API inside this process, as far as boards and folders go. */
export interface GrafanaStandIn {
  /** With a path, as behind a proxy. */
  readonly url: string;
  readonly state: GrafanaState;
  readonly requests: readonly GrafanaRequest[];
  /** Takes the place of the one before. */
  intercept(interception: Interception): void;
  stop(): Promise<void>;
}

/**
 * Starts the stand-in.
 *
 * @param editor token that may do everything
 * @param viewer token that may only read
 */
export async function startGrafanaStandIn(
  workspace: Workspace,
  tokens: { readonly editor: string; readonly viewer: string },
): Promise<GrafanaStandIn> {
  const state = new GrafanaState();
  const requests: GrafanaRequest[] = [];
  let intercepted: Interception = () => undefined;

  function authorized({ method, headers }: IncomingMessage): GrafanaAnswer | undefined {
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1];
    if (token === tokens.editor || (token === tokens.viewer && method === "GET")) return undefined;
    if (token !== tokens.viewer) return { status: 401, body: { message: "Invalid API key" } };
    const message = "You’ll need additional permissions to perform this action";
    return { status: 403, body: { title: "Access denied", message } };
  }

  async function answer(request: IncomingMessage): Promise<GrafanaAnswer | "hang"> {
    const { method = "", url = "" } = request;
    const { pathname, searchParams } = new URL(url, "http://grafana");
    const path = pathname.replace(/^\/grafana/, "");
    requests.push({ method, path });
    const instead = intercepted({ method, path }) ?? authorized(request);
    if (instead !== undefined) return instead;
    const body: unknown =
      method === "POST" || method === "PATCH" ? JSON.parse(await readBody(request, bodyLimit)) : undefined;
    return state.handle(method, path, searchParams, body);
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const result = await answer(request);
    if (result === "hang") return;
    const { status, body } = result;
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const location = status >= 300 && status < 400 ? { Location: String(body) } : {};
    response.writeHead(status, { "Content-Type": "application/json", ...location }).end(text);
  }

  const server = await startLoopbackHttp(workspace, "grafana stand-in", (request, response) => {
    serve(request, response).catch(() => response.writeHead(400).end('{"message":"bad request data"}'));
  });
  return {
    url: `${server.url}/grafana`,
    state,
    requests,
    intercept: (interception) => {
      intercepted = interception;
    },
    stop: () => server.stop(),
  };
}
