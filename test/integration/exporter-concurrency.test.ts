import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startLoopbackHttp } from "../../lab/servers/loopback-http.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { secretFile, startExporter } from "./exporter-harness.ts";
import { MetricsPage } from "./exporter-page.ts";
import { type Platform, startPlatform } from "./exporter-platform.ts";

let workspace: Workspace;
let platform: Platform;

beforeAll(async () => {
  workspace = await createWorkspace("exporter");
  platform = await startPlatform(workspace);
});

afterAll(async () => {
  await workspace.close();
});

/** Are there while somebody's transaction is, or once something was measured for which there is no time in each scrape. */
const fleeting = /^redisops_(?:postgres_oldest_transaction|preference_read_capacity)/;

/** The names and labels of a page's series. */
const shape = (page: MetricsPage) =>
  page.series
    .filter(({ name }) => !fleeting.test(name))
    .map(({ name, labels }) => `${name}${JSON.stringify(labels)}`)
    .sort();

const failures = (page: MetricsPage) => page.all("redisops_probe_success").filter(({ value }) => value !== 1);

describe("an exporter that is scraped by many at once", { timeout: patience }, () => {
  it("gives each a complete answer and keeps no connection", async () => {
    // This machine may be slow; what is asked is completeness.
    const exporter = await startExporter(workspace, {
      ...platform.config,
      exporter: { probe_timeout: "8s" },
    });
    const alone = await exporter.scrape();
    expect(failures(alone)).toEqual([]);
    const pages = await Promise.all(Array.from({ length: 20 }, () => exporter.scrape()));
    for (const page of pages) {
      expect(failures(page)).toEqual([]);
      expect(shape(page)).toEqual(shape(alone));
    }
    const counts = pages.map((page) =>
      page.value("redisops_provider_requests_total", { provider: "twilio", account: "main" }),
    );
    // Scrapes that come while the probes run share them, so that many of them are no load.
    expect(Math.max(...counts.map(Number))).toBeLessThan(21);
    await platform.untilLeft();
  });

  it("keeps no connection when servers hang, nor when the scraper gives up", async () => {
    let arrived: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const hung = await startLoopbackHttp(workspace, "hung provider", () => arrived());
    const account = {
      limit_per_second: 1,
      account_sid: "AC1",
      auth_token: await secretFile(workspace, "token"),
    };
    const exporter = await startExporter(workspace, {
      ...platform.config,
      providers: { twilio: { kind: "twilio", base_url: hung.url, accounts: { main: account } } },
    });
    platform.redis.pause();
    await frozen([platform.redis.pid]);
    const scraper = new AbortController();
    const scrape = fetch(`${exporter.url}/metrics`, { signal: scraper.signal });
    await asked;
    scraper.abort();
    await expect(scrape).rejects.toThrow(/abort/i);
    const page = await exporter.scrape(2);
    expect(page.verdict("sequence")).toBe("timeout");
    expect(page.verdict("preferences")).toBe("up");
    expect(page.verdict("postgres")).toBe("up");

    platform.redis.resume();
    await platform.untilLeft();
    await exporter.scrapeUntil("the role to be up", (found) => found.verdict("sequence") === "up");
    await platform.untilLeft();
  });

  it("asks the servers once for all of them", async () => {
    const exporter = await startExporter(workspace, {
      ...platform.config,
      exporter: { probe_timeout: "8s" },
    });
    /** Commands that the Redis server has answered, without this test's own. */
    const commands = () =>
      withRedis(platform.redis.port, async (client) => {
        const stats = await client.info("commandstats");
        const lines = stats.matchAll(/^cmdstat_(\S+):calls=(\d+)/gm);
        const own = ["info", "select", "hello", "client|setname", "client|setinfo", "auth"];
        return [...lines].reduce(
          (sum, [, name = "", calls]) => sum + (own.includes(name) ? 0 : Number(calls)),
          0,
        );
      });
    const cost = async (work: () => Promise<unknown>) => {
      await platform.untilLeft();
      const before = await commands();
      await work();
      await platform.untilLeft();
      return (await commands()) - before;
    };
    await exporter.scrape();
    const one = await cost(() => exporter.scrape());
    const forty = await cost(() => Promise.all(Array.from({ length: 40 }, () => exporter.scrape())));
    expect(one).toBeGreaterThan(0);
    // All arrive within a few milliseconds; a few runs are begun because earlier ones have ended already.
    expect(forty).toBeLessThan(10 * one);
  });

  it("goes on with a probe that a scraper gave up, for the others that wait for it, and with nothing else", async () => {
    const exporter = await startExporter(workspace, platform.config);
    platform.redis.pause();
    await frozen([platform.redis.pid]);
    const leaving = new AbortController();
    const left = Array.from({ length: 10 }, () =>
      fetch(`${exporter.url}/probe?target=sequence`, { signal: leaving.signal }),
    );
    const waiting = fetch(`${exporter.url}/probe?target=sequence`);
    const self = async () => new MetricsPage(await (await fetch(`${exporter.url}/probe?target=self`)).text());
    await waitUntil(async () => (await self()).value("redisops_exporter_scrapes_in_flight") === 12, {
      what: "the scrapes to be under way",
      deadlineMs: patience,
    });
    leaving.abort();
    for (const each of await Promise.allSettled(left)) expect(each.status).toBe("rejected");
    const page = new MetricsPage(await (await waiting).text());
    expect(page.verdict("sequence")).toBe("timeout");
    platform.redis.resume();
    await platform.untilLeft();
    const after = await self();
    expect(after.value("redisops_exporter_scrapes_in_flight")).toBe(1);
    expect(after.value("redisops_exporter_scrapes_failed_total")).toBe(10);
  });

  it("leaves series out beyond the limit, says so, and stays well-formed", async () => {
    const exporter = await startExporter(workspace, { ...platform.config, exporter: { max_series: 200 } });
    const pages = [await exporter.scrape(), await exporter.scrape()];
    for (const page of pages) {
      expect(page.series.length).toBeLessThanOrEqual(200);
      const dropped = page.all("redisops_exporter_series_dropped");
      expect(dropped.reduce((sum, { value }) => sum + value, 0)).toBeGreaterThan(0);
      expect(page.all("redisops_probe_success").length).toBe(exporter.server.state.probes.all.length);
      expect(page.value("redisops_exporter_scrapes_in_flight")).toBe(1);
    }
  });
});
