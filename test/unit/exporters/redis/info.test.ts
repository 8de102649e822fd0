import { describe, expect, test } from "vitest";
import {
  connectedReplicas,
  InfoFields,
  keyCounts,
  kindOf,
  versionOf,
} from "../../../../exporters/redis/info.ts";
import { nodeSamples } from "../../../../exporters/redis/node-samples.ts";

/** An answer to INFO as servers send it, cut down to what is read. */
const info = (...lines: string[]) => new InfoFields(`${lines.join("\r\n")}\r\n`);

const redis62 = info(
  ...[
    "# Server",
    "redis_version:6.2.14",
    "redis_mode:standalone",
    "uptime_in_seconds:100",
    "server_time_usec:1700000000500000",
  ],
  ...["", "# Clients", "connected_clients:3", "maxclients:10000", "blocked_clients:1"],
  ...["", "# Memory", "used_memory:1048576", "maxmemory:0", "maxmemory_policy:noeviction"],
  ...[
    "",
    "# Persistence",
    "loading:0",
    "rdb_last_save_time:1699999990",
    "rdb_last_bgsave_status:ok",
    "aof_enabled:0",
    "aof_last_write_status:ok",
  ],
  ...[
    "",
    "# Replication",
    "role:master",
    "connected_slaves:1",
    "slave0:ip=10.0.0.2,port=6379,state=online,offset=90,lag=1",
    "master_repl_offset:100",
  ],
  ...["", "# Keyspace", "db0:keys=10,expires=4,avg_ttl=0", "db3:keys=5,expires=5,avg_ttl=12"],
);

const node = { address: "10.0.0.1:6379", kind: "primary", shard: "0", declaredDown: false } as const;
const samplesOf = (fields: InfoFields) =>
  nodeSamples("registry", node, {
    ...{ seconds: 0.001, refusal: undefined, info: fields },
    ...{ cluster: undefined, settings: new Map(), denied: undefined },
  });
const values = (fields: InfoFields) =>
  Object.fromEntries(
    samplesOf(fields).map(({ metric, value }) => [metric.replace("redisops_redis_", ""), value]),
  );

test("an answer of Redis is read", () => {
  expect(values(redis62)).toEqual({
    ...{ up: 1, response_seconds: 0.001, info: 1, start_timestamp_seconds: 1_699_999_900, loading: 0 },
    ...{ clients: 3, clients_limit: 10_000, clients_blocked: 1, memory_used_bytes: 1_048_576 },
    ...{ last_save_timestamp_seconds: 1_699_999_990, last_save_success: 1, aof_enabled: 0 },
    ...{ connected_replicas: 1, keys: 15, keys_expiring: 9 },
  });
  expect(connectedReplicas(redis62)).toEqual([
    { address: "10.0.0.2:6379", online: true, offset: 90, lag: 1 },
  ]);
});

describe("the version", () => {
  test.each([
    ["6.2.14", redis62],
    ["8.0.1", info("redis_version:8.0.1")],
    ["valkey-8.1.0", info("redis_version:7.2.4", "server_name:valkey", "valkey_version:8.1.0")],
    ["6.3.4", info("redis_version:6.3.4", "mvcc_depth:0", "availability_zone:")],
    ["7.4.0-rc1", info("redis_version:7.4.0-rc1")],
    ["unknown", info("role:master")],
    ["unknown", info(`redis_version:${"9".repeat(400)}`)],
    ["unknown", info('redis_version:7"} 1\\nevil{x="')],
    ["unknown", info("server_name:__proto__", "redis_version:")],
  ])("is %s", (version, fields) => {
    expect(versionOf(fields)).toBe(version);
  });
});

describe("an answer that is not as it should be", () => {
  test.each<[string, string]>([
    ["empty", ""],
    ["no lines", "x".repeat(100)],
    ["a page of HTML", "<html><body>502 Bad Gateway</body></html>"],
    ["fields without values", "used_memory:\r\nconnected_clients:\r\nrole:\r\ndb0:\r\nslave0:\r\n"],
    [
      "fields of nonsense",
      "used_memory:NaN\r\nconnected_clients:Infinity\r\nevicted_keys:-1\r\nexpired_keys:1e9\r\nkeyspace_hits:0x10\r\nuptime_in_seconds:soon\r\nused_cpu_sys:\r\nloading:2\r\naof_enabled:yes\r\nmaxmemory:-5\r\nmaster_link_status:maybe\r\nmaxclients:1,000\r\n# Keyspace\r\ndb0:keys=many,expires=-3\r\n",
    ],
    ["numbers that have no end", `used_memory:${"9".repeat(5000)}\r\nkeyspace_misses:${"1".repeat(33)}\r\n`],
    ["colons and names of JavaScript", "__proto__:1\r\nconstructor:2\r\n:::::\r\nused_memory::5\r\n"],
  ])("%s: what cannot be known is absent, and nothing is NaN", (_, text) => {
    const samples = samplesOf(new InfoFields(text));
    for (const { value } of samples) expect(Number.isFinite(value)).toBe(true);
    const known = new Set(["redisops_redis_up", "redisops_redis_response_seconds", "redisops_redis_info"]);
    const keys = ["redisops_redis_keys", "redisops_redis_keys_expiring"];
    const others = samples.filter(({ metric }) => !known.has(metric));
    expect(others.filter(({ metric, value }) => !(keys.includes(metric) && value === 0))).toEqual([]);
  });

  test("is read up to a bound, and of a name that occurs twice the first value", () => {
    const huge = new InfoFields(`used_memory:1\r\n${"filler:1\r\n".repeat(100_000)}connected_clients:5\r\n`);
    expect(huge.number("used_memory")).toBe(1);
    expect(huge.number("connected_clients")).toBeUndefined();
    expect(info("used_memory:1", "used_memory:2").number("used_memory")).toBe(1);
    const many = Array.from(
      { length: 5000 },
      (_, n) => `slave${n}:ip=h,port=${n},state=online,offset=1,lag=0`,
    );
    expect(connectedReplicas(info(...many)).length).toBeLessThanOrEqual(100);
  });

  test("has keys only where it has their section", () => {
    expect(keyCounts(info("# Keyspace"))).toEqual({ keys: 0, expiring: 0 });
    expect(keyCounts(info("# Memory"))).toBeUndefined();
  });

  test("names a kind only where it says one", () => {
    expect([kindOf(info("role:master")), kindOf(info("role:slave")), kindOf(info("role:sentinel"))]).toEqual([
      ...["primary", "replica", undefined],
    ]);
  });

  test.each(["ip=h,port=1", "ip=h,port=1,state=wait_bgsave,offset=0,lag=0", "state=online", "online"])(
    "a replica that is listed as %s is not online with an offset",
    (line) => {
      const [replica] = connectedReplicas(info(`slave0:${line}`));
      expect(replica?.online === true && replica.offset !== undefined).toBe(false);
    },
  );
});
