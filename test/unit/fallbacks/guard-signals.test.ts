import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { Decisions } from "../../../fallbacks/signals/decisions.ts";
import { Signals } from "../../../fallbacks/signals/signals.ts";
import { storeFailures } from "../../../fallbacks/signals/store-failures.ts";
import { MetricsPage } from "../../integration/exporter-page.ts";

const role = "preferences";

const pageOf = async (registry: Registry) =>
  new MetricsPage((await registry.metrics()).replace("# EOF\n", ""));

describe("signals", () => {
  it("export a counter as 0 before anything happens, and what was counted, once", async () => {
    const registry = new Registry();
    const series = Signals.of(registry).counter("redisops_decisions_total", { role });
    expect((await pageOf(registry)).value("redisops_decisions_total", { role })).toBe(0);
    series.pending += 3;
    expect((await pageOf(registry)).value("redisops_decisions_total", { role })).toBe(3);
    expect((await pageOf(registry)).value("redisops_decisions_total", { role })).toBe(3);
    series.pending += 1;
    expect((await pageOf(registry)).value("redisops_decisions_total", { role })).toBe(4);
  });

  it("are shared by all clients of a registry, whatever the order of the labels, and by no others", async () => {
    const [registry, other] = [new Registry(), new Registry()];
    const name = "redisops_store_failures_total";
    const one = Signals.of(registry).counter(name, { role, error_class: "timeout" });
    const same = Signals.of(registry).counter(name, { error_class: "timeout", role });
    Signals.of(other).counter(name, { role, error_class: "timeout" }).pending += 5;
    one.pending += 1;
    same.pending += 1;
    const page = await pageOf(registry);
    expect(page.all(name)).toEqual([{ name, labels: { role, error_class: "timeout" }, value: 2 }]);
  });

  it("are reported again by new clients after the application has cleared its registry", async () => {
    const registry = new Registry();
    const name = "redisops_decisions_total";
    Signals.of(registry).counter(name, { role });
    registry.clear();
    Signals.of(registry).counter(name, { role }).pending += 2;
    expect((await pageOf(registry)).value(name, { role })).toBe(2);
  });

  it("add the sources of a gauge up, and drop the series with the last one", async () => {
    const registry = new Registry();
    const signals = Signals.of(registry);
    let open = 1;
    const forget = signals.gauge("redisops_breakers_open", { role }, () => open);
    const forgetOther = signals.gauge("redisops_breakers_open", { role }, () => 2);
    expect((await pageOf(registry)).value("redisops_breakers_open", { role })).toBe(3);
    open = 0;
    forgetOther();
    expect((await pageOf(registry)).value("redisops_breakers_open", { role })).toBe(0);
    forget();
    expect((await pageOf(registry)).all("redisops_breakers_open")).toEqual([]);
  });

  it.each([Registry.PROMETHEUS_CONTENT_TYPE, Registry.OPENMETRICS_CONTENT_TYPE])(
    "render histograms as %s",
    async (contentType) => {
      const registry = new Registry();
      registry.setContentType(contentType as typeof Registry.PROMETHEUS_CONTENT_TYPE);
      const signals = Signals.of(registry);
      const name = "redisops_preference_read_seconds";
      const cache = signals.histogram(name, { role, source: "cache" });
      signals.histogram(name, { role, source: "postgres" });
      for (const value of [0.0004, 0.0005, 0.00051, 0.2, 7]) cache.observe(value);
      const page = await pageOf(registry);
      const bucket = (le: string, source = "cache") => page.value(`${name}_bucket`, { role, source, le });
      expect(bucket("0.0005")).toBe(2);
      expect(bucket("0.001")).toBe(3);
      expect(bucket("0.1")).toBe(3);
      expect(bucket("0.25")).toBe(4);
      expect(bucket("1")).toBe(4);
      expect(bucket("+Inf")).toBe(5);
      expect(bucket("+Inf", "postgres")).toBe(0);
      expect(page.value(`${name}_count`, { source: "cache" })).toBe(5);
      expect(page.value(`${name}_sum`, { source: "cache" })).toBeCloseTo(7.20141);
      expect(page.text).toContain(`# TYPE ${name} histogram`);
      expect((await pageOf(registry)).value(`${name}_count`, { source: "cache" })).toBe(5);
    },
  );

  it("count every decision, and those of each fallback from 0 on", async () => {
    const registry = new Registry();
    const decisions = new Decisions(role, ["postgres", "opted_in"], registry);
    decisions.made();
    decisions.degraded("opted_in");
    const page = await pageOf(registry);
    expect(page.value("redisops_decisions_total", { role })).toBe(2);
    expect(page.value("redisops_decisions_degraded_total", { role, fallback: "opted_in" })).toBe(1);
    expect(page.value("redisops_decisions_degraded_total", { role, fallback: "postgres" })).toBe(0);
  });

  it("have every class of failure from the start", async () => {
    const registry = new Registry();
    storeFailures(Signals.of(registry), role).loading.pending += 1;
    const all = (await pageOf(registry)).all("redisops_store_failures_total", { role });
    expect(all).toHaveLength(11);
    expect(all.filter(({ value }) => value > 0).map(({ labels }) => labels.error_class)).toEqual(["loading"]);
  });
});
