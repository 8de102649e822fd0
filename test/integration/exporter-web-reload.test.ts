import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { parseConfig } from "../../core/config/load.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { startExporter } from "./exporter-harness.ts";
import { MetricsPage } from "./exporter-page.ts";
import { type Platform, startPlatform } from "./exporter-platform.ts";

let workspace: Workspace;
let platform: Platform;

beforeAll(async () => {
  workspace = await createWorkspace("exporter-reload");
  platform = await startPlatform(workspace);
}, patience);

afterAll(async () => {
  await workspace.close();
});

/** An exporter whose redisops.yaml is this text, which can be replaced. */
async function start(parts: Readonly<Record<string, unknown>>) {
  const file = { text: "" };
  const write = (more: Readonly<Record<string, unknown>>) => {
    file.text = stringify({ platform: "test", roles: {}, ...more });
  };
  write(parts);
  const exporter = await startExporter(
    workspace,
    {},
    { load: () => parseConfig(file.text, "redisops.yaml") },
  );
  const reload = async (method = "POST") => {
    const response = await fetch(`${exporter.url}/-/reload`, { method });
    return { status: response.status, text: await response.text() };
  };
  return { exporter, file, write, reload };
}

const requests = (page: MetricsPage) =>
  Number(page.value("redisops_provider_requests_total", { provider: "twilio", account: "main" }));

/** The platform with time enough for this machine, and with only the roles named. */
function partsWith(...roles: string[]): Record<string, unknown> {
  const all = Object.entries(platform.config.roles as Record<string, unknown>);
  const chosen = Object.fromEntries(all.filter(([role]) => roles.length === 0 || roles.includes(role)));
  return { ...platform.config, roles: chosen, exporter: { probe_timeout: "8s" } };
}

describe("a reload of redisops.yaml", { timeout: 2 * patience }, () => {
  it("in the middle of concurrent scrapes leaves every page whole and every counter rising", async () => {
    const { exporter, write, reload } = await start(partsWith());
    const rolesOf = (page: MetricsPage) =>
      page
        .all("redisops_role_up")
        .map(({ labels }) => String(labels.role))
        .sort()
        .join();
    const whole = rolesOf(await exporter.scrape());
    const pages: MetricsPage[] = [];
    let done = false;
    const scraper = async () => {
      let counted = 0;
      while (!done) {
        const page = await exporter.scrape();
        pages.push(page);
        const now = requests(page);
        expect(now).toBeGreaterThanOrEqual(counted);
        counted = now;
      }
    };
    const scrapers = Array.from({ length: 8 }, scraper);
    for (let count = 0; count < 10; count += 1) {
      write(count % 2 === 0 ? partsWith("registry", "sequence") : partsWith());
      expect(await reload(count % 3 === 0 ? "PUT" : "POST")).toMatchObject({ status: 200 });
      const before = pages.length;
      await waitUntil(() => pages.length >= before + 10, {
        what: "scrapes after the reload",
        deadlineMs: patience,
      });
    }
    done = true;
    await Promise.all(scrapers);
    expect(new Set(pages.map(rolesOf))).toEqual(new Set([whole, "postgres,registry,sequence"]));
    for (const page of pages) {
      const failed = page.all("redisops_probe_success").filter(({ value }) => value !== 1);
      expect(failed).toEqual([]);
    }
    await platform.untilLeft();
  });

  it("lets a scrape under way finish with what it began with", async () => {
    const { exporter, write, reload } = await start(partsWith("sequence", "registry"));
    platform.redis.pause();
    try {
      await frozen([platform.redis.pid]);
      const underWay = exporter.scrape(4);
      await waitUntil(
        async () => {
          const answer = await fetch(`${exporter.url}/probe?target=self`);
          return new MetricsPage(await answer.text()).value("redisops_exporter_scrapes_in_flight") === 2;
        },
        { what: "the scrape to be under way", deadlineMs: patience },
      );
      write(partsWith("registry"));
      expect((await reload()).status).toBe(200);
      const next = await exporter.scrape(4);
      expect(next.all("redisops_role_up", { role: "sequence" })).toEqual([]);
      expect((await underWay).verdict("sequence")).toBe("timeout");
    } finally {
      platform.redis.resume();
    }
    const landing = await (await fetch(exporter.url)).text();
    expect(landing).not.toContain("sequence");
    expect(landing).toContain("registry");
    await platform.untilLeft();
  });

  it("that is wrong is refused, reported, and changes nothing", async () => {
    const { exporter, file, write, reload } = await start(partsWith("registry"));
    const flag = "redisops_exporter_config_last_reload_successful";
    const time = "redisops_exporter_config_last_reload_success_timestamp_seconds";
    const before = await exporter.scrape();
    expect(before.value(flag)).toBe(1);
    file.text = `${file.text}\nrolls: {}\n`;
    const { status, text } = await reload();
    expect(status).toBe(400);
    expect(text).toContain("redisops.yaml was refused, the one before stays");
    expect(text).toMatch(/redisops\.yaml:\d+:1 rolls: unknown key; did you mean roles\?/);
    expect(exporter.log.filter((line) => line.includes("redisops.yaml was refused"))).toHaveLength(1);
    const after = await exporter.scrape();
    expect(after.value(flag)).toBe(0);
    expect(after.value(time)).toBe(before.value(time));
    expect(after.verdict("registry")).toBe("up");

    write(partsWith("registry", "preferences"));
    expect((await reload()).status).toBe(200);
    const mended = await exporter.scrape();
    expect(mended.value(flag)).toBe(1);
    expect(mended.value(time)).toBeGreaterThan(Number(before.value(time)));
    expect(mended.verdict("preferences")).toBe("up");
    expect(mended.value("redisops_exporter_scrapes_total")).toBe(3);
    for (const method of ["GET", "HEAD", "DELETE", "PATCH"]) {
      expect((await fetch(`${exporter.url}/-/reload`, { method })).status).toBe(405);
    }
  });
});
