import { z } from "zod";
import { httpUrl, labelName, secret } from "./fields.ts";

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
};

const twilio = z
  .strictObject({
    kind: z.literal("twilio").describe("Twilio's REST API."),
    base_url: httpUrl().default("https://api.twilio.com").describe("Address of the API."),
    accounts: z
      .record(
        labelName(),
        z.strictObject({
          ...account,
          account_sid: z.string().min(1).describe("The account's SID."),
          auth_token: secret().describe("Reference to the account's auth token."),
        }),
      )
      .describe("Accounts by a short name that is used in metrics and commands."),
  })
  .describe("Twilio; probed by reading the account resource.");

const sendgrid = z
  .strictObject({
    kind: z.literal("sendgrid").describe("SendGrid's v3 API."),
    base_url: httpUrl().default("https://api.sendgrid.com").describe("Address of the API."),
    accounts: z
      .record(
        labelName(),
        z.strictObject({ ...account, api_key: secret().describe("Reference to the API key.") }),
      )
      .describe("Accounts by a short name that is used in metrics and commands."),
  })
  .describe("SendGrid; probed by reading the key's scopes.");

/** The providers that notifications are sent through. */
export const providersSection = z
  .record(labelName(), z.discriminatedUnion("kind", [twilio, sendgrid]))
  .describe("Providers by name, each with its accounts.");

export type ProvidersConfig = z.output<typeof providersSection>;
export type ProviderConfig = ProvidersConfig[string];
