import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { metrics } from "../../catalog/metrics.ts";
import { DedupSkipped } from "../../catalog/modes/DedupSkipped.ts";
import { Watchdog } from "../../catalog/modes/Watchdog.ts";
import { recordedSeries } from "../../catalog/recorded-series.ts";
import { roles } from "../../catalog/roles.ts";
import { modeStatePromql } from "../../dashboards/overview/modes.ts";
import { findProgram } from "../../lab/binaries.ts";
import { patience } from "../fixtures/processes.ts";
import { overview } from "../unit/dashboards/board.ts";

const run = promisify(execFile);

/** Grafana's variables as it would fill them in when everything is selected. */
const variables = { $job: ".+", $instance: ".+", $__rate_interval: "1m", $__range: "3h" } as const;

function filledIn(expression: string): string {
  return Object.entries(variables).reduce((text, [name, value]) => text.replaceAll(name, value), expression);
}

const { board, dataPanels, panel } = overview();
const panelExpressions = dataPanels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

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

describe("the overview’s PromQL", { timeout: patience }, () => {
  it("is accepted by Prometheus’s own parser", async () => {
    const expressions = [...panelExpressions, ...board.annotations.list.map(({ expr }) => expr)].map(
      filledIn,
    );
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
    const labels = (names: readonly string[], role: string) =>
      ["job", "instance", ...names]
        .map((name) => `${name}="${name === "job" ? "redisops" : name === "role" ? role : name}"`)
        .join(",");
    const contract = Object.entries(metrics).flatMap(([name, metric]) => {
      const names: readonly string[] = metric.labels;
      const forms =
        metric.type === "histogram"
          ? [
              { name: `${name}_bucket`, names: [...names, "le"] },
              { name: `${name}_count`, names },
            ]
          : [{ name, names }];
      const series = forms.flatMap((form) =>
        (names.includes("role") ? roles : [""]).map((role) =>
          `${form.name}{${labels(form.names, role)}}`.replace('le="le"', 'le="+Inf"'),
        ),
      );
      return series.map((each) => ({ series: each, values: "0+1x10" }));
    });
    const recorded = Object.entries(recordedSeries).map(([name, { labels: names }]) => {
      const values = names.map((label) => `${label}="${label === "code" ? "429" : label}"`);
      return { series: `${name}{${values.join(",")}}`, values: "1x10" };
    });
    await promtool("test", {
      evaluation_interval: "1m",
      tests: [
        {
          interval: "15s",
          input_series: [...contract, ...recorded, { series: `up{${labels([], "")}}`, values: "1x10" }],
          promql_expr_test: panelExpressions.map((expr) => ({
            expr: `sgn(count(${filledIn(expr)}))`,
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
    await promtool("test", {
      evaluation_interval: "1m",
      tests: [
        {
          interval: "1m",
          input_series: [
            alert("Watchdog", "of another product", "firing", "1x20"),
            alert("Watchdog", "self", "firing", "1x9 stale"),
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
          ],
        },
      ],
    });
  });

  it("shows each exporter once, with its version while it answers", async () => {
    const expr = filledIn(panel("exporter-up").targets?.[0]?.expr ?? "");
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
          ],
          promql_expr_test: [
            {
              expr,
              eval_time: "3m",
              exp_samples: [
                { labels: `{${exporter("a")},version="1.2.3"}`, value: 1 },
                { labels: `up{${exporter("b")}}`, value: 0 },
              ],
            },
          ],
        },
      ],
    });
  });

  it("shows only those failures that happened in the time range", async () => {
    const expr = filledIn(panel("role-failures").targets?.[0]?.expr ?? "");
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
