import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startLoopbackHttp } from "../../lab/servers/loopback-http.ts";
import { type ProviderStandIn, startProviderStandIn } from "../../lab/servers/provider-stand-in.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { secretFile, startExporter } from "./exporter-harness.ts";
import type { MetricsPage } from "./exporter-page.ts";

const sid = `AC${"7".repeat(32)}`;
const token = "token-of-the-test";
const apiKey = "SG.key-of-the-test";

let workspace: Workspace;
let provider: ProviderStandIn;

beforeEach(async () => {
  workspace = await createWorkspace("exporter");
  provider = await startProviderStandIn(workspace, {
    accounts: [
      { provider: "twilio", sid, authToken: token, perSecond: 1000 },
      { provider: "sendgrid", name: "mail", apiKey, perSecond: 1000 },
    ],
  });
});

afterEach(async () => {
  await workspace.close();
});

async function exporterOf({ url = provider.url, authToken = token } = {}) {
  return startExporter(workspace, {
    providers: {
      twilio: {
        kind: "twilio",
        base_url: url,
        accounts: {
          main: {
            limit_per_second: 100,
            account_sid: sid,
            auth_token: await secretFile(workspace, authToken),
          },
        },
      },
      sendgrid: {
        kind: "sendgrid",
        base_url: provider.url,
        accounts: { mail: { limit_per_second: 100, api_key: await secretFile(workspace, apiKey) } },
      },
    },
  });
}

/** What the page says of an account: success, requests, throttled, and the wait that was asked for. */
function account(page: MetricsPage, name: "twilio/main" | "sendgrid/mail") {
  const [own, accountName] = name.split("/");
  const labels = { role: "token_bucket", provider: String(own), account: String(accountName) };
  return {
    success: page.value("redisops_probe_success", { probe: "provider", target: name }),
    requests: page.value("redisops_provider_requests_total", labels),
    throttled: page.value("redisops_provider_throttled_total", labels),
    wait: page.value("redisops_provider_retry_after_seconds", labels),
  };
}

/** Whether and how Twilio's account answered. */
function verdict(page: MetricsPage) {
  const labels = { role: "token_bucket", provider: "twilio", account: "main" };
  const classes = page.all("redisops_provider_status").filter((each) => each.labels.provider === "twilio");
  expect(classes).toHaveLength(6);
  const held = classes.filter(({ value }) => value === 1).map((each) => each.labels.status_class);
  expect(held).toHaveLength(1);
  return {
    up: page.value("redisops_provider_up", labels),
    answered: held[0],
    rejected: page.value("redisops_provider_credentials_rejected", labels),
    timed: page.value("redisops_provider_response_seconds", labels) !== undefined,
  };
}

describe("the provider probe", { timeout: patience }, () => {
  it("counts answers, and the throttled ones among them", async () => {
    const exporter = await exporterOf();
    const fine = await exporter.scrape();
    expect(account(fine, "twilio/main")).toEqual({ success: 1, requests: 1, throttled: 0, wait: 0 });
    expect(account(fine, "sendgrid/mail")).toEqual({ success: 1, requests: 1, throttled: 0, wait: 0 });

    provider.setLimit(sid, 0);
    provider.setLimit("mail", 0);
    const throttled = await exporter.scrape();
    // Throttled is an answer: the probe did its job.
    expect(account(throttled, "twilio/main")).toEqual({ success: 1, requests: 2, throttled: 1, wait: 1 });
    const mail = account(throttled, "sendgrid/mail");
    expect(mail).toMatchObject({ success: 1, requests: 2, throttled: 1 });
    expect(mail.wait).toBeGreaterThanOrEqual(0);
    expect(mail.wait).toBeLessThanOrEqual(1);

    provider.setLimit(sid, 1000);
    const again = await exporter.scrape();
    expect(account(again, "twilio/main")).toEqual({ success: 1, requests: 3, throttled: 1, wait: 0 });
  });

  it("reports rejected credentials as a failed probe that was answered, without showing them", async () => {
    const wrong = "a-wrong-token";
    const exporter = await exporterOf({ authToken: wrong });
    const page = await exporter.scrape();
    expect(account(page, "twilio/main")).toEqual({ success: 0, requests: 1, throttled: 0, wait: 0 });
    expect(account(page, "sendgrid/mail")).toMatchObject({ success: 1 });
    const { error } = await exporter.result("provider", "twilio/main");
    expect(error?.code).toBe("PROVIDER_UNAVAILABLE");
    expect(error?.message).toContain(`twilio account main at ${provider.url} answered with status 401`);
    const shown = [page.text, JSON.stringify(error), inspect(error, { depth: 9 }), ...exporter.log].join(
      "\n",
    );
    for (const secret of [wrong, apiKey, sid]) expect(shown).not.toContain(secret);
  });

  it("keeps its counters while the provider is down, and counts on when it is back", async () => {
    const exporter = await exporterOf();
    await exporter.scrape();
    const { port, url } = provider;
    await provider.stop();
    for (let scrape = 0; scrape < 3; scrape++) {
      const page = await exporter.scrape();
      expect(account(page, "twilio/main")).toEqual({ success: 0, requests: 1, throttled: 0, wait: 0 });
    }
    const { error } = await exporter.result("provider", "twilio/main");
    expect(error?.message).toContain(`twilio account main at ${url} did not answer`);
    expect(error?.message).toContain("ECONNREFUSED");
    await startProviderStandIn(workspace, {
      port,
      accounts: [{ provider: "twilio", sid, authToken: token, perSecond: 1000 }],
    });
    const back = await exporter.scrape();
    expect(account(back, "twilio/main")).toEqual({ success: 1, requests: 2, throttled: 0, wait: 0 });
  });

  it("does not wait for a provider that hangs, nor follow one that redirects", async () => {
    const hung = await startLoopbackHttp(workspace, "hung provider", () => undefined);
    const hanging = await exporterOf({ url: hung.url });
    const page = await hanging.scrape(1);
    expect(account(page, "twilio/main")).toEqual({ success: 0, requests: 0, throttled: 0, wait: 0 });
    expect(account(page, "sendgrid/mail")).toMatchObject({ success: 1, requests: 1 });
    const { error } = await hanging.result("provider", "twilio/main");
    expect(error?.code).toBe("PROVIDER_UNAVAILABLE");

    const elsewhere = await startLoopbackHttp(workspace, "redirecting provider", (_request, response) => {
      response.writeHead(302, { Location: provider.url }).end();
    });
    const redirected = await exporterOf({ url: elsewhere.url });
    expect(account(await redirected.scrape(), "twilio/main")).toMatchObject({ success: 0, requests: 0 });
  });

  it("tells throttled from rejected, from a server error, from a redirect and from no answer", async () => {
    const exporter = await exporterOf();
    expect(verdict(await exporter.scrape())).toEqual({ up: 1, answered: "2xx", rejected: 0, timed: true });
    provider.setLimit(sid, 0);
    expect(verdict(await exporter.scrape())).toEqual({ up: 1, answered: "429", rejected: 0, timed: true });
    const wrong = await exporterOf({ authToken: "wrong" });
    expect(verdict(await wrong.scrape())).toEqual({ up: 0, answered: "4xx", rejected: 1, timed: true });

    let status = 503;
    const failing = await startLoopbackHttp(workspace, "failing provider", (_request, response) => {
      response.writeHead(status, { Location: provider.url, "Retry-After": "9" }).end();
    });
    const elsewhere = await exporterOf({ url: failing.url });
    const unexpected = [];
    for (status of [503, 404, 302]) unexpected.push(verdict(await elsewhere.scrape()));
    expect(unexpected).toEqual([
      { up: 0, answered: "5xx", rejected: 0, timed: true },
      { up: 0, answered: "4xx", rejected: 0, timed: true },
      { up: 0, answered: "3xx", rejected: 0, timed: true },
    ]);
    await failing.stop();
    const none = { up: 0, answered: "none", rejected: undefined, timed: false };
    expect(verdict(await elsewhere.scrape())).toEqual(none);
    const hung = await startLoopbackHttp(workspace, "hung provider", () => undefined);
    const hanging = await exporterOf({ url: hung.url });
    expect(verdict(await hanging.scrape(1))).toEqual(none);
  });

  it("reads no more of an answer than it needs, however long that is", async () => {
    let sent = 0;
    const chunk = Buffer.alloc(65_536);
    const endless = await startLoopbackHttp(workspace, "endless provider", (_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.length;
      };
      response.writeHead(200).on("drain", more);
      more();
    });
    const exporter = await exporterOf({ url: endless.url });
    const page = await exporter.scrape();
    expect(verdict(page)).toEqual({ up: 1, answered: "2xx", rejected: 0, timed: true });
    // What the sockets of both sides buffer until the connection is closed.
    expect(sent).toBeLessThan(64 * 1_048_576);
  });

  it("sends no credentials that no header can carry, and does not show them", async () => {
    const broken = "SG.first-line\nSG.second-line";
    const exporter = await startExporter(workspace, {
      providers: {
        sendgrid: {
          kind: "sendgrid",
          base_url: provider.url,
          accounts: { mail: { limit_per_second: 1, api_key: await secretFile(workspace, broken) } },
        },
      },
    });
    const page = await exporter.scrape();
    expect(account(page, "sendgrid/mail")).toEqual({ success: 0, requests: 0, throttled: 0, wait: 0 });
    // The provider was not asked, so nothing is said of it.
    expect(page.all("redisops_provider_up")).toEqual([]);
    const { error } = await exporter.result("provider", "sendgrid/mail");
    expect(error?.code).toBe("SECRET_UNRESOLVED");
    expect(error?.message).toContain("sendgrid account mail");
    const shown = [page.text, inspect(error, { depth: 9 }), ...exporter.log].join("\n");
    expect(shown).not.toMatch(/SG\.|second-line/);
  });

  it("asks only about those accounts that it may", async () => {
    const secret = await secretFile(workspace, token);
    const one = { limit_per_second: 100, account_sid: sid, auth_token: secret };
    const exporter = await startExporter(workspace, {
      providers: {
        twilio: {
          kind: "twilio",
          base_url: provider.url,
          accounts: { asked: one, silent: { ...one, probe: false } },
        },
        quiet: {
          kind: "twilio",
          base_url: provider.url,
          probe: false,
          accounts: { silent: one, asked: { ...one, probe: true } },
        },
        push: { kind: "http", base_url: provider.url, accounts: { silent: { limit_per_second: 1 } } },
      },
    });
    const page = await exporter.scrape();
    expect(
      page.all("redisops_provider_up").map(({ labels }) => `${labels.provider}/${labels.account}`),
    ).toEqual(["twilio/asked", "quiet/asked"]);
    expect(page.all("redisops_provider_requests_total")).toHaveLength(2);
  });

  it("reads a date as the wait, as a provider may send it", async () => {
    const dated = await startLoopbackHttp(workspace, "dating provider", (_request, response) => {
      response.writeHead(429, { "Retry-After": new Date(Date.now() + 60_000).toUTCString() }).end();
    });
    const exporter = await exporterOf({ url: dated.url });
    const { throttled, wait } = account(await exporter.scrape(), "twilio/main");
    expect(throttled).toBe(1);
    expect(wait).toBeGreaterThan(1);
    expect(wait).toBeLessThanOrEqual(60);
  });
});
