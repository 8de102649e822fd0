import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { findProgram } from "../../lab/binaries.ts";
import { type PrometheusServer, startPrometheus } from "../../lab/servers/prometheus.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { type ExporterUnderTest, startExporter } from "./exporter-harness.ts";
import { type Platform, startPlatform } from "./exporter-platform.ts";
import { askTls, serverTls, usersSection, type WebFolder, webFolder } from "./exporter-web-client.ts";

let workspace: Workspace;
let platform: Platform;
let web: WebFolder;
let exporters: ExporterUnderTest[];
let passwordFile: string;

beforeAll(async () => {
  workspace = await createWorkspace("exporter-prometheus");
  platform = await startPlatform(workspace);
  web = await webFolder(workspace);
  passwordFile = join(web.folder, "password");
  writeFileSync(passwordFile, "scrape me");
  web.write(`${serverTls()}${usersSection({ prometheus: "scrape me" }, 10)}`);
  const settings = { webConfigFile: web.path };
  const config = { ...platform.config, exporter: { probe_timeout: "8s" } };
  exporters = [
    await startExporter(workspace, config, settings),
    await startExporter(workspace, config, settings),
  ];
}, patience);

afterAll(async () => {
  await workspace.close();
});

const page = readFileSync(fileURLToPath(new URL("../../docs/exporter.md", import.meta.url)), "utf8");

/** The YAML in docs/exporter.md that a test is to run, with the places of this machine in it. */
function documented(name: string): unknown {
  const block = new RegExp(`<!-- test: ${name} -->\n+\`\`\`yaml\n([^\`]+)\`\`\``).exec(page)?.[1];
  if (block === undefined) throw new Error(`docs/exporter.md has no example for ${name}`);
  const here = block
    .replaceAll("/etc/prometheus/redisops-ca.pem", web.authority.file)
    .replaceAll("/etc/prometheus/redisops-password", passwordFile)
    .replaceAll("https://exporter-1:9910", exporters[0]?.url ?? "");
  return parse(here);
}

interface Target {
  readonly health: string;
  readonly scrapeUrl: string;
  readonly lastError: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The targets, once every one of them has been scraped well. */
async function targetsUp(prometheus: PrometheusServer, count: number): Promise<Target[]> {
  return waitUntil(
    async () => {
      const response = await fetch(`${prometheus.url}/api/v1/targets?state=active`);
      const { data } = (await response.json()) as { data: { activeTargets: Target[] } };
      const errors = data.activeTargets.flatMap(({ lastError }) => (lastError === "" ? [] : [lastError]));
      if (errors.length > 0) throw new Error(errors.join("; "));
      const up = data.activeTargets.filter(({ health }) => health === "up");
      return up.length === count && data.activeTargets.length === count ? up : undefined;
    },
    { what: `${count} targets to be up`, deadlineMs: patience },
  );
}

async function query(prometheus: PrometheusServer, expression: string): Promise<Record<string, string>[]> {
  const response = await fetch(
    `${prometheus.url}/api/v1/query?${new URLSearchParams({ query: expression })}`,
  );
  const { data } = (await response.json()) as { data: { result: { metric: Record<string, string> }[] } };
  return data.result.map(({ metric }) => metric);
}

/** The groups of the platform: self, six roles, Postgres and two accounts. */
const names = [
  "dedup",
  "postgres",
  "preferences",
  "push/main",
  "rate_limit",
  "registry",
  "self",
  "sendgrid/mail",
  "sequence",
  "token_bucket",
  "twilio/main",
];

describe("a real Prometheus with the documented configuration", { timeout: 2 * patience }, () => {
  it("finds every group through /sd, over TLS and with a password, and keeps their roles", async () => {
    const { scrape_configs } = documented("http_sd") as { scrape_configs: object[] };
    const prometheus = await startPrometheus(workspace, {
      scrapeInterval: "1s",
      evaluationInterval: "1s",
      scrapeConfigs: scrape_configs,
    });
    const targets = await targetsUp(prometheus, names.length);
    const targetOf = ({ scrapeUrl }: Target) => new URL(scrapeUrl).searchParams.get("target");
    expect(targets.map(targetOf).sort()).toEqual(names);
    for (const { scrapeUrl } of targets)
      expect(scrapeUrl.startsWith(`${exporters[0]?.url}/probe?`)).toBe(true);

    expect(await query(prometheus, '{exported_role=~".+"}')).toEqual([]);
    const up = await query(prometheus, "redisops_role_up");
    expect(up.map(({ role }) => role).sort()).toEqual([
      "dedup",
      "postgres",
      "preferences",
      "rate_limit",
      "registry",
      "sequence",
      "token_bucket",
    ]);
    for (const { job } of up) expect(job).toBe("redisops");
    const accounts = await query(prometheus, "redisops_provider_requests_total");
    expect(accounts.map(({ provider, account }) => `${provider}/${account}`).sort()).toEqual([
      "push/main",
      "sendgrid/mail",
      "twilio/main",
    ]);
    expect(await query(prometheus, "redisops_build_info")).toHaveLength(1);
    expect(await query(prometheus, "redisops_exporter_scrapes_total > 0")).toHaveLength(1);
    // What Prometheus says of each scrape can be told apart by role as well.
    expect((await query(prometheus, 'up{role="registry"} == 1')).length).toBe(1);
    const without = scrape_configs.map((each) => ({ ...each, honor_labels: false }));
    const renaming = await startPrometheus(workspace, {
      name: "renaming",
      scrapeInterval: "1s",
      evaluationInterval: "1s",
      scrapeConfigs: without,
    });
    await targetsUp(renaming, names.length);
    expect((await query(renaming, '{exported_role=~".+"}')).length).toBeGreaterThan(10);
    await prometheus.stop();
    await renaming.stop();
  });

  it("spreads the targets over two exporters, each target to one of them", async () => {
    const { scrape_configs } = documented("http_sd") as { scrape_configs: object[] };
    const { relabel_configs } = documented("sharding") as { relabel_configs: Record<string, unknown>[] };
    const [first, second] = exporters.map(({ url }) => new URL(url).host);
    // The documented names end in the share; these exporters have ports instead.
    const shares = [first, second].map((host, share) => ({
      source_labels: ["__tmp_exporter"],
      regex: String(share),
      target_label: "__address__",
      replacement: host,
    }));
    expect(relabel_configs[1]).toMatchObject({
      target_label: "__address__",
      replacement: "exporter-$1:9910",
    });
    const prometheus = await startPrometheus(workspace, {
      name: "sharding",
      scrapeInterval: "1s",
      evaluationInterval: "1s",
      scrapeConfigs: scrape_configs.map((each) => ({
        ...each,
        relabel_configs: [relabel_configs[0], ...shares],
      })),
    });
    const targets = await targetsUp(prometheus, names.length);
    const hosts = targets.map(({ scrapeUrl }) => new URL(scrapeUrl).host);
    for (const host of [first, second])
      expect(hosts.filter((each) => each === host).length).toBeGreaterThan(1);
    expect(new Set(targets.map(({ scrapeUrl }) => new URL(scrapeUrl).search)).size).toBe(names.length);
    await prometheus.stop();
  });

  it("and promtool find nothing wrong with any page", async () => {
    const [exporter] = exporters;
    for (const path of ["/metrics", ...names.map((name) => `/probe?target=${name}`)]) {
      const options = { ca: readFileSync(web.authority.file), auth: "prometheus:scrape me" };
      const { status, text } = await askTls(`${exporter?.url}${path}`, options);
      expect(status, path).toBe(200);
      expect(text, path).toMatch(/^# HELP redisops_/);
      const { stdout, stderr } = spawnSync(findProgram("promtool"), ["check", "metrics"], {
        input: text,
        encoding: "utf8",
      });
      expect(`${stdout}${stderr}`, path).toBe("");
    }
  });
});
