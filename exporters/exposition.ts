import { type Metric, type OpenMetricsContentType, type PrometheusContentType, Registry } from "prom-client";
import { type MetricDefinition, type MetricName, metrics } from "../catalog/metrics.ts";
import type { Sample } from "../core/samples.ts";

/** How a page is written. */
export type ExpositionFormat = "text" | "openmetrics";

/**
 * Samples of one metric in the form that a registry reads metrics in. A Gauge or Counter would sort and hash the labels of
 * every sample, to find it again for its next value; there is none, and that is two thirds of a page's memory.
 */
function observed(name: MetricName, samples: readonly Sample[]): Metric {
  const { help, type }: MetricDefinition = metrics[name];
  const metric = { name, help, type, get: async () => ({ ...metric, values: samples }) };
  return metric as unknown as Metric;
}

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
  for (const [name, own] of byMetric) registry.registerMetric(observed(name, own));
  return { contentType: registry.contentType, body: await registry.metrics() };
}
