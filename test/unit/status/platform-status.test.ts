import { describe, expect, test } from "vitest";
import { RedisopsError } from "../../../core/errors.ts";
import { sample } from "../../../core/samples.ts";
import type { PendingProbe } from "../../../exporters/pending-probe.ts";
import type { ProbeResult } from "../../../exporters/probe.ts";
import { platformStatus } from "../../../exporters/status.ts";
import { account, alert, availability, bloomSamples, failing, result } from "./results.ts";

const now = Date.parse("2026-01-01T12:00:00Z");
const status = (results: readonly ProbeResult[], alerts: Parameters<typeof platformStatus>[2] = []) =>
  platformStatus(results, {}, alerts, now);
const up = (role: "registry" | "dedup" | "token_bucket") =>
  result("redis", role, {
    samples: [...availability(role), sample("redisops_role_response_seconds", { role }, 0.0042)],
  });
const dedup = (absent: number, factor?: number) => [
  up("dedup"),
  result("bloom", "dedup", { samples: bloomSamples(absent, factor) }),
];

describe("the state of a role", () => {
  test("is ok where it answers and nothing holds", () => {
    expect(status(dedup(0))).toEqual([
      {
        role: "dedup",
        target: "10.0.0.1:6379",
        state: "ok",
        modes: [],
        observed: [
          "answers in 4.2 ms",
          "known-sent ids absent 0.0 % of 200",
          "estimated ids 1,234,567 of capacity 2,000,000",
          "false positives about 0.400 %",
        ],
        errors: [],
      },
    ]);
  });

  test.each([
    ["refused", "REDIS_REFUSED"],
    ["timeout", "REDIS_TIMEOUT"],
    ["loading", "REDIS_LOADING"],
    ["auth", "REDIS_AUTH"],
  ] as const)("is %s where its server fails so, with the mode that this is", (failure, code) => {
    const [row, ...others] = status([
      failing("redis", "dedup", failure, code),
      failing("bloom", "dedup", failure, code),
    ]);
    expect(others).toEqual([]);
    expect(row?.state).toBe(failure);
    expect(row?.modes.map(({ id }) => id)).toEqual(["DedupSkipped"]);
    expect(row?.errors).toEqual([{ code, message: "dedup failed", next: "Start it." }]);
  });

  test("is degraded where a mode holds although it answers, with the command that ends it", () => {
    const [row] = status(dedup(1));
    expect(row?.state).toBe("degraded");
    expect(row?.modes).toEqual([
      {
        id: "BloomCold",
        title: "Deduplication filter forgot what was sent",
        since: undefined,
        command: "redisops recover bloom",
        instead: undefined,
      },
    ]);
  });

  test("is error where a probe failed although the server answers", () => {
    const error = new RedisopsError("FILTER_ENGINE_UNSUPPORTED", "no BF commands");
    const [row] = status([up("dedup"), result("bloom", "dedup", { error })]);
    expect(row).toMatchObject({ state: "error", modes: [], errors: [{ code: "FILTER_ENGINE_UNSUPPORTED" }] });
    expect(row?.errors[0]?.next).not.toBe("");
  });

  test("is the failure, whatever else holds", () => {
    const stale = result("bloom", "dedup", { samples: bloomSamples(1) });
    expect(status([failing("redis", "dedup", "refused", "REDIS_REFUSED"), stale])[0]?.state).toBe("refused");
  });

  test("of Postgres counts its connections", () => {
    const connections = (active: number) =>
      status([
        result("postgres", "postgres", {
          address: "Postgres messenger at db:5432",
          samples: [
            ...availability("postgres"),
            sample("redisops_postgres_connections", { role: "postgres", state: "active" }, active),
            sample("redisops_postgres_connections", { role: "postgres", state: "idle_in_transaction" }, 5),
            sample("redisops_postgres_connections_limit", { role: "postgres" }, 97),
          ],
        }),
      ])[0];
    expect(connections(70)).toMatchObject({
      target: "messenger at db:5432",
      state: "ok",
      observed: ["connections 75 of 97", "active 70", "idle in transaction 5"],
    });
    expect(connections(84)).toMatchObject({ state: "degraded", modes: [{ id: "PostgresPoolSaturated" }] });
    expect(connections(90)).toMatchObject({
      modes: [{ id: "PostgresPoolExhausted" }, { id: "PostgresPoolSaturated" }],
    });
  });
});

test("several modes of a role are all told, in the catalog’s order", () => {
  const [row] = status(dedup(0.5, 4));
  expect(row?.modes.map(({ id }) => id)).toEqual(["BloomCold", "BloomSaturated"]);
});

test("a mode without a command says what to do instead", () => {
  const [row] = status([failing("redis", "registry", "refused", "REDIS_REFUSED")]);
  expect(row?.modes[0]).toMatchObject({ id: "RegistryDown", command: undefined });
  expect(row?.modes[0]?.instead).toMatch(/^1\. Start or fail over the registry/);
});

test("thresholds of redisops.yaml decide", () => {
  const held = (absent_ratio: number) =>
    platformStatus(dedup(0.1), { BloomCold: { absent_ratio } }, [], now)[0]?.modes.length;
  expect([held(0.2), held(0.1), held(0.09)]).toEqual([0, 0, 1]);
});

describe("since when a mode holds", () => {
  const began = "2026-01-01T11:58:00.000Z";

  test("comes from its own alert with the same labels", () => {
    const alerts = [
      alert({ alertname: "BloomSaturated", role: "dedup" }, "2026-01-01T09:00:00Z"),
      alert({ alertname: "BloomCold", role: "another" }, "2026-01-01T10:00:00Z"),
      alert({ alertname: "BloomCold", role: "dedup", severity: "page" }, began),
    ];
    expect(status(dedup(1), alerts)[0]?.modes[0]?.since).toBe(began);
  });

  test("is not known without such an alert", () => {
    const alerts = [alert({ alertname: "BloomCold", role: "another" }, began)];
    expect(status(dedup(1), alerts)[0]?.modes[0]?.since).toBeUndefined();
  });

  test("of an account comes from that account’s alert", () => {
    const alerts = [
      alert(
        { alertname: "ProviderThrottled", role: "token_bucket", provider: "twilio", account: "b" },
        began,
      ),
    ];
    const rows = status([account("a", 10, 9), account("b", 10, 9)], alerts);
    expect(rows.map(({ modes: [held] }) => held?.since)).toEqual([undefined, began]);
  });
});

describe("provider accounts", () => {
  test("have a row each, after the role that they belong to", () => {
    const tokens = (name: string, value: number) => [
      sample(
        "redisops_token_bucket_tokens",
        { role: "token_bucket", provider: "twilio", account: name },
        value,
      ),
      sample(
        "redisops_token_bucket_capacity",
        { role: "token_bucket", provider: "twilio", account: name },
        1000,
      ),
    ];
    const buckets = result("token_buckets", "token_bucket", {
      samples: [...tokens("a", 12.34), ...tokens("b", 1000)],
    });
    const postgres = result("postgres", "postgres", {
      address: "Postgres db at db:5432",
      samples: availability("postgres"),
    });
    const rows = status([up("token_bucket"), buckets, postgres, account("a", 10, 9), account("b", 100, 0)]);
    expect(rows.map(({ role, target, state }) => [role, target, state])).toEqual([
      ["token_bucket", "10.0.0.1:6379", "ok"],
      ["token_bucket", "twilio/a", "degraded"],
      ["token_bucket", "twilio/b", "ok"],
      ["postgres", "db at db:5432", "ok"],
    ]);
    expect(rows[1]).toMatchObject({
      modes: [{ id: "ProviderThrottled" }],
      observed: ["tokens 12.3 of 1,000", "throttled (429), asks to wait 30 s"],
    });
    expect(rows[2]).toMatchObject({ modes: [], observed: ["tokens 1,000 of 1,000"] });
  });

  test("keep their own trouble from the buckets’ row, and the buckets’ from theirs", () => {
    const error = new RedisopsError("PROVIDER_UNAVAILABLE", "status 401");
    const rows = status([
      failing("redis", "token_bucket", "refused", "REDIS_REFUSED"),
      account("a", 3, 0),
      account("b", 3, 0, error),
    ]);
    expect(rows.map(({ state, modes: held }) => [state, ...held.map(({ id }) => id)])).toEqual([
      ["refused", "TokenBucketsDown"],
      ["ok"],
      ["error"],
    ]);
  });
});

test("rows come in the order of the roles, and none for what is not configured", () => {
  const rows = status([up("token_bucket"), up("dedup"), up("registry")]);
  expect(rows.map(({ role }) => role)).toEqual(["registry", "dedup", "token_bucket"]);
  expect(status([])).toEqual([]);
});

test.each([
  ["preferences Redis Cluster at a:1, b:2", "Cluster at a:1, b:2"],
  ["preferences Redis (primary p of Sentinels a:1)", "(primary p of Sentinels a:1)"],
  ["somewhere else", "somewhere else"],
])("%s is shown without the role", (address, target) => {
  expect(status([result("redis", "preferences", { address })])[0]?.target).toBe(target);
});

test("what waits for delivery is told under the registry", () => {
  const pending = [
    sample("redisops_pending_deliveries", { role: "registry" }, 5000),
    sample("redisops_pending_deliveries_oldest_timestamp_seconds", { role: "registry" }, now / 1000 - 7200),
    sample("redisops_pending_deliveries_deliverable_ratio", { role: "registry" }, 0.5),
  ];
  const [row] = status([up("registry"), result("pending_deliveries", "registry", { samples: pending })]);
  expect(row).toMatchObject({
    state: "degraded",
    modes: [{ id: "PendingDeliveriesBacklog" }],
    observed: [
      "answers in 4.2 ms",
      "pending depth 5,000",
      "oldest waits 2 h 0 min",
      "deliverable now 50.0 % in the worst age band",
    ],
  });
});

test("of nothing that waits, no share is deliverable", () => {
  const pending = [
    sample("redisops_pending_deliveries", { role: "registry" }, 0),
    sample("redisops_pending_deliveries_deliverable_ratio", { role: "registry" }, 0),
  ];
  const [row] = status([up("registry"), result("pending_deliveries", "registry", { samples: pending })]);
  expect(row?.observed).toEqual(["answers in 4.2 ms", "pending depth 0"]);
});

test("what is wrong with the servers is told first", () => {
  const shards = [1, 0].map((up, name) =>
    sample("redisops_shard_up", { role: "registry", shard: String(name) }, up),
  );
  const available = sample("redisops_role_key_space_available_ratio", { role: "registry" }, 0.5);
  const [row] = status([up("registry"), result("nodes", "registry", { samples: [...shards, available] })]);
  expect(row?.observed).toEqual([
    "1 of 2 shards accept writes; 50.0 % of the key space is without",
    "answers in 4.2 ms",
  ]);
});

test.each([
  [99_999, "pending depth 99,999"],
  [100_000, "pending depth at least 100,000"],
])("a depth of %d, counted up to 100,000", (depth, told) => {
  const counted = result("pending_deliveries", "registry", {
    samples: [sample("redisops_pending_deliveries", { role: "registry" }, depth)],
  });
  const probe: PendingProbe = { ...counted.probe, countLimit: 100_000 };
  expect(status([{ ...counted, probe }])[0]?.observed).toEqual([told]);
});

describe("modes that only Prometheus knows", () => {
  const active = (alertname: string, state: "firing" | "pending", labels = {}) => ({
    labels: { alertname, ...labels },
    annotations: {},
    state,
    activeAt: new Date("2026-01-01T11:50:00Z"),
  });

  test("hold while their alerts fire, in the row of their role", () => {
    const rows = status([up("registry")], [active("RegistryCold", "firing"), active("Watchdog", "firing")]);
    expect(rows.map(({ role, state, modes }) => [role, state, modes.map(({ id }) => id)])).toEqual([
      ["registry", "degraded", ["RegistryCold"]],
    ]);
    expect(rows[0]?.modes[0]).toMatchObject({
      since: "2026-01-01T11:50:00.000Z",
      command: "redisops recover registry",
    });
    expect(status([up("registry")], [active("RegistryCold", "pending")])[0]?.state).toBe("ok");
  });

  test("have a row of their own where nothing that was looked at is theirs", () => {
    const rows = status([up("registry")], [active("ExporterDown", "firing")]);
    expect(rows.map(({ role, modes }) => [role, modes.map(({ id }) => id)])).toEqual([
      ["registry", []],
      ["self", ["ExporterDown"]],
    ]);
  });

  test("are judged by the look where it has their values, whatever an alert still says", () => {
    expect(status(dedup(0), [active("BloomCold", "firing", { role: "dedup" })])[0]?.state).toBe("ok");
  });
});
