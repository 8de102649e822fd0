import type { ProviderConfig } from "../../core/config/providers-section.ts";
import type { Attempt } from "../../fallbacks/providers/provider-client.ts";

/** Where a notification goes and what it says. */
export interface Addressed {
  readonly to: string;
  readonly body: string;
}

/** Makes the provider's own request to send a notification, with the credentials of the account that is asked for. */
export function sendRequest(provider: ProviderConfig, { to, body }: Addressed): Attempt {
  return async (name, signal) => {
    const { url, init } = requestOf(provider, name, to, body);
    const response = await fetch(url, { ...init, method: "POST", signal });
    await response.body?.cancel();
    return response;
  };
}

/** The request itself. */
interface ProviderRequest {
  readonly url: string;
  readonly init: { readonly headers: Readonly<Record<string, string>>; readonly body: string };
}

function requestOf(provider: ProviderConfig, name: string, to: string, body: string): ProviderRequest {
  switch (provider.kind) {
    case "twilio":
      return twilioRequest(provider, name, to, body);
    case "sendgrid":
      return mailRequest(provider, name, to, body);
    case "http":
      throw new Error("redisops.yaml does not say how a provider of kind http is sent through");
  }
}

type Twilio = Extract<ProviderConfig, { kind: "twilio" }>;
type SendGrid = Extract<ProviderConfig, { kind: "sendgrid" }>;

function twilioRequest(
  { base_url, accounts }: Twilio,
  name: string,
  to: string,
  text: string,
): ProviderRequest {
  const account = accounts[name];
  if (account === undefined) throw new Error(`there is no account ${name}`);
  const credentials = `${account.account_sid}:${account.auth_token.reveal()}`;
  return {
    url: `${base_url}/2010-04-01/Accounts/${account.account_sid}/Messages.json`,
    init: {
      headers: {
        Authorization: `Basic ${Buffer.from(credentials).toString("base64")}`,
        "Content-Type": "application/x-www-form-urlencoded",
      },
      body: new URLSearchParams({ To: to, From: "+15005550006", Body: text }).toString(),
    },
  };
}

function mailRequest(
  { base_url, accounts }: SendGrid,
  name: string,
  to: string,
  text: string,
): ProviderRequest {
  const account = accounts[name];
  if (account === undefined) throw new Error(`there is no account ${name}`);
  return {
    url: `${base_url}/v3/mail/send`,
    init: {
      headers: { Authorization: `Bearer ${account.api_key.reveal()}`, "Content-Type": "application/json" },
      body: JSON.stringify({
        personalizations: [{ to: [{ email: `${to}@example.com` }] }],
        from: { email: "lab@example.com" },
        subject: "From the lab",
        content: [{ type: "text/plain", value: text }],
      }),
    },
  };
}
