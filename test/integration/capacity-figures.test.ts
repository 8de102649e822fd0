import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { parseConfig } from "../../core/config/load.ts";
import type { Config } from "../../core/config/schema.ts";
import { startLoopbackHttp } from "../../lab/servers/loopback-http.ts";
import { startPrometheus } from "../../lab/servers/prometheus.ts";
import { startRedis } from "../../lab/servers/redis.ts";
import { waitUntil } from "../../lab/wait.ts";
import { capacityReport } from "../../operations/capacity/capacity-report.ts";
import { gatherFigures } from "../../operations/capacity/gather.ts";
import { patience } from "../fixtures/processes.ts";
import { type PreferencesPlatform, startPreferencesPlatform } from "./fallbacks/preferences-platform.ts";

let platform: PreferencesPlatform;
let settings: Record<string, unknown>;

beforeAll(async () => {
  platform = await startPreferencesPlatform("capacity-figures");
  const redis = await startRedis(platform.workspace, { name: "cache" });
  await platform.sql.query(
    `INSERT INTO preferences (user_id, channel, opted_out) SELECT 'u' || n, 'sms', true FROM generate_series(1, 1000) AS n;
     CREATE TABLE notifications (id text, sent_at timestamptz NOT NULL);
     INSERT INTO notifications SELECT n::text, now() - n * interval '10 ms' FROM generate_series(1, 12000) AS n`,
  );
  const { address, database, user } = platform.database("postgres");
  process.env.CAPACITY_TEST_PASSWORD = platform.postgres.password;
  settings = {
    platform: "small",
    state_dir: await platform.workspace.folder("state"),
    roles: {
      preferences: { topology: "standalone", address: `127.0.0.1:${redis.port}` },
      token_bucket: { topology: "standalone", address: `127.0.0.1:${redis.port}` },
    },
    postgres: {
      address,
      database,
      user,
      password: "${CAPACITY_TEST_PASSWORD}",
      tables: {
        preferences: { reads_per_second: 4_000 },
        sent_notifications: { table: "notifications" },
      },
    },
    providers: {
      push: {
        kind: "http",
        base_url: "http://127.0.0.1:9",
        accounts: {
          main: { limit_per_second: 300, bearer_token: "${CAPACITY_TEST_PASSWORD}" },
          second: { limit_per_second: 100, bearer_token: "${CAPACITY_TEST_PASSWORD}" },
        },
      },
    },
    // Generous to a busy machine.
    exporter: { probe_timeout: "20s" },
    capacity: { notifications_per_second: 77, opted_out_ratio: 0.2, outage: "1m" },
  };
}, 2 * patience);

afterAll(() => platform?.close());

const configOf = (changes: Record<string, unknown> = {}): Config =>
  parseConfig(stringify({ ...settings, ...changes }), "redisops.yaml");

async function gather(config: Config, measure = false) {
  const warnings: string[] = [];
  const figures = await gatherFigures(config, {
    measure,
    given: { repeated_ratio: 0.5 },
    onWarning: (message) => warnings.push(message),
  });
  return { ...figures, warnings };
}

describe("figures of a platform without Prometheus", { timeout: 2 * patience }, () => {
  test("come from its servers, else from redisops.yaml, else are assumed, each with its origin", async () => {
    const { values, providers, warnings } = await gather(configOf());
    expect(warnings).toEqual([]);
    // A row every 10 ms, and the time that this test takes.
    expect(values.notifications_per_second).toMatchObject({
      from: "live",
      how: "rows of the last minute in notifications",
    });
    expect(values.notifications_per_second?.value).toBeGreaterThan(10);
    expect(values.notifications_per_second?.value).toBeLessThanOrEqual(100);
    expect(values.postgres_read_seconds?.from).toBe("live");
    expect(values.postgres_reads_per_second).toEqual({
      value: 4_000,
      from: "config",
      how: "postgres.tables.preferences.reads_per_second",
    });
    expect(values.opted_out_ratio).toEqual({ value: 0.2, from: "config", how: "capacity.opted_out_ratio" });
    expect(values.warm_reads_per_second?.value).toBe(1_000);
    expect(values.repeated_ratio?.from).toBe("option");
    expect(values.cache_hit_ratio?.from).toBe("assumed");
    expect(values.messages_per_second).toBeUndefined();
    expect(providers).toMatchObject([{ provider: "push", limits: [300, 100], load: { from: "assumed" } }]);
  });

  test("count measured reads when asked to, over the declared ones", async () => {
    const { values, warnings } = await gather(configOf(), true);
    expect(warnings).toEqual([]);
    expect(values.postgres_reads_per_second).toMatchObject({ from: "live" });
    expect(values.postgres_reads_per_second?.value).not.toBe(4_000);
    expect(values.postgres_reads_per_second?.value).toBeGreaterThan(50);
  });

  test("that is away say so, and the report goes on with what redisops.yaml has", async () => {
    const away = configOf({
      prometheus: { url: `http://127.0.0.1:${await platform.workspace.port()}` },
      postgres: {
        ...(settings.postgres as object),
        address: `127.0.0.1:${await platform.workspace.port()}`,
      },
    });
    const { warnings, ...figures } = await gather(away, true);
    expect(figures.values.notifications_per_second).toEqual({
      value: 77,
      from: "config",
      how: "capacity.notifications_per_second",
    });
    expect(warnings.join("\n")).toMatch(/Prometheus at .*; the platform is probed instead/);
    expect(warnings.join("\n")).toMatch(/Postgres postgres at .*ECONNREFUSED/);
    expect(warnings.join("\n")).toMatch(/not measured/);
    expect(warnings.join("\n")).not.toContain(platform.postgres.password);
    const { failures } = capacityReport("small", figures, 1, ["preferences"]);
    expect(failures[0]?.rows.length).toBeGreaterThan(0);
  });
});

test("figures of a platform with Prometheus are its rates", { timeout: 3 * patience }, async () => {
  const { workspace } = platform;
  const begun = Date.now() - 300_000;
  const rates: Record<string, number> = {
    'redisops_decisions_total{role="preferences"}': 5_000,
    'redisops_decisions_total{role="registry"}': 900,
    'redisops_decisions_total{role="dedup"}': 5_000,
    'redisops_duplicates_suppressed_total{role="dedup"}': 50,
    'redisops_messages_deferred_total{role="registry"}': 90,
    'redisops_preference_read_seconds_count{role="preferences",source="cache"}': 5_000,
    'redisops_preference_read_seconds_count{role="preferences",source="postgres"}': 250,
    'redisops_provider_requests_total{role="token_bucket",provider="push",account="main"}': 200,
    'redisops_provider_requests_total{role="token_bucket",provider="push",account="second"}': 100,
    'redisops_notifications_shed_total{role="token_bucket",provider="push",priority="bulk"}': 60,
  };
  // The first scrapes tell what happened in the last five minutes: a rate over them needs them.
  const step = 20_000;
  let scrapes = 0;
  const app = await startLoopbackHttp(workspace, "app", (_request, response) => {
    const at = Math.min(Date.now(), begun + scrapes++ * step);
    const lines = Object.entries(rates).map(
      ([series, rate]) => `${series} ${(rate * (at - begun)) / 1_000} ${at}`,
    );
    response.setHeader("content-type", "text/plain; version=0.0.4");
    response.end(`${lines.join("\n")}\nredisops_registry_connections{role="registry"} 1234\n`);
  });
  const prometheus = await startPrometheus(workspace, {
    scrapeInterval: "200ms",
    evaluationInterval: "1s",
    scrape: [{ job: "app", targets: [`127.0.0.1:${app.port}`] }],
  });
  const config = configOf({ prometheus: { url: prometheus.url } });
  await waitUntil(async () => ((await gather(config)).values.notifications_per_second?.value ?? 0) > 4_800, {
    what: "a rate",
    deadlineMs: patience,
  });
  const { values, providers, warnings } = await gather(config);
  expect(warnings).toEqual([]);
  const close = (name: keyof typeof values, expected: number) => {
    expect(values[name], name).toMatchObject({ from: "live" });
    expect((values[name]?.value ?? 0) / expected, name).toBeCloseTo(1, 1);
  };
  close("notifications_per_second", 5_000);
  close("messages_per_second", 900);
  close("connected_ratio", 0.9);
  close("cache_hit_ratio", 0.95);
  close("recipients", 1_234);
  close("workers", 1);
  expect(values.repeated_ratio).toMatchObject({ value: 0.5, from: "option" });
  expect(values.opted_out_ratio?.from).toBe("config");
  expect((providers[0]?.load.value ?? 0) / 360).toBeCloseTo(1, 1);
});
