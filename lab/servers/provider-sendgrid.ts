import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { Account, ProviderRequest, ProviderResponse } from "./provider-api.ts";
import { RateWindow } from "./rate-window.ts";

/** An account of the SendGrid stand-in. */
export interface SendGridAccount {
  readonly provider: "sendgrid";
  /** Its name here; SendGrid itself tells accounts apart by the key alone. */
  readonly name: string;
  readonly apiKey: string;
  /** Requests per second of each endpoint: SendGrid counts every endpoint by itself. */
  readonly perSecond: number;
}

const mail = z.looseObject({
  personalizations: z
    .array(z.looseObject({ to: z.array(z.looseObject({ email: z.string() })).min(1) }))
    .min(1),
  from: z.looseObject({ email: z.string() }),
});

const endpoints = ["GET /v3/scopes", "POST /v3/mail/send"] as const;

/** Whether the path belongs to SendGrid's API. */
export function isSendGridPath(path: string): boolean {
  return path.startsWith("/v3/");
}

/** SendGrid's accounts and the answers of its API, as far as asking for scopes and sending a mail go. */
export class SendGridApi {
  readonly accounts = new Map<string, Account>();
  readonly #states = new Map<string, SendGridState>();

  /** `now` tells the time in milliseconds since the epoch. */
  constructor(accounts: readonly SendGridAccount[], now: () => number) {
    for (const account of accounts) {
      const state = new SendGridState(account.perSecond, now);
      this.#states.set(`Bearer ${account.apiKey}`, state);
      this.accounts.set(account.name, state);
    }
  }

  /** Answers one request to a path for which {@link isSendGridPath} holds. */
  answer(request: ProviderRequest): ProviderResponse {
    const endpoint = `${request.method} ${request.path}`;
    const state = this.#states.get(request.authorization);
    if (state === undefined) {
      return failure(401, "The provided authorization grant is invalid, expired, or revoked");
    }
    const verdict = state.windows.get(endpoint)?.take();
    if (verdict === undefined) return failure(404, "Not Found");

    const headers = {
      "X-RateLimit-Limit": String(verdict.limit),
      "X-RateLimit-Remaining": String(verdict.remaining),
      "X-RateLimit-Reset": String(verdict.resetSeconds),
    };
    if (!verdict.allowed) {
      state.counts.throttled += 1;
      return { ...failure(429, "too many requests"), headers };
    }
    const answer =
      request.method === "GET" ? { status: 200, body: { scopes: ["mail.send"] } } : send(state, request.body);
    return { ...answer, headers: { ...headers, ...answer.headers } };
  }
}

class SendGridState implements Account {
  readonly windows: ReadonlyMap<string, RateWindow>;
  readonly counts = { accepted: 0, throttled: 0 };

  constructor(perSecond: number, now: () => number) {
    this.windows = new Map(endpoints.map((endpoint) => [endpoint, new RateWindow(perSecond, now)]));
  }

  setLimit(perSecond: number): void {
    for (const window of this.windows.values()) window.limit = perSecond;
  }
}

function failure(status: number, message: string): ProviderResponse {
  return { status, body: { errors: [{ message, field: null, help: null }] } };
}

function send(state: SendGridState, body: string): ProviderResponse {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return failure(400, "Bad Request");
  }
  const checked = mail.safeParse(parsed);
  if (!checked.success) return failure(400, z.prettifyError(checked.error));
  state.counts.accepted += 1;
  return { status: 202, headers: { "X-Message-Id": randomBytes(11).toString("base64url") } };
}
