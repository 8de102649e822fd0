import { expect, test } from "vitest";
import type { MetricName } from "../../../catalog/metrics.ts";
import { postgresFacts } from "../../../exporters/status/postgres-facts.ts";
import { preferencesFacts } from "../../../exporters/status/preferences-facts.ts";
import type { Read } from "../../../exporters/status/read.ts";

type Observed = readonly (readonly [MetricName, Readonly<Record<string, string>>, number])[];

const reader =
  (observed: Observed): Read =>
  (metric, labels = {}) =>
    observed.find(
      ([name, own]) =>
        name === metric && Object.entries(labels).every(([label, value]) => own[label] === value),
    )?.[2];

const now = 1_800_000_000_000;
const quiet: Observed = [
  ["redisops_postgres_connections", { state: "active" }, 2],
  ["redisops_postgres_connections", { state: "idle" }, 10],
  ["redisops_postgres_connections", { state: "idle_in_transaction" }, 0],
  ["redisops_postgres_connections_limit", {}, 97],
  ["redisops_postgres_hidden_sessions", {}, 0],
  ["redisops_postgres_lock_waiters", {}, 0],
];

test("Postgres without trouble is its connections", () => {
  expect(postgresFacts(reader(quiet), now)).toEqual(["connections 12 of 97", "active 2", "idle 10"]);
  expect(postgresFacts(reader([]), now)).toEqual([]);
});

test("trouble in Postgres and its pools is named with its size", () => {
  const observed: Observed = [
    ["redisops_postgres_hidden_sessions", {}, 4],
    ["redisops_postgres_lock_waiters", {}, 3],
    ["redisops_postgres_oldest_transaction_timestamp_seconds", { state: "active" }, now / 1000 - 5],
    [
      "redisops_postgres_oldest_transaction_timestamp_seconds",
      { state: "idle_in_transaction" },
      now / 1000 - 90,
    ],
    ["redisops_pgbouncer_clients", { state: "waiting" }, 7],
    ["redisops_pgbouncer_servers", { state: "active" }, 20],
    ["redisops_pgbouncer_servers_limit", {}, 20],
    ["redisops_pgbouncer_max_wait_seconds", {}, 2.34],
    ...quiet,
  ];
  expect(postgresFacts(reader(observed), now)).toEqual([
    "connections 12 of 97",
    "active 2",
    "idle 10",
    "4 hide what they do (grant pg_monitor)",
    "3 wait for a lock",
    "oldest transaction 1 min 30 s (idle in transaction)",
    "PgBouncer lends 20 of 20",
    "7 clients wait, up to 2.3 s",
  ]);
});

test("a single one that waits is no plural", () => {
  const one: Observed = [
    ["redisops_postgres_lock_waiters", {}, 1],
    ["redisops_pgbouncer_clients", { state: "waiting" }, 1],
  ];
  expect(postgresFacts(reader(one), now)).toEqual([
    "1 waits for a lock",
    "PgBouncer lends 0 of 0",
    "1 client waits, up to 0.0 s",
  ]);
});

test("PgBouncer that is away is said to be, with Postgres or without", () => {
  expect(postgresFacts(reader([["redisops_pgbouncer_up", {}, 0]]), now)).toEqual([
    "PgBouncer does not answer",
  ]);
});

const entries = (states: Readonly<Record<string, number>>): Observed =>
  Object.entries({ current: 0, outdated: 0, stale: 0, missing: 0, unknown_layout: 0, ...states }).map(
    ([state, value]) => ["redisops_preference_sampled_entries", { state }, value],
  );

test("the preferences cache is what it may be believed and what Postgres could do without it", () => {
  const observed: Observed = [
    ...entries({ current: 40, missing: 55, outdated: 3, stale: 1, unknown_layout: 1 }),
    ["redisops_preference_probe_read_seconds", { source: "cache" }, 0.00042],
    ["redisops_preference_probe_read_seconds", { source: "postgres" }, 0.0031],
    ["redisops_preference_read_capacity", { source: "measured" }, 5432.1],
  ];
  expect(preferencesFacts(reader(observed))).toEqual([
    "stale entries 1 of 100 recently changed",
    "outdated 3 (read anew)",
    "of unknown layout 1",
    "cache read 0.4 ms",
    "Postgres read 3.1 ms",
    "Postgres serves about 5,432 reads/s",
  ]);
  const declared: Observed = [["redisops_preference_read_capacity", { source: "declared" }, 50_000]];
  expect(preferencesFacts(reader([...entries({}), ...declared]))).toEqual(["Postgres serves 50,000 reads/s"]);
});
