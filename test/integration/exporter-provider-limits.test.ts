import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startLoopbackHttp } from "../../lab/servers/loopback-http.ts";
import { httpAccountPath, type LimitHeaders } from "../../lab/servers/provider-http.ts";
import { type ProviderStandIn, startProviderStandIn } from "../../lab/servers/provider-stand-in.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { secretFile, startExporter } from "./exporter-harness.ts";
import type { MetricsPage } from "./exporter-page.ts";

const secret = "secret-of-the-test";
const basic = Buffer.from(`lab:${secret}`).toString("base64");
/** A whole second, so that windows do not end during a test. */
const now = 1_893_456_000_000;
const sid = `AC${"7".repeat(32)}`;

/** The accounts of the stand-in: each has its own way to be told the credentials and to tell its limit. */
const forms: Readonly<Record<string, readonly [headers: LimitHeaders, name: string, value: string]>> = {
  bearer: ["ratelimit", "authorization", `Bearer ${secret}`],
  basic: ["ratelimit-three", "authorization", `Basic ${basic}`],
  key: ["x-ratelimit", "x-api-key", secret],
  own: ["own", "x-own", secret],
  silent: ["none", "x-silent", secret],
};

let workspace: Workspace;
let provider: ProviderStandIn;
let reference: string;

beforeEach(async () => {
  workspace = await createWorkspace("exporter");
  reference = await secretFile(workspace, secret);
  provider = await startProviderStandIn(workspace, {
    now: () => now,
    accounts: [
      ...Object.entries(forms).map(([name, [limitHeaders, header, value]]) => ({
        provider: "http" as const,
        name,
        credential: [header, value] as const,
        perSecond: 50,
        limitHeaders,
      })),
      { provider: "twilio", sid, authToken: secret, perSecond: 50 },
      { provider: "sendgrid", name: "mail", apiKey: secret, perSecond: 50 },
    ],
  });
});

afterEach(async () => {
  await workspace.close();
});

/** What the page says of the limit of one account. */
function limitOf(page: MetricsPage, name: string, account: string) {
  const labels = { role: "token_bucket", provider: name, account };
  return {
    up: page.value("redisops_provider_up", labels),
    limit: page.value("redisops_provider_limit", labels),
    left: page.value("redisops_provider_limit_remaining", labels),
    anew: page.value("redisops_provider_limit_reset_timestamp_seconds", labels),
    perSecond: page.value("redisops_provider_limit_per_second", labels),
    concurrent: page.value("redisops_provider_concurrent_requests", labels),
  };
}

const nothing = {
  limit: undefined,
  left: undefined,
  anew: undefined,
  perSecond: undefined,
  concurrent: undefined,
};

const http = (url: string, more: object) => ({
  kind: "http",
  base_url: url,
  probe_request: { path: httpAccountPath },
  ...more,
});

describe("the limit that a provider tells", { timeout: patience }, () => {
  it("is read in every usual form, behind every usual form of credentials", async () => {
    const account = { limit_per_second: 50 };
    const exporter = await startExporter(workspace, {
      providers: {
        push: http(provider.url, {
          accounts: {
            bearer: { ...account, bearer_token: reference },
            basic: { ...account, basic_auth: { username: "lab", password: reference } },
            key: { ...account, header_auth: { name: "X-Api-Key", value: reference } },
            silent: { ...account, header_auth: { name: "X-Silent", value: reference } },
          },
        }),
        own: http(provider.url, {
          probe_request: { path: httpAccountPath, method: "HEAD", expected_status: 200 },
          rate_limit: {
            limit_header: "X-Quota",
            remaining_header: "X-Quota-Left",
            reset_header: "X-Quota-Reset-Ms",
            window: "500ms",
          },
          accounts: { own: { ...account, header_auth: { name: "X-Own", value: reference } } },
        }),
      },
    });
    const page = await exporter.scrape();
    const seconds = now / 1000;
    const told = { up: 1, limit: 50, left: 49, concurrent: undefined };
    // As seconds from now where the headers say so; the exporter’s clock is not the stand-in’s.
    const soon = expect.closeTo(Date.now() / 1000 + 1, -2);
    expect(limitOf(page, "push", "bearer")).toEqual({ ...told, anew: soon, perSecond: 50 });
    expect(limitOf(page, "push", "basic")).toEqual({ ...told, anew: soon, perSecond: 50 });
    expect(limitOf(page, "push", "key")).toEqual({ ...told, anew: seconds + 1, perSecond: undefined });
    expect(limitOf(page, "push", "silent")).toEqual({ ...nothing, up: 1 });
    expect(limitOf(page, "own", "own")).toEqual({ ...told, anew: seconds + 1, perSecond: 100 });
    expect(page.text).not.toContain(secret);
    expect(page.text).not.toContain(basic);
  });

  it("is what SendGrid and Twilio document", async () => {
    const exporter = await startExporter(workspace, {
      providers: {
        sendgrid: {
          kind: "sendgrid",
          base_url: `${provider.url}/`,
          accounts: { mail: { limit_per_second: 50, api_key: reference } },
        },
        twilio: {
          kind: "twilio",
          base_url: provider.url,
          accounts: { main: { limit_per_second: 50, account_sid: sid, auth_token: reference } },
        },
      },
    });
    const page = await exporter.scrape();
    expect(limitOf(page, "sendgrid", "mail")).toEqual({
      up: 1,
      limit: 50,
      left: 49,
      anew: now / 1000 + 1,
      perSecond: undefined,
      concurrent: undefined,
    });
    expect(limitOf(page, "twilio", "main")).toEqual({ ...nothing, up: 1, concurrent: 1 });
    expect(page.text).not.toContain(sid);
  });

  it("is told with a 429 as well, and vanishes with the answer", async () => {
    const exporter = await startExporter(workspace, {
      providers: {
        push: http(provider.url, { accounts: { bearer: { limit_per_second: 50, bearer_token: reference } } }),
      },
    });
    await exporter.scrape();
    provider.setLimit("bearer", 0);
    const throttled = await exporter.scrape();
    expect(limitOf(throttled, "push", "bearer")).toMatchObject({ up: 1, limit: 0, left: 0, perSecond: 0 });
    const labels = { role: "token_bucket", provider: "push", account: "bearer" };
    expect(throttled.value("redisops_provider_retry_after_seconds", labels)).toBe(1);
    expect(throttled.value("redisops_provider_throttled_total", labels)).toBe(1);
    await provider.stop();
    expect(limitOf(await exporter.scrape(), "push", "bearer")).toEqual({ ...nothing, up: 0 });
  });

  it("is absent where the headers hold nonsense, and a status that is not expected is a failure", async () => {
    const hostile = await startLoopbackHttp(workspace, "hostile provider", (_request, response) => {
      response.setHeader("X-RateLimit-Limit", ["100", "200"]);
      response
        .writeHead(200, {
          "X-RateLimit-Remaining": "-1",
          "X-RateLimit-Reset": "0x7fffffff",
          RateLimit: '"a";r="many";t=-3',
          "RateLimit-Policy": `"a";q=1e9;w=0,`,
          "Twilio-Concurrent-Requests": "NaN",
        })
        .end();
    });
    const account = { limit_per_second: 50, bearer_token: reference };
    const exporter = await startExporter(workspace, {
      providers: {
        push: http(hostile.url, { accounts: { main: account } }),
        strict: http(hostile.url, {
          probe_request: { path: "/", expected_status: 204 },
          accounts: { main: account },
        }),
      },
    });
    const page = await exporter.scrape();
    expect(limitOf(page, "push", "main")).toEqual({ ...nothing, up: 1 });
    expect(limitOf(page, "strict", "main")).toEqual({ ...nothing, up: 0 });
  });
});
