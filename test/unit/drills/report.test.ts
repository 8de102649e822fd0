import { describe, expect, it, test } from "vitest";
import { columns } from "../../../cli/table.ts";
import { drillReportPage } from "../../../operations/drills/report/page.ts";
import { drillPlot } from "../../../operations/drills/report/plot.ts";
import { drillSummaryLines, drillTable } from "../../../operations/drills/report/summary.ts";
import { drillRun, failedDrill, passedDrill } from "../../fixtures/drill-run.ts";

test("the summary has a row for each drill, the totals, and what was not as it should be", () => {
  const { head, rows } = drillTable(drillRun);
  expect([...columns(head, rows), "", ...drillSummaryLines(drillRun)].join("\n")).toBe(
    `drill                    verdict  detect  contain  recover  lost  duplicates  exposures
RedisDown, RegistryDown  passed   9.0 s   1.0 s    16 s     0     3           0
RedisHung                FAILED   –       –        –        –     –           –

1 of 2 drills failed on lab in 2 min 10 s: messages lost 0, duplicates 3, exposures 0
The same order again: --seed=7

RedisHung
  - RedisHung did not fire within 60 s
  - PostgresDown fires & nobody expected it <b>`,
  );
});

test("a run that was interrupted says so, and one without books names no totals", () => {
  const run = { ...drillRun, interrupted: true, drills: [failedDrill] };
  expect(drillSummaryLines(run)[0]).toBe(
    "1 of 1 drill failed on lab in 2 min 10 s; interrupted, so that some are missing",
  );
});

describe("the page", () => {
  const page = drillReportPage(drillRun);

  it("is one file that needs no script and nothing from elsewhere", () => {
    expect(page).not.toMatch(/<script|<link|<img|\ssrc=|url\(|@import|\son\w+=/);
    expect([...page.matchAll(/href="([^"]*)"/g)].map(([, target]) => target)).toEqual([
      "#drill-1",
      "#drill-2",
    ]);
    expect(page).toContain("default-src 'none'");
  });

  it("has the totals on top, and of each drill the plot, the alerts and what happened", () => {
    expect(page.indexOf("messages lost 0, duplicates 3, exposures 0")).toBeLessThan(page.indexOf("<section"));
    expect(page.match(/<svg/g)).toHaveLength(2);
    for (const { what } of passedDrill.events) expect(page).toContain(what.replaceAll("'", "&#39;"));
    expect(page).toContain("RegistryDown waits 4 s here and 60 s in production");
    expect(page).toContain('<td class="failed">unexpected</td>');
  });

  it("takes no text for markup", () => {
    expect(page).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
    expect(page).toContain("nobody expected it &lt;b&gt;");
  });
});

describe("the plot", () => {
  it("has the decisions by kind, the alerts’ states, the fault and the recovery on one time axis", () => {
    const svg = drillPlot(passedDrill);
    for (const shown of [
      "registry primary",
      "registry offline_assumed",
      "RegistryDown registry",
      "recover registry",
    ])
      expect(svg).toContain(`>${shown}</text>`);
    expect(svg).not.toContain("dedup skipped");
    expect(svg).toContain("RegistryDown registry: firing from 14 to 45, firing, notified");
    expect(svg).toContain("RedisDown registry: firing from 14 to 45, firing, inhibited");
    expect(svg).toContain("recover registry: done from 30 to 38");
    expect(svg).toContain("fault: fault from 5 to 40");
    expect(svg).toContain(">detected after 9.0 s</text>");
  });

  it("adds up the kinds that are too many to be told apart", () => {
    const decisions = Array.from({ length: 12 }, (_, kind) => ({
      ...{ name: `kind ${kind}`, unit: "per second" },
      points: [
        [0, 12 - kind],
        [1_000, 12 - kind],
      ] as const,
    }));
    const svg = drillPlot({ ...passedDrill, decisions });
    expect(svg).toContain(">kind 6</text>");
    expect(svg).not.toContain(">kind 7</text>");
    expect(svg).toContain(">5 other kinds</text>");
  });

  it("begins shortly before the fault, however long the steady state was waited for", () => {
    const later = passedDrill.events.map((event) => ({
      ...event,
      at: event.at + (event.at > 0 ? 300_000 : 0),
    }));
    const late = (points: readonly (readonly [number, number])[]) =>
      points.map(([at, value]) => [at + 300_000, value] as const);
    const decisions = passedDrill.decisions.map((series) => ({ ...series, points: late(series.points) }));
    const seconds = { ...passedDrill.seconds, total: 359 };
    const svg = drillPlot({ ...passedDrill, alerts: [], recoveries: [], events: later, decisions, seconds });
    expect(svg).toContain(">300</text>");
    expect(svg).not.toContain(">200</text>");
  });

  it("shows a drill that failed before anything was caused", () => {
    const svg = drillPlot({ ...failedDrill, events: [], alerts: [], recoveries: [], decisions: [] });
    expect(svg).toContain("no data");
  });
});
