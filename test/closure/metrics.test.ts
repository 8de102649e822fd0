import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { type MetricName, metrics } from "../../catalog/metrics.ts";
import { modes } from "../../catalog/modes.ts";
import { buildDashboards } from "../../dashboards/build.ts";
import { answersOk } from "../../lab/servers/http-ready.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { RedisopsChild } from "../fixtures/redisops-child.ts";
import { lateMetrics, startPlatform } from "../integration/exporter-platform.ts";
import { changed, without } from "./doctored.ts";
import { contractGaps, type Exported, seriesIn, unexportedSignals, unusedMetrics } from "./metrics.ts";

const contract = Object.keys(metrics) as MetricName[];
const exported = contract.filter((name) => metrics[name].emitter !== "application");

let workspace: Workspace;
let page: Exported[];

/** What the exporter of the command line serves of a platform that has everything. */
async function servedPage(): Promise<Exported[]> {
  const { config } = await startPlatform(workspace);
  const listen = `127.0.0.1:${await workspace.port()}`;
  const file = join(await workspace.folder("redisops"), "redisops.yaml");
  await writeFile(file, stringify({ platform: "whole", ...config, exporter: { listen } }));
  const exporter = new RedisopsChild(["exporter", "--config", file], process.env);
  try {
    await waitUntil(() => answersOk(`http://${listen}/-/ready`), {
      what: "the exporter",
      deadlineMs: patience,
    });
    const text = await waitUntil(
      async () => {
        const answer = await (await fetch(`http://${listen}/metrics`)).text();
        return lateMetrics.every((name) => answer.includes(`\n${name}{`)) ? answer : undefined;
      },
      { what: "what takes its time", deadlineMs: patience },
    );
    return [...text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)].map(([, name = "", labels = ""]) => ({
      name,
      labels: Object.fromEntries(
        [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = "", value = ""]) => [label, value]),
      ),
    }));
  } finally {
    exporter.kill("SIGTERM");
  }
}

beforeAll(async () => {
  workspace = await createWorkspace("closure");
  page = await servedPage();
}, patience);

afterAll(async () => {
  await workspace?.close();
});

test("the real exporter serves every series that a signal looks at", () => {
  expect(unexportedSignals(modes, page)).toEqual([]);
  const hidden = page.filter(({ name }) => name !== "redisops_bloom_canary_ids");
  expect(unexportedSignals(modes, hidden)).toEqual([
    expect.stringMatching(/^BloomCold: the exporter does not serve redisops_bloom_canary_ids .* exporters\//),
  ]);
  const noRegistry = page.filter(({ labels }) => labels.role !== "registry");
  expect(unexportedSignals(modes, noRegistry).join("\n")).toMatch(
    /^RegistryDown: the exporter does not serve redisops_role_up \{"role":"registry"\}/m,
  );
  const unlabelled = page.map(({ name, labels: { account: _, ...labels } }) => ({ name, labels }));
  expect(unexportedSignals(modes, unlabelled).join("\n")).toMatch(
    /^ProviderThrottled: .* by role, provider, account/m,
  );
  const signal = {
    kind: "promql",
    reason: "a test",
    value: "rate(redisops_gone_total[5m])",
    by: [],
    compared: { comparison: ">", limit: 1 },
  } as const;
  expect(unexportedSignals(changed("ExporterDown", { signal }), page)).toEqual([
    expect.stringContaining("ExporterDown: the exporter does not serve redisops_gone_total"),
  ]);
  const constant = { ...signal, value: "vector(1)" };
  expect(unexportedSignals(changed("ExporterDown", { signal: constant }), page)).toEqual([
    expect.stringContaining("ExporterDown: its signal looks at no metric"),
  ]);
});

test("the real exporter serves the whole contract and nothing else", () => {
  expect(contractGaps(exported, page)).toEqual([]);
  expect(contractGaps(exported, page.slice(1))).toEqual([
    expect.stringMatching(/^redisops_build_info: in catalog\/metrics\.ts, but no probe/),
  ]);
  expect(contractGaps(exported.slice(1), page)).toEqual([
    expect.stringMatching(/^redisops_build_info: served, but not declared/),
  ]);
});

test("somebody looks at every metric of the contract", () => {
  const boards = buildDashboards({ thresholds: {}, runbookBaseUrl: "https://runbooks.example" });
  const expressions: string[] = [];
  JSON.stringify(boards, (key, value: unknown) => {
    if (key === "expr") expressions.push(String(value));
    return value;
  });
  expect(unusedMetrics(contract, modes, expressions)).toEqual([]);
  expect(unusedMetrics(contract, modes, []).join("\n")).toMatch(
    /^redisops_build_info: no signal and no panel/,
  );
  const unused = unusedMetrics(contract, without("DedupSkipped"), []);
  expect(unused.join("\n")).not.toContain("redisops_role_up");
});

test.each([
  ['up{job="redisops"} == 0 or absent(up{job="redisops"})', ["up"]],
  ["vector(1)", []],
  ['sum by (role) (rate(a_total{x="b(c)"}[5m])) / on (role) group_left (v) d > bool 1', ["a_total", "d"]],
  ['max(ALERTS{alertname="X"}) * 2 unless time() - e > 3', ["ALERTS", "e"]],
])("the series in %s are found", (expression, names) => {
  expect(seriesIn(expression)).toEqual(names);
});
