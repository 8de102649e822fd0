import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type MetricDefinition, type MetricName, metrics } from "../../catalog/metrics.ts";
import {
  DedupClient,
  DeliveryWorker,
  MessageRouter,
  PreferencesClient,
  ProviderClient,
  RateLimiter,
  RegistryClient,
  SequenceClient,
} from "../../fallbacks/index.ts";
import { KafkaConnectionEvents } from "../../fallbacks/kafka.ts";

/** Nothing listens there: the clients report all their series from the start, whatever their stores do. */
const nowhere = { topology: "standalone", address: "127.0.0.1:1" } as const;
const postgres = { address: "127.0.0.1:1", database: "none", user: "none" };

let folder: string;
let page: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redisops-metrics-"));
  const registry = new Registry();
  const options = { metrics: registry };
  const events = new KafkaConnectionEvents({
    clientId: "test",
    bootstrapBrokers: ["127.0.0.1:1"],
    ...options,
  });
  const connections = new RegistryClient(nowhere, { events, ...options });
  const router = new MessageRouter(connections, postgres, async () => true, options);
  const worker = new DeliveryWorker(connections, postgres, async () => true, options);
  const preferences = new PreferencesClient(nowhere, {
    postgres,
    exposures: { directory: folder },
    ...options,
  });
  const dedup = new DedupClient({ ...nowhere, filter: { engine: "bitmap", capacity: 1_000 } }, options);
  const accounts = [{ name: "main", limitPerSecond: 1 }];
  const provider = new ProviderClient(nowhere, { provider: "twilio", accounts, ...options });
  const others = [new RateLimiter(nowhere, options), new SequenceClient(nowhere, options)];
  page = await registry.metrics();
  for (const client of [connections, dedup, provider, ...others]) client.close();
  await Promise.all([worker.stop(), router.close(), preferences.close(), events.close(100)]);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** The metrics of a page in Prometheus's text format, with their type, help and label names. */
function described(text: string) {
  const found = [...text.matchAll(/^# HELP (\w+) (.*)\n# TYPE \w+ (\w+)$/gm)];
  return Object.fromEntries(
    found.map(([, name = "", help = "", type = ""]) => {
      const series = [...text.matchAll(new RegExp(`^${name}(?:_bucket|_sum|_count)?\\{(.*)\\} `, "gm"))];
      const labels = series.flatMap(([, pairs = ""]) => pairs.match(/\w+(?==")/g) ?? []);
      return [name, { type, help, labels: [...new Set(labels)].filter((label) => label !== "le").sort() }];
    }),
  );
}

test("the fallbacks report the application’s part of the contract and nothing else, from their start", () => {
  const declared = (Object.keys(metrics) as MetricName[]).flatMap((name) => {
    const { emitter, type, help, labels }: MetricDefinition = metrics[name];
    return emitter === "exporter" ? [] : [[name, { type, help, labels: labels.toSorted() }] as const];
  });
  expect(described(page)).toEqual(Object.fromEntries(declared));
});
