import { setTimeout as delay } from "node:timers/promises";
import { Producer } from "@platformatic/kafka";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { bitmapKeys, configuredLayout, layoutToMeta } from "../../core/filter/bitmap-filter.ts";
import { type KafkaServer, startKafka } from "../../lab/servers/kafka.ts";
import { bloom } from "../../recovery/bloom/bloom.ts";
import { bloomContext } from "../fixtures/bloom-run.ts";
import { patience } from "../fixtures/processes.ts";
import { type RecoverPlatform, smallFilter, startRecoverPlatform } from "../fixtures/recover-platform.ts";
import { RunMemory, stoppableRun } from "../fixtures/stoppable-run.ts";

let platform: RecoverPlatform;
let kafka: KafkaServer;
let producer: Producer<Buffer, Buffer, Buffer, Buffer>;
let topics = 0;

beforeAll(async () => {
  platform = await startRecoverPlatform();
  kafka = await startKafka(platform.workspace, { settings: { "message.max.bytes": 4_000_000 } });
  // A request that is sent again must not make records twice.
  producer = new Producer({ clientId: "test", bootstrapBrokers: [kafka.brokers], idempotent: true });
}, 11 * patience); // the first start on a machine fetches Kafka
afterEach(() => platform.reset());
afterAll(async () => {
  await producer?.close();
  await platform?.close();
});

interface Sent {
  readonly key?: Buffer;
  readonly value?: Buffer;
  /** Milliseconds ago; now when left out. */
  readonly age?: number;
}

async function newTopic(settings: Record<string, string> = {}): Promise<string> {
  const topic = `sent-${++topics}`;
  await kafka.createTopic(topic, { partitions: 3, settings });
  return topic;
}

async function produce(topic: string, records: readonly Sent[]): Promise<void> {
  const messages = records.map(({ key, value, age = 0 }, n) => ({
    topic,
    partition: n % 3,
    ...(key === undefined ? {} : { key }),
    ...(value === undefined ? {} : { value }),
    timestamp: BigInt(Date.now() - age),
  }));
  await producer.send({ messages });
}

const sections = (topic: string, id = "key") => ({
  kafka: { brokers: [kafka.brokers], sent_notifications: { topic, id } },
});

/** Carries a rebuild out in this process; returns the plan and what it warned of. */
async function rebuild(
  options: Parameters<typeof bloomContext>[1],
  changes: Parameters<typeof bloomContext>[2],
  prepare: (run: ReturnType<typeof stoppableRun>["run"]) => void = () => undefined,
) {
  const { context, warnings } = bloomContext(platform, options, changes);
  const plan = await bloom.plan(context);
  if (plan.refusal !== undefined) throw plan.refusal;
  const { run } = stoppableRun(new RunMemory("sources"));
  prepare(run);
  await bloom.execute(context, plan, run);
  return { context, plan, warnings };
}

const texts = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name}-${n}`);
const lacking = async (ids: readonly Buffer[]) => {
  const present = await platform.filter().has(ids);
  return ids.filter((_, index) => !present[index]);
};

describe("redisops recover bloom from Kafka", () => {
  it("takes ids of any bytes from the keys, also a megabyte, and what is sent meanwhile", async () => {
    const topic = await newTopic({ "max.message.bytes": "4000000" });
    const odd = Array.from({ length: 256 }, (_, byte) => Buffer.of(byte, 0, 255 - byte, byte));
    const large = Buffer.alloc(2 ** 20, 0xfe);
    const ids = [...odd, large, ...texts("kafka", 1_000).map((id) => Buffer.from(id))];
    await produce(
      topic,
      ids.map((key) => ({ key })),
    );
    const late = texts("late", 50).map((id) => Buffer.from(id));
    const { plan } = await rebuild({ source: "kafka", parts: 2 }, { sections: sections(topic) }, (run) => {
      const { saveCheckpoint } = run;
      run.saveCheckpoint = async (name, value) => {
        if (name === "complete")
          await produce(
            topic,
            late.map((key) => ({ key })),
          );
        await saveCheckpoint(name, value);
      };
    });
    expect(plan.facts[0]).toEqual({
      label: "source",
      value: `Kafka ${topic}, key, last 24h: about 1,257 records`,
    });
    expect(await lacking([...ids, ...late])).toEqual([]);
    expect((await platform.filter().state()).estimatedIds).toBeGreaterThan(1_200);
  });

  it("takes ids from a field of the value, and passes over what holds none", async () => {
    const topic = await newTopic();
    const good = texts("json", 300);
    await produce(topic, [
      ...good.map((id) => ({ value: Buffer.from(JSON.stringify({ notification_id: id })) })),
      ...["", "{", "null", "[]", '"json-text"', '{"notification_id":{}}', '{"other":1}'].map((value) => ({
        value: Buffer.from(value),
      })),
      { key: Buffer.from("a tombstone") },
      { value: Buffer.from('{"notification_id":4711}') },
    ]);
    const { context, plan } = await rebuild(
      { source: "kafka" },
      { sections: sections(topic, "notification_id") },
    );
    expect(await platform.lacking([...good, "4711"])).toEqual([]);
    const { holds, figures } = await bloom.verify(context, plan);
    expect(holds).toBe(true);
    expect(figures.known_sent_sampled).toBeGreaterThan(100);
  });

  it("counts only the window, and goes by both sources where it is told to", async () => {
    const topic = await newTopic();
    await produce(topic, [
      ...texts("old", 90).map((id) => ({ key: Buffer.from(id), age: 7_200_000 })),
      ...texts("new", 90).map((id) => ({ key: Buffer.from(id), age: 600_000 })),
    ]);
    const rows = await platform.send(1_000);
    const changes = { sections: sections(topic) };
    const { plan } = await rebuild({ source: "both", since: 3_600_000 }, changes);
    expect(plan.facts.slice(0, 2).map(({ value }) => value)).toEqual([
      "Postgres notifications.id, last 1h: 1,000 ids",
      `Kafka ${topic}, key, last 1h: about 90 records`,
    ]);
    expect(plan.risks).toContainEqual(expect.stringContaining("only ids of the last 1h are read"));
    expect(await platform.lacking([...rows, ...texts("new", 90)])).toEqual([]);
    expect((await platform.lacking(texts("old", 90))).length).toBeGreaterThan(80);
  });

  it("rests on the topic and its positions, and says what is missing", async () => {
    const topic = await newTopic();
    await produce(topic, [{ key: Buffer.from("one") }]);
    const { context } = bloomContext(platform, { source: "kafka" }, { sections: sections(topic) });
    const pins = await bloom.pins(context);
    expect(pins).toContainEqual({
      of: "source",
      label: `topic ${topic} of Kafka`,
      value: expect.any(String),
    });
    expect(pins.filter(({ value }) => value === 1)).toHaveLength(1);
    await expect(rebuild({ source: "kafka" }, { sections: sections("no-such-topic") })).rejects.toMatchObject(
      {
        code: "KAFKA_TOPIC_MISSING",
      },
    );
    await expect(rebuild({ source: "both" }, {})).rejects.toMatchObject({ code: "CONFIG_INCOMPLETE" });
    const { plan } = {
      plan: await bloom.plan(
        bloomContext(platform, { source: "kafka" }, { sections: sections(await newTopic()) }).context,
      ),
    };
    expect(plan.hasChanges).toBe(false);
  });
});

describe("redisops recover bloom from Postgres", () => {
  it.each([{ settle: 1 }, { settle: 0 }])(
    "finds what was written down after the swap, where it is given time: $settle ms",
    async ({ settle }) => {
      await platform.send(500);
      const layout = configuredLayout({ ...smallFilter, capacity: 50_000 });
      await platform.redis.hset(bitmapKeys.meta(smallFilter.key), layoutToMeta(layout));
      await platform.filter({ capacity: 50_000 }).add(["late"]);
      // The reads are: the parts, the catch-up before the swap, the one after it, the last one.
      await platform.closeGate(3);
      const rebuilt = rebuild({ settle }, { source: { table: "gated" } });
      await platform.atGate(3);
      await platform.admin.query("INSERT INTO notifications VALUES ('late', now())");
      await platform.openGate(3);
      await rebuilt;
      expect(await platform.lacking(["late"])).toEqual(settle === 0 ? ["late"] : []);
    },
  );

  it("holds the pace before it reads on", async () => {
    await platform.admin.query(
      "INSERT INTO notifications SELECT 'paced-' || n, now() - interval '1 hour' FROM generate_series(1, 100000) AS n",
    );
    let items = 0;
    await rebuild({}, { filter: { capacity: 200_000 } }, (run) => {
      run.pace = async (count) => {
        items += count;
        await delay(0);
      };
    });
    expect(items).toBeGreaterThan(60_000);
    expect(items).toBeLessThanOrEqual(100_000);
  });

  it.each([
    {
      capacity: 700,
      says: /^too small: the window holds 85\.7 % of the capacity; a capacity of 900 at 1\.00 % takes/,
    },
    { capacity: 5_000, says: /^right: the window holds 12\.0 % of the capacity$/ },
    {
      capacity: 60_000_000,
      says: /^larger than the window needs, by 100,000 times: a capacity of 900 at 1\.00 % takes 0\.0 MiB/,
    },
  ])("advises on a capacity of $capacity", async ({ capacity, says }) => {
    await platform.send(600);
    const plan = await bloom.plan(bloomContext(platform, {}, { filter: { capacity } }).context);
    expect(plan.facts.find(({ label }) => label === "sizing")?.value).toMatch(says);
  });

  it.each([{ parts: 0 }, { parts: 1.5 }, { parts: 1_001 }, { since: 0 }, { settle: -1 }])(
    "refuses %j",
    async (options) => {
      await expect(bloom.plan(bloomContext(platform, options).context)).rejects.toMatchObject({
        code: "USAGE",
      });
    },
  );
});
