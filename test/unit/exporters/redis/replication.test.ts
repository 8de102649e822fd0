import { describe, expect, test } from "vitest";
import { InfoFields } from "../../../../exporters/redis/info.ts";
import { lagSamples, replicasInSync } from "../../../../exporters/redis/replication.ts";

const labels = { role: "dedup", node: "10.0.0.2:6379" };
const info = (...lines: string[]) => new InfoFields(lines.join("\r\n"));
const primary = (line = "ip=10.0.0.2,port=6379,state=online,offset=900,lag=1") =>
  info("role:master", "master_replid:a", "master_repl_offset:1000", `slave0:${line}`);
const replica = (...more: string[]) =>
  info("role:slave", "master_replid:a", "slave_repl_offset:950", "master_last_io_seconds_ago:3", ...more);

const lag = (own: InfoFields | undefined, other: InfoFields | undefined) =>
  lagSamples(labels, own, other).map(({ metric, value }) => [
    metric.slice("redisops_redis_replication_".length),
    value,
  ]);

describe("the lag of a replica", () => {
  test.each<[string, InfoFields | undefined, InfoFields | undefined, unknown]>([
    [
      "both answer",
      replica(),
      primary(),
      [
        ["lag_bytes", 50],
        ["lag_seconds", 1],
      ],
    ],
    [
      "the replica hangs",
      undefined,
      primary("ip=10.0.0.2,port=6379,state=online,offset=900,lag=42"),
      [
        ["lag_bytes", 100],
        ["lag_seconds", 42],
      ],
    ],
    ["the primary is gone", replica(), undefined, [["lag_seconds", 3]]],
    ["both are gone", undefined, undefined, []],
    [
      "the primary knows it by another address",
      replica(),
      primary("ip=1.1.1.1,port=1,state=online,offset=1,lag=9"),
      [
        ["lag_bytes", 50],
        ["lag_seconds", 3],
      ],
    ],
    [
      "the link is broken",
      info(
        "master_replid:a",
        "slave_repl_offset:950",
        "master_last_io_seconds_ago:-1",
        "master_link_down_since_seconds:70",
      ),
      info("master_replid:a", "master_repl_offset:1000"),
      [
        ["lag_bytes", 50],
        ["lag_seconds", 70],
      ],
    ],
    [
      "it has another history",
      info("master_replid:b", "slave_repl_offset:5"),
      primary(),
      [["lag_seconds", 1]],
    ],
    [
      "it was read after the primary",
      info("master_replid:a", "slave_repl_offset:1200", "master_last_io_seconds_ago:0"),
      primary(),
      [
        ["lag_bytes", 0],
        ["lag_seconds", 1],
      ],
    ],
    [
      "the offsets are nonsense",
      info("master_replid:a", "slave_repl_offset:x"),
      info("master_replid:a", "master_repl_offset:"),
      [],
    ],
  ])("when %s", (_, own, other, expected) => {
    expect(lag(own, other)).toEqual(expected);
  });
});

const linked = info("master_link_status:up", "master_sync_in_progress:0");

test.each<[string, InfoFields | undefined, readonly InfoFields[] | undefined, number | undefined]>([
  ["both say so", primary(), [linked], 1],
  ["it copies data still", primary(), [info("master_link_status:up", "master_sync_in_progress:1")], 0],
  ["its link is down", primary(), [info("master_link_status:down")], 0],
  ["it does not answer", primary(), [], 0],
  [
    "the primary has not heard of it lately",
    primary("ip=h,port=1,state=online,offset=1,lag=11"),
    [linked],
    0,
  ],
  ["the primary has heard of it in time", primary("ip=h,port=1,state=online,offset=1,lag=10"), [linked], 1],
  ["the primary sends it its data", primary("ip=h,port=1,state=send_bulk,offset=1,lag=0"), [linked], 0],
  ["the primary is gone and the link not yet", undefined, [linked, linked], 2],
  ["only the primary can tell", primary(), undefined, 1],
  ["nobody can tell", undefined, undefined, undefined],
])("replicas in sync when %s", (_, from, replicas, expected) => {
  expect(replicasInSync(from, replicas)).toBe(expected);
});
