import type { HttpProviderConfig, ProviderConfig } from "../config/providers-section.ts";
import { RedisopsError } from "../errors.ts";

/** The request that a probe makes of an account. */
export interface ProviderRequest {
  readonly method: "GET" | "HEAD";
  readonly url: string;
  /** The credentials. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether an answer with that status shows a healthy account. */
  expects(status: number): boolean;
}

const succeeded = (status: number) => status >= 200 && status <= 299;

/** What a header's value can hold (RFC 9110, section 5.5), in the characters of Latin-1. */
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** A secret as part of a header. Throws SECRET_UNRESOLVED without showing it, which fetch would do. */
function inHeader(text: string, owner: string): string {
  if (headerValue.test(text)) return text;
  throw new RedisopsError(
    "SECRET_UNRESOLVED",
    `The secret of ${owner} holds a character that no HTTP header can carry, such as a line break`,
    {
      next: "Compare the variable or the file that redisops.yaml refers to with what the provider gave out.",
    },
  );
}

const basic = (username: string, password: string) =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

function httpHeaders(account: HttpProviderConfig["accounts"][string], owner: string): Record<string, string> {
  const { bearer_token, basic_auth, header_auth } = account;
  if (bearer_token !== undefined)
    return { authorization: `Bearer ${inHeader(bearer_token.reveal(), owner)}` };
  if (basic_auth !== undefined)
    return { authorization: basic(basic_auth.username, basic_auth.password.reveal()) };
  if (header_auth !== undefined) return { [header_auth.name]: inHeader(header_auth.value.reveal(), owner) };
  return {};
}

/**
 * The cheapest authenticated request that the provider documents, or the one that redisops.yaml names. Throws
 * SECRET_UNRESOLVED when the credentials are not there or cannot be sent.
 */
export function requestOf(provider: string, name: string, config: ProviderConfig): ProviderRequest {
  const base = config.base_url.replace(/\/+$/, "");
  const owner = `${provider} account ${name}`;
  const missing = () => new Error(`there is no ${owner}`);
  switch (config.kind) {
    case "twilio": {
      const account = config.accounts[name];
      if (account === undefined) throw missing();
      return {
        method: "GET",
        url: `${base}/2010-04-01/Accounts/${encodeURIComponent(account.account_sid)}.json`,
        headers: { authorization: basic(account.account_sid, account.auth_token.reveal()) },
        expects: succeeded,
      };
    }
    case "sendgrid": {
      const account = config.accounts[name];
      if (account === undefined) throw missing();
      return {
        method: "GET",
        url: `${base}/v3/scopes`,
        headers: { authorization: `Bearer ${inHeader(account.api_key.reveal(), owner)}` },
        expects: succeeded,
      };
    }
    case "http": {
      const account = config.accounts[name];
      const request = config.probe_request;
      if (account === undefined || request === undefined) throw missing();
      const expected = request.expected_status;
      return {
        method: request.method,
        url: `${base}${request.path}`,
        headers: httpHeaders(account, owner),
        expects: expected === undefined ? succeeded : (status) => status === expected,
      };
    }
  }
}
