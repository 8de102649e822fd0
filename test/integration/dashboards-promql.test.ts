import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { metrics } from "../../catalog/metrics.ts";
import { DedupSkipped } from "../../catalog/modes/DedupSkipped.ts";
import { RedisDown } from "../../catalog/modes/RedisDown.ts";
import { Watchdog } from "../../catalog/modes/Watchdog.ts";
import { recordedSeries } from "../../catalog/recorded-series.ts";
import { roles } from "../../catalog/roles.ts";
import { filledIn } from "../../dashboards/queries.ts";
import { modeStatePromql } from "../../dashboards/shared/modes.ts";
import { findProgram } from "../../lab/binaries.ts";
import { patience } from "../fixtures/processes.ts";
import { allBoards, boardOf } from "../unit/dashboards/board.ts";

const run = promisify(execFile);

const boards = allBoards();
const panelExpressions = [
  ...new Set(
    boards.flatMap(({ dataPanels }) =>
      dataPanels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    ),
  ),
];
const annotationExpressions = [
  ...new Set(boards.flatMap(({ board }) => board.annotations.list.map(({ expr }) => expr))),
];

/**
 * Series of a metric: one for each role, and one for each set of label values that an expression asks for by name. Any
 * other label has its own name as its value.
 */
function seriesOf(metric: string, labels: readonly string[], expressions: readonly string[]): string[] {
  const asked = expressions.flatMap((expression) =>
    [...expression.matchAll(new RegExp(`\\b${metric}\\{([^}]*)\\}`, "g"))].map(([, matchers = ""]) =>
      Object.fromEntries(
        [...matchers.matchAll(/(\w+)=~?"([^"]+)"/g)]
          .filter(([, , value]) => value !== ".+")
          .map(([, label = "", value = ""]) => [label, value.split("|")[0] ?? ""]),
      ),
    ),
  );
  const usual: Readonly<Record<string, string>> = { job: "redisops", le: "+Inf", code: "429" };
  const perRole = (labels.includes("role") ? roles : [""]).map((role) => ({ role }));
  const sets = [
    ...perRole,
    ...asked.flatMap((set) => ("role" in set ? [set] : perRole.map((role) => ({ ...role, ...set })))),
  ];
  const written = sets.map((set: Readonly<Record<string, string>>) =>
    labels.map((label) => `${label}="${set[label] ?? usual[label] ?? label}"`).join(","),
  );
  return [...new Set(written)].map((text) => `${metric}{${text}}`);
}

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "redisops-dashboards-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function promtool(command: "check" | "test", content: object): Promise<string> {
  const file = join(folder, `${command}.yml`);
  await writeFile(file, stringify(content));
  const { stdout } = await run(findProgram("promtool"), [command, "rules", file]);
  return stdout;
}

describe("the boards’ PromQL", { timeout: patience }, () => {
  it("is accepted by Prometheus’s own parser", async () => {
    const expressions = [...panelExpressions, ...annotationExpressions].map((expr) => filledIn(expr));
    expect(expressions.length).toBeGreaterThan(300);
    expect(expressions.filter((expression) => expression.includes("$"))).toEqual([]);
    const rules = expressions.map((expr, index) => ({ record: `panel:expression:${index}`, expr }));
    const output = await promtool("check", { groups: [{ name: "panels", rules }] });
    expect(output).toContain(`${expressions.length} rules found`);
  });

  it("is refused by that parser when it is wrong", async () => {
    const rules = [{ record: "panel:expression:0", expr: "max by (role (up)" }];
    await expect(promtool("check", { groups: [{ name: "panels", rules }] })).rejects.toThrow("parse error");
  });

  it("draws something from each query when the whole contract is exposed and recorded", async () => {
    // What waits for a series to be absent has nothing to draw here.
    const drawn = panelExpressions.map((expr) => filledIn(expr)).filter((expr) => !expr.includes("absent("));
    expect(drawn.length).toBeGreaterThan(panelExpressions.length - 3);
    const contract = Object.entries(metrics).flatMap(([name, { type, labels }]) => {
      const parts = type === "histogram" ? ["_bucket", "_count"] : [""];
      return parts.flatMap((part) => {
        const names = ["job", "instance", ...labels, ...(part === "_bucket" ? ["le"] : [])];
        return seriesOf(`${name}${part}`, names, drawn).map((series) => ({ series, values: "0+1x10" }));
      });
    });
    const recorded = Object.entries(recordedSeries).flatMap(([name, { labels }]) =>
      seriesOf(name, labels, drawn).map((series) => ({ series, values: "1x10" })),
    );
    const up = { series: 'up{job="redisops",instance="instance"}', values: "1x10" };
    await promtool("test", {
      evaluation_interval: "1m",
      tests: [
        {
          interval: "15s",
          input_series: [...contract, ...recorded, up],
          promql_expr_test: drawn.map((expr) => ({
            expr: `sgn(count(${expr}))`,
            eval_time: "2m",
            exp_samples: [{ labels: "{}", value: 1 }],
          })),
        },
      ],
    });
  });

  it("tells ok, pending, firing and unwatched modes apart", async () => {
    const alert = (name: string, role: string, state: string, values: string) => ({
      series: `ALERTS{alertname="${name}",alertstate="${state}",role="${role}"}`,
      values,
    });
    const at = (eval_time: string, expr: string, value: number) => ({
      expr,
      eval_time,
      exp_samples: [{ labels: "{}", value }],
    });
    const dedup = modeStatePromql(DedupSkipped);
    const heartbeat = modeStatePromql(Watchdog);
    const anyRole = modeStatePromql(RedisDown);
    const ofRole = modeStatePromql(RedisDown, "registry");
    await promtool("test", {
      evaluation_interval: "1m",
      tests: [
        {
          interval: "1m",
          input_series: [
            alert("Watchdog", "of another product", "firing", "1x20"),
            alert("Watchdog", "self", "firing", "1x9 stale"),
            alert("RedisDown", "dedup", "firing", "_ _ 1 1 stale"),
            alert("DedupSkipped", "dedup", "pending", "_ _ 1 1 stale"),
            alert("DedupSkipped", "dedup", "firing", "_ _ _ _ 1 1 stale"),
          ],
          promql_expr_test: [
            at("1m", dedup, 0),
            at("1m", heartbeat, 0),
            at("3m", dedup, 1),
            at("5m", dedup, 2),
            at("7m", dedup, 0),
            at("12m", dedup, 3),
            at("12m", heartbeat, 3),
            at("3m", anyRole, 2),
            at("3m", ofRole, 0),
          ],
        },
      ],
    });
  });

  it("shows each exporter once, with its version while it answers", async () => {
    const expr = filledIn(boardOf("redisops-exporter").panel("exporter-up").targets?.[0]?.expr ?? "");
    const exporter = (instance: string) => `job="redisops",instance="${instance}"`;
    await promtool("test", {
      evaluation_interval: "1m",
      tests: [
        {
          interval: "1m",
          input_series: [
            { series: `up{${exporter("a")}}`, values: "1x5" },
            { series: `up{${exporter("b")}}`, values: "0x5" },
            { series: 'up{job="redis",instance="c"}', values: "1x5" },
            { series: `redisops_build_info{${exporter("a")},version="1.2.3"}`, values: "1x5" },
            // One target for each role: the same address, and the role of the target.
            { series: `up{${exporter("a")},role="dedup"}`, values: "0x5" },
            { series: `redisops_build_info{${exporter("a")},role="self",version="1.2.3"}`, values: "1x5" },
          ],
          promql_expr_test: [
            {
              expr,
              eval_time: "3m",
              exp_samples: [
                { labels: `{${exporter("a")},version="1.2.3"}`, value: 1 },
                { labels: `{${exporter("b")}}`, value: 0 },
              ],
            },
          ],
        },
      ],
    });
  });

  it("shows the worst verdict on an account where exporters differ", async () => {
    const expr = filledIn(boardOf("redisops-providers").panel("provider-answers").targets?.[0]?.expr ?? "");
    const seen = (metric: string, account: string, instance: string, value: number, more = "") => ({
      series: `${metric}{job="redisops",instance="${instance}",role="token_bucket",provider="twilio",account="${account}"${more}}`,
      values: `${value}x5`,
    });
    const up = (account: string, instance: string, value: number) =>
      seen("redisops_provider_up", account, instance, value);
    const status = (account: string, instance: string, statusClass: string, value: number) =>
      seen("redisops_provider_status", account, instance, value, `,status_class="${statusClass}"`);
    const verdict = (account: string, value: number) => ({
      labels: `{provider="twilio",account="${account}"}`,
      value,
    });
    await promtool("test", {
      evaluation_interval: "1m",
      tests: [
        {
          interval: "1m",
          input_series: [
            ...["well", "throttled", "unexpected", "split"].flatMap((each) => [
              status(each, "a", "none", 0),
              status(each, "a", "429", each === "throttled" || each === "split" ? 1 : 0),
              up(each, "a", each === "unexpected" ? 0 : 1),
            ]),
            up("split", "b", 0),
            status("split", "b", "none", 1),
            up("rejected", "a", 0),
            seen("redisops_provider_credentials_rejected", "rejected", "a", 1),
            up("rejected", "b", 1),
            status("rejected", "b", "429", 1),
          ],
          promql_expr_test: [
            {
              expr,
              eval_time: "3m",
              exp_samples: [
                verdict("well", 1),
                verdict("throttled", 2),
                verdict("unexpected", 0),
                verdict("split", 4),
                verdict("rejected", 3),
              ],
            },
          ],
        },
      ],
    });
  });

  it("shows only those failures that happened in the time range", async () => {
    const expr = filledIn(boardOf("redisops-overview").panel("role-failures").targets?.[0]?.expr ?? "");
    const failure = (errorClass: string, values: string) => ({
      series: `redisops_role_failure{job="redisops",instance="a",role="dedup",error_class="${errorClass}"}`,
      values,
    });
    await promtool("test", {
      evaluation_interval: "1m",
      tests: [
        {
          interval: "1m",
          input_series: [failure("refused", "0 0 1 1 0 0"), failure("timeout", "0x5")],
          promql_expr_test: [
            {
              expr,
              eval_time: "5m",
              exp_samples: [{ labels: '{role="dedup",error_class="refused"}', value: 0 }],
            },
          ],
        },
      ],
    });
  });
});
