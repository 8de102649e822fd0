import type { IncomingMessage, ServerResponse } from "node:http";
import { BasicAuth } from "../web-config/basic-auth.ts";
import { RateLimit } from "../web-config/rate-limit.ts";
import type { WatchedWebConfig } from "../web-config/watched.ts";
import { limits } from "./limits.ts";

/** Answers with one line of text. */
export function answer(response: ServerResponse, status: number, line: string): void {
  response.statusCode = status;
  response.setHeader("Content-Type", "text/plain; charset=utf-8");
  response.end(`${line}\n`);
}

/** What every request passes before it is looked at: the web configuration's headers, rate limit and users. */
export class Gate {
  readonly #web: WatchedWebConfig | undefined;
  readonly #auth = new BasicAuth();
  readonly #rate = new RateLimit();

  constructor(web: WatchedWebConfig | undefined) {
    this.#web = web;
  }

  /** Whether the request may go on. Where it may not, it has been answered. */
  async passes(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    response.setHeader("X-Content-Type-Options", "nosniff");
    const config = this.#web?.current.config;
    for (const [name, value] of Object.entries(config?.http_server_config.headers ?? {})) {
      if (value !== undefined && value !== "") response.setHeader(name, value);
    }
    if (!this.#rate.allows(config?.rate_limit)) {
      answer(response, 429, "too many requests: rate_limit of the web configuration is reached");
      return false;
    }
    const users = config?.basic_auth_users;
    if (users !== undefined) {
      const verdict = await this.#auth.judge(request.headers.authorization, users);
      if (verdict === "busy") {
        response.setHeader("Retry-After", "1");
        answer(response, 503, "too many passwords are being compared; ask again");
        return false;
      }
      if (verdict === "refused") {
        response.setHeader("WWW-Authenticate", 'Basic realm="redisops", charset="UTF-8"');
        answer(response, 401, "unauthorized");
        return false;
      }
    }
    if ((request.url ?? "").length > limits.urlLength) {
      answer(response, 414, `the URL is longer than ${limits.urlLength} characters`);
      return false;
    }
    return true;
  }
}
