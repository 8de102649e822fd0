import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startLoopbackHttp } from "../../lab/servers/loopback-http.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { secretFile, startExporter } from "./exporter-harness.ts";
import type { MetricsPage } from "./exporter-page.ts";
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

/** The names and labels of a page's series. */
const shape = (page: MetricsPage) =>
  page.series.map(({ name, labels }) => `${name}${JSON.stringify(labels)}`).sort();

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
});
