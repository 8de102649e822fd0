import { randomBytes } from "node:crypto";
import type { Account, ProviderRequest, ProviderResponse } from "./provider-api.ts";
import { RateWindow } from "./rate-window.ts";

/** An account of the Twilio stand-in. */
export interface TwilioAccount {
  readonly provider: "twilio";
  /** Its name here and its SID, `AC` and 32 hexadecimal digits. */
  readonly sid: string;
  readonly authToken: string;
  /** Requests per second over all its endpoints. */
  readonly perSecond: number;
}

const route = /^\/2010-04-01\/Accounts\/([^/]+?)(\/Messages)?\.json$/;

/** Whether the path belongs to Twilio's API. */
export function isTwilioPath(path: string): boolean {
  return path.startsWith("/2010-04-01/");
}

/** Twilio's accounts and the answers of its API, as far as fetching an account and sending a message go. */
export class TwilioApi {
  readonly accounts = new Map<string, Account>();
  readonly #states = new Map<string, TwilioState>();

  /** `now` tells the time in milliseconds since the epoch. */
  constructor(accounts: readonly TwilioAccount[], now: () => number) {
    for (const account of accounts) {
      const state = new TwilioState(account, now);
      this.#states.set(account.sid, state);
      this.accounts.set(account.sid, state);
    }
  }

  /** Answers one request to a path for which {@link isTwilioPath} holds. */
  answer(request: ProviderRequest): ProviderResponse {
    const [, sid = "", messages] = route.exec(request.path) ?? [];
    const state = this.#states.get(sid);
    if (state === undefined || request.authorization !== state.authorization) {
      return {
        ...failure(401, 20003, "Authenticate"),
        headers: { "WWW-Authenticate": 'Basic realm="Twilio API"' },
      };
    }
    // It is answered at once, so that no other request can be under way.
    const headers = { "Twilio-Concurrent-Requests": "1" };
    if (!state.window.take().allowed) {
      state.counts.throttled += 1;
      return { ...failure(429, 20429, "Too Many Requests"), headers: { ...headers, "Retry-After": "1" } };
    }
    if (messages === undefined && request.method === "GET")
      return { status: 200, headers, body: accountBody(sid) };
    if (messages !== undefined && request.method === "POST") return sendMessage(state, request.body);
    return failure(405, 20004, "Method not allowed");
  }
}

class TwilioState implements Account {
  readonly sid: string;
  readonly authorization: string;
  readonly window: RateWindow;
  readonly counts = { accepted: 0, throttled: 0 };

  constructor(account: TwilioAccount, now: () => number) {
    this.sid = account.sid;
    const credentials = Buffer.from(`${account.sid}:${account.authToken}`).toString("base64");
    this.authorization = `Basic ${credentials}`;
    this.window = new RateWindow(account.perSecond, now);
  }

  setLimit(perSecond: number): void {
    this.window.limit = perSecond;
  }
}

function failure(status: number, code: number, message: string): ProviderResponse {
  return {
    status,
    body: { code, message, more_info: `https://www.twilio.com/docs/errors/${code}`, status },
  };
}

function accountBody(sid: string): object {
  return {
    sid,
    friendly_name: "Lab account",
    status: "active",
    type: "Full",
    uri: `/2010-04-01/Accounts/${sid}.json`,
  };
}

function sendMessage(state: TwilioState, body: string): ProviderResponse {
  const form = new URLSearchParams(body);
  const to = form.get("To");
  const from = form.get("From");
  const service = form.get("MessagingServiceSid");
  const text = form.get("Body");
  if (to === null) return failure(400, 21604, "A 'To' phone number is required.");
  if (from === null && service === null) return failure(400, 21603, "A 'From' phone number is required.");
  if (text === null) return failure(400, 21602, "Message body is required.");

  state.counts.accepted += 1;
  const sid = `SM${randomBytes(16).toString("hex")}`;
  return {
    status: 201,
    body: {
      sid,
      account_sid: state.sid,
      messaging_service_sid: service,
      from,
      to,
      body: text,
      status: "queued",
      direction: "outbound-api",
      num_segments: "1",
      error_code: null,
      error_message: null,
      date_created: new Date().toUTCString(),
      api_version: "2010-04-01",
      uri: `/2010-04-01/Accounts/${state.sid}/Messages/${sid}.json`,
    },
  };
}
