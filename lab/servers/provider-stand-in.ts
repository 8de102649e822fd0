import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Workspace } from "../workspace.ts";
import { BodyTooLargeError, readBody, startLoopbackHttp } from "./loopback-http.ts";
import type { Account, AccountCounts, ProviderResponse } from "./provider-api.ts";
import { type HttpAccount, HttpApi, isHttpPath } from "./provider-http.ts";
import { isSendGridPath, type SendGridAccount, SendGridApi } from "./provider-sendgrid.ts";
import { isTwilioPath, type TwilioAccount, TwilioApi } from "./provider-twilio.ts";

/** An account of one of the providers. */
export type ProviderAccount = TwilioAccount | SendGridAccount | HttpAccount;

/** How to start the stand-in. */
export interface ProviderStandInOptions {
  readonly accounts: readonly ProviderAccount[];
  readonly name?: string;
  /** A free port unless given. */
  readonly port?: number;
  /** Milliseconds since the epoch; the system's clock unless given. */
  readonly now?: () => number;
}

/**
 * Twilio and SendGrid, as far as their documented sending, credentials and rate limits go, and a provider of no particular
 * make that tells its limit in one of the usual ways.
 */
export interface ProviderApis {
  /** Answers the requests of an HTTP server. */
  readonly listener: RequestListener;
  /**
   * Changes how many requests per second an account allows, from the next request on; 0 refuses all.
   *
   * @param account a Twilio SID, or the name of another account
   * @throws RangeError for an unknown account or a limit that is no whole number from 0 up.
   */
  setLimit(account: string, perSecond: number): void;
  /**
   * What became of the requests to an account so far.
   *
   * @throws RangeError for an unknown account.
   */
  counts(account: string): AccountCounts;
}

/** The stand-in, listening inside this process. */
export interface ProviderStandIn extends Omit<ProviderApis, "listener"> {
  readonly port: number;
  /** `http://127.0.0.1:<port>`, the base of all APIs. */
  readonly url: string;
  stop(): Promise<void>;
}

/** All APIs, for a server to be put before them. `now` tells the milliseconds since the epoch, by the system's clock unless given. */
export function providerApis(
  accounts: readonly ProviderAccount[],
  now: () => number = Date.now,
): ProviderApis {
  const twilio = new TwilioApi(
    accounts.filter((account) => account.provider === "twilio"),
    now,
  );
  const sendGrid = new SendGridApi(
    accounts.filter((account) => account.provider === "sendgrid"),
    now,
  );

  const http = new HttpApi(
    accounts.filter((account) => account.provider === "http"),
    now,
  );

  const answer = async (request: IncomingMessage): Promise<ProviderResponse> => {
    const [path = ""] = (request.url ?? "").split("?");
    const asked = {
      method: request.method ?? "GET",
      path,
      authorization: request.headers.authorization ?? "",
      headers: request.headers,
      body: await readBody(request),
    };
    if (isTwilioPath(path)) return twilio.answer(asked);
    if (isHttpPath(path)) return http.answer(asked);
    if (isSendGridPath(path)) return sendGrid.answer(asked);
    return { status: 404, body: { message: `no provider has ${path}` } };
  };

  const find = (name: string): Account => {
    const account = twilio.accounts.get(name) ?? sendGrid.accounts.get(name) ?? http.accounts.get(name);
    if (account === undefined) throw new RangeError(`the provider stand-in has no account ${name}`);
    return account;
  };
  return {
    listener(request, response) {
      answer(request).then(
        (result) => write(response, result),
        (error: unknown) => {
          const status = error instanceof BodyTooLargeError ? 413 : 500;
          write(response, { status, body: { message: String(error) }, headers: { Connection: "close" } });
        },
      );
    },
    setLimit(name, perSecond) {
      const account = find(name);
      if (!Number.isInteger(perSecond) || perSecond < 0) {
        throw new RangeError(`a limit is a whole number from 0 up, not ${perSecond}`);
      }
      account.setLimit(perSecond);
    },
    counts: (name) => ({ ...find(name).counts }),
  };
}

/** Starts the stand-in as a member of the workspace. */
export async function startProviderStandIn(
  workspace: Workspace,
  options: ProviderStandInOptions,
): Promise<ProviderStandIn> {
  const { listener, setLimit, counts } = providerApis(options.accounts, options.now);
  const http = await startLoopbackHttp(
    workspace,
    options.name ?? "provider stand-in",
    listener,
    options.port,
  );
  return { port: http.port, url: http.url, setLimit, counts, stop: () => http.stop() };
}

function write(response: ServerResponse, { status, headers, body }: ProviderResponse): void {
  if (body === undefined) {
    response.writeHead(status, headers).end();
    return;
  }
  response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(body));
}
