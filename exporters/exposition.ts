import {
  Counter,
  Gauge,
  type OpenMetricsContentType,
  type PrometheusContentType,
  Registry,
} from "prom-client";
import { type MetricDefinition, type MetricName, metrics } from "../catalog/metrics.ts";
import type { Sample } from "../core/samples.ts";

/** How a page is written. */
export type ExpositionFormat = "text" | "openmetrics";

/**
 * Writes samples in Prometheus's text format, or as OpenMetrics. The registry is new for each scrape, so that a series
 * whose source has vanished vanishes too.
 */
export async function exposition(
  samples: readonly Sample[],
  format: ExpositionFormat = "text",
): Promise<{ contentType: string; body: string }> {
  const registry = new Registry<PrometheusContentType | OpenMetricsContentType>();
  if (format === "openmetrics") registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const byMetric = new Map<MetricName, Sample[]>();
  for (const sample of samples) {
    const known = byMetric.get(sample.metric);
    if (known === undefined) byMetric.set(sample.metric, [sample]);
    else known.push(sample);
  }
  for (const [name, own] of byMetric) {
    const definition: MetricDefinition = metrics[name];
    const options = {
      name,
      help: definition.help,
      labelNames: [...definition.labels],
      registers: [registry],
    };
    if (definition.type === "counter") {
      const counter = new Counter(options);
      for (const { labels, value } of own) counter.inc(labels, value);
    } else {
      const gauge = new Gauge(options);
      for (const { labels, value } of own) gauge.set(labels, value);
    }
  }
  return { contentType: registry.contentType, body: await registry.metrics() };
}
