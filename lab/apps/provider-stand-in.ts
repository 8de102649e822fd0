import { z } from "zod";
import type { ProviderConfig } from "../../core/config/providers-section.ts";
import type { Config } from "../../core/config/schema.ts";
import { type ProviderAccount, providerApis } from "../servers/provider-stand-in.ts";
import { runApp } from "./app.ts";

const limitChange = z.object({
  provider: z.string(),
  account: z.string().optional(),
  /** Requests per second; the usual limit when left out. */
  perSecond: z.int().min(0).optional(),
});

interface KnownAccount {
  readonly provider: string;
  readonly name: string;
  /** What the stand-in knows it by. */
  readonly id: string;
  readonly account: ProviderAccount;
}

function accountsOfProvider(provider: string, section: ProviderConfig): KnownAccount[] {
  switch (section.kind) {
    case "twilio":
      return Object.entries(section.accounts).map(
        ([name, { account_sid: sid, auth_token, limit_per_second }]) => ({
          provider,
          name,
          id: sid,
          account: { provider: "twilio", sid, authToken: auth_token.reveal(), perSecond: limit_per_second },
        }),
      );
    case "sendgrid":
      return Object.entries(section.accounts).map(([name, { api_key, limit_per_second }]) => ({
        provider,
        name,
        id: name,
        account: { provider: "sendgrid", name, apiKey: api_key.reveal(), perSecond: limit_per_second },
      }));
    case "http":
      return [];
  }
}

/** The accounts of redisops.yaml, with the limit that it states; the lab has none of kind http. */
function accountsOf({ providers }: Config): KnownAccount[] {
  return Object.entries(providers).flatMap(([name, section]) => accountsOfProvider(name, section));
}

/** Twilio and SendGrid in one process. */
await runApp(async ({ config }) => {
  const known = accountsOf(config);
  const apis = providerApis(known.map(({ account }) => account));
  return {
    listener: apis.listener,
    routes: {
      "POST /limit": (body) => {
        const { provider, account, perSecond } = limitChange.parse(body);
        const meant = known.filter(
          (each) => each.provider === provider && (account === undefined || each.name === account),
        );
        for (const { id, account: own } of meant) apis.setLimit(id, perSecond ?? own.perSecond);
        return { status: 200, body: meant.map(({ name }) => `${provider}/${name}`) };
      },
    },
    counters: () => ({
      accounts: known.map(({ provider, name, id }) => ({ provider, account: name, ...apis.counts(id) })),
    }),
    stop: async () => undefined,
  };
});
