import { z } from "zod";
import { headerName, httpUrl, labelName, positiveDuration, secret } from "./fields.ts";

const account = {
  limit_per_second: z
    .number()
    .positive()
    .describe("Requests per second that the provider grants; the bucket's refill."),
  burst: z
    .number()
    .positive()
    .optional()
    .describe("Tokens of a full bucket; one second's worth (limit_per_second) when left out."),
  probe: z
    .boolean()
    .optional()
    .describe("Whether the exporter asks the provider about this account; as the provider's when left out."),
};

const probe = {
  probe: z
    .boolean()
    .default(true)
    .describe(
      "Whether the exporter asks the provider at each scrape, with the account's credentials. Each request counts against the account's limit.",
    ),
};

const accountsOf = <Shape extends z.core.SomeType>(shape: Shape) =>
  z.record(labelName(), shape).describe("Accounts by a short name that is used in metrics and commands.");

/** Where the APIs of known providers are. */
export const apiAddresses = {
  twilio: "https://api.twilio.com",
  sendgrid: "https://api.sendgrid.com",
} as const;

const twilio = z
  .strictObject({
    kind: z.literal("twilio").describe("Twilio's REST API."),
    base_url: httpUrl().default(apiAddresses.twilio).describe("Address of the API."),
    ...probe,
    accounts: accountsOf(
      z.strictObject({
        ...account,
        account_sid: z.string().min(1).describe("The account's SID."),
        auth_token: secret().describe("Reference to the account's auth token."),
      }),
    ),
  })
  .describe("Twilio; probed by reading the account resource.");

const sendgrid = z
  .strictObject({
    kind: z.literal("sendgrid").describe("SendGrid's v3 API."),
    base_url: httpUrl().default(apiAddresses.sendgrid).describe("Address of the API."),
    ...probe,
    accounts: accountsOf(
      z.strictObject({ ...account, api_key: secret().describe("Reference to the API key.") }),
    ),
  })
  .describe("SendGrid; probed by reading the key's scopes.");

const probeRequest = z
  .strictObject({
    method: z.enum(["GET", "HEAD"]).default("GET").describe("Method of the request."),
    path: z
      .string()
      .regex(/^\/[!-~]*$/, "expected a path that begins with /")
      .describe(
        "Path below base_url, with the query if there is one, and without a secret. Choose what costs least and needs the credentials.",
      ),
    expected_status: z
      .int()
      .min(200)
      .max(599)
      .optional()
      .describe("Status of a healthy answer; any from 200 to 299 when left out."),
  })
  .optional()
  .describe("The probe's request; without it the accounts are not probed.");

const rateLimit = z
  .strictObject({
    limit_header: headerName().optional().describe("Header that holds the limit."),
    remaining_header: headerName().optional().describe("Header that holds what is left of it."),
    reset_header: headerName()
      .optional()
      .describe("Header that says when it starts anew, in seconds from now or since 1970."),
    window: positiveDuration()
      .optional()
      .describe("Time that the limit is for; compares it with limit_per_second."),
  })
  .prefault({})
  .describe(
    "How the provider tells its limit. Without names, RateLimit and RateLimit-Policy, RateLimit-* and X-RateLimit-* are looked for, in this order.",
  );

const credentials = {
  bearer_token: secret().optional().describe("Reference to a token, sent as Authorization: Bearer."),
  basic_auth: z
    .strictObject({
      username: z
        .string()
        .regex(/^[^:]+$/, "expected a name without a colon")
        .describe("User name."),
      password: secret().describe("Reference to the password."),
    })
    .optional()
    .describe("Sent as Authorization: Basic."),
  header_auth: z
    .strictObject({
      name: headerName().describe("Name of the header, such as X-Api-Key."),
      value: secret().describe("Reference to its value."),
    })
    .optional()
    .describe("Sent as a header of its own."),
};

const http = z
  .strictObject({
    kind: z.literal("http").describe("Any other provider with an HTTP API."),
    base_url: httpUrl().describe("Address of the API."),
    ...probe,
    probe_request: probeRequest,
    rate_limit: rateLimit,
    accounts: accountsOf(
      z
        .strictObject({ ...account, ...credentials })
        .refine(
          ({ bearer_token, basic_auth, header_auth }) =>
            [bearer_token, basic_auth, header_auth].filter((form) => form !== undefined).length <= 1,
          "expected at most one of bearer_token, basic_auth and header_auth",
        ),
    ),
  })
  .describe("Any other provider; probed by the request that probe_request describes.");

/** The providers that notifications are sent through. */
export const providersSection = z
  .record(labelName(), z.discriminatedUnion("kind", [twilio, sendgrid, http]))
  .describe("Providers by name, each with its accounts.");

export type ProvidersConfig = z.output<typeof providersSection>;
export type ProviderConfig = ProvidersConfig[string];
export type HttpProviderConfig = Extract<ProviderConfig, { kind: "http" }>;

/** Whether the exporter asks the provider about that account. */
export function isProbed(config: ProviderConfig, account: string): boolean {
  if (config.kind === "http" && config.probe_request === undefined) return false;
  return config.accounts[account]?.probe ?? config.probe;
}
