import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Producer } from "@platformatic/kafka";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type KafkaServer, startKafka } from "../../lab/servers/kafka.ts";
import { type PostgresServer, startPostgres } from "../../lab/servers/postgres.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { printedError, run } from "./run.ts";

interface Listed {
  readonly notification_id: string;
  readonly sends: number;
  readonly first_at: string;
  readonly last_at: string;
}

interface Document {
  readonly notifications: number;
  readonly listed: readonly Listed[];
  readonly source: string;
  readonly examined: { readonly examined: number; readonly without_id: number };
}

let workspace: Workspace;
let postgres: PostgresServer;
let database: pg.Client;
let kafka: KafkaServer;
let configs = 0;

beforeAll(async () => {
  workspace = await createWorkspace("audit-duplicates");
  [postgres, kafka] = await Promise.all([startPostgres(workspace), startKafka(workspace)]);
  database = new pg.Client(postgres.connection);
  await database.connect();
  await database.query(`
    CREATE TABLE sends (notification_id text, sent_at timestamptz NOT NULL);
    CREATE INDEX ON sends (sent_at);
    CREATE TABLE notifications (id text PRIMARY KEY, sent_at timestamptz NOT NULL);
    CREATE TABLE log (id text NOT NULL, sent_at timestamptz NOT NULL, PRIMARY KEY (id, sent_at))`);
}, 2 * patience);

afterAll(async () => {
  await database?.end();
  await workspace?.close();
});

async function configure(tables: object | undefined, topic?: object): Promise<string> {
  const path = join(workspace.dir, `redisops-${++configs}.json`);
  const section = {
    address: `127.0.0.1:${postgres.port}`,
    database: "postgres",
    user: "postgres",
    password: "${AUDIT_POSTGRES}",
    tables,
  };
  const document = {
    platform: "audit",
    roles: {},
    ...(tables === undefined ? {} : { postgres: section }),
    ...(topic === undefined ? {} : { kafka: { brokers: [kafka.brokers], sent_notifications: topic } }),
  };
  await writeFile(path, JSON.stringify(document));
  return path;
}

const audit = (config: string, ...words: string[]) =>
  run(["audit", "duplicates", "--config", config, ...words], { AUDIT_POSTGRES: postgres.password });

async function document(config: string, ...words: string[]): Promise<Document> {
  const { code, stdout, stderr } = await audit(config, "--json", ...words);
  expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as Document;
}

const ids = ({ listed }: Document) => listed.map((one) => one.notification_id);

/** What was sent how many minutes ago. */
type Sends = Readonly<Record<string, readonly number[]>>;

const sends: Sends = {
  once: [30],
  twice: [50, 40],
  thrice: [55, 45, 35],
  "again-in-the-span": [90, 40],
  "again-before-the-span": [95, 90],
  "again-after-the-span": [50, 5],
  "long-ago": [4_000, 40],
};
/** Listed of these from an hour ago to ten minutes ago, with a window of a day. */
const expected = ["again-in-the-span", "thrice", "twice"];
const span = ["--from", "1h", "--to", "10m"];

describe("redisops audit duplicates in Postgres", { timeout: patience }, () => {
  let config: string;

  async function insert(all: Sends, table = "sends"): Promise<void> {
    const rows = Object.entries(all).flatMap(([id, times]) => times.map((at) => [id, at] as const));
    await database.query(
      `INSERT INTO ${table} SELECT id, now() - m * interval '1 minute'
       FROM unnest($1::text[], $2::float8[]) AS s (id, m)`,
      [rows.map(([id]) => id), rows.map(([, at]) => at)],
    );
  }

  beforeEach(async () => {
    await database.query("TRUNCATE sends, notifications, log");
    config = await configure({ sends: {} });
  });

  test("says that nothing went out twice, and where it looked", async () => {
    await insert({ a: [5], b: [6] });
    expect(await audit(config)).toEqual({
      code: 0,
      stdout: `Nothing went out twice in the last 7d: 2 sends by table sends of Postgres postgres at 127.0.0.1:${postgres.port}, the 24h before included.\n`,
      stderr: "",
    });
  });

  test("lists what went out again in the span, the first sends first", async () => {
    await insert(sends);
    const found = await document(config, ...span);
    expect(ids(found)).toEqual(expected);
    expect(found.listed.map((one) => one.sends)).toEqual([2, 3, 2]);
    expect(found.examined).toEqual({ examined: 12, without_id: 0 });
    const [first] = found.listed;
    expect(Date.parse(first?.last_at ?? "") - Date.parse(first?.first_at ?? "")).toBe(50 * 60_000);
    // Without a window only what went out twice within the span.
    expect(ids(await document(config, ...span, "--window", "0s"))).toEqual(["thrice", "twice"]);
    expect(ids(await document(config, ...span, "--window", "4d"))).toEqual(["long-ago", ...expected]);
  });

  test("prints a table, no longer than asked for, without control characters", async () => {
    await insert({ "\u001b[2Jone": [50, 40], two: [30, 20], three: [10, 9] });
    const { stdout, code } = await audit(config, "--since", "2h", "--limit", "2");
    expect(code).toBe(0);
    const [title, blank, head, ...rows] = stdout.split("\n");
    expect(title).toMatch(/^3 notifications went out again in the last 2h; 6 sends by table sends of /);
    expect([blank, head?.split(/ +/)]).toEqual(["", ["FIRST", "LAST", "TIMES", "NOTIFICATION"]]);
    expect(rows.map((row) => row.split(/ +/).at(-1))).toEqual(["\ufffd[2Jone", "two", "them.", ""]);
    expect(rows[2]).toBe("... and 1 more; --limit shows them.");
  });

  test("writes all of it as CSV, in which no id is a formula", async () => {
    await insert({ "=cmd()": [50, 40], 'a,"b"': [30, 20] });
    await database.query(
      "INSERT INTO sends SELECT 'bulk-' || n % 5000, now() - interval '10 minutes' FROM generate_series(1, 10000) AS n",
    );
    const { code, stdout, stderr } = await audit(config, "--format", "csv");
    expect(code).toBe(0);
    expect(stderr).toMatch(/^5,002 notifications went out again /);
    const lines = stdout.split("\r\n");
    expect(lines).toHaveLength(5_004);
    expect(lines[0]).toBe("first_at,last_at,sends,notification_id");
    expect(lines[1]).toMatch(/^\S+Z,\S+Z,2,"'=cmd\(\)"$/);
    expect(lines[2]).toMatch(/^\S+Z,\S+Z,2,"a,""b"""$/);
    const bulk = lines.slice(3, -1).map((line) => line.split(",").at(-1) ?? "");
    expect(bulk).toEqual(bulk.toSorted());
    const cut = await audit(config, "--format", "csv", "--limit", "1");
    expect(cut.stdout.split("\r\n")).toHaveLength(3);
    expect(cut.stderr).toMatch(/^warning: 5,001 more are not listed/);
    await database.query("TRUNCATE sends");
    expect((await audit(config, "--format", "csv")).stdout).toBe(
      "first_at,last_at,sends,notification_id\r\n",
    );
  });

  test("reads sent_notifications where one id can have several rows, and says so where it cannot", async () => {
    await insert({ twice: [50, 40] }, "log");
    const several = await configure({ sent_notifications: { table: "log", window: "2h" } });
    expect(ids(await document(several))).toEqual(["twice"]);
    const unique = await configure({ sent_notifications: {} });
    expect(printedError(await audit(unique, "--json"))).toMatchObject({
      code: "CONFIG_INCOMPLETE",
      message: expect.stringContaining("notifications.id is unique"),
    });
  });

  test("tells wrong words, missing tables and a missing configuration", async () => {
    const wrong = [
      ["--window", "soon"],
      ["--limit", "1.5"],
      ["--format", "csv"],
    ];
    const errors = await Promise.all(wrong.map((words) => audit(config, "--json", ...words)));
    expect(errors.map((outcome) => printedError(outcome).code)).toEqual(["USAGE", "USAGE", "USAGE"]);
    const missing = await configure({ sends: { table: "nowhere" } });
    expect(printedError(await audit(missing, "--json")).code).toBe("POSTGRES_RELATION_MISSING");
    const without = await configure({ sends: {} });
    expect(printedError(await audit(without, "--json", "--source", "topic")).code).toBe("CONFIG_INCOMPLETE");
  });
});

describe("redisops audit duplicates in Kafka", { timeout: patience }, () => {
  async function produce(topic: string, all: Sends, asJson: boolean): Promise<void> {
    await kafka.createTopic(topic, { partitions: 3 });
    const producer = new Producer({ clientId: "test", bootstrapBrokers: [kafka.brokers] });
    try {
      const messages = Object.entries(all).flatMap(([id, times]) =>
        times.map((at, place) => ({
          topic,
          // Repeated sends are in different partitions.
          partition: place % 3,
          timestamp: BigInt(Date.now() - at * 60_000),
          ...(asJson
            ? { key: Buffer.from("somebody"), value: Buffer.from(JSON.stringify({ id })) }
            : { key: Buffer.from(id), value: Buffer.from("{}") }),
        })),
      );
      // Older records first, as they were produced.
      messages.sort((one, other) => Number(one.timestamp - other.timestamp));
      await producer.send({ messages });
    } finally {
      await producer.close();
    }
  }

  test("lists the same, whatever partitions the sends are in", async () => {
    await produce("sent-notifications", sends, false);
    const config = await configure(undefined, {});
    const found = await document(config, ...span);
    expect(ids(found)).toEqual(expected);
    expect(found.listed.map((one) => one.sends)).toEqual([2, 3, 2]);
    expect(found.examined).toEqual({ examined: 12, without_id: 0 });
    expect(found.source).toBe(`topic sent-notifications of Kafka at ${kafka.brokers}`);
    expect(ids(await document(config, ...span, "--window", "4d"))).toEqual(["long-ago", ...expected]);
  });

  test("finds the id in a field of JSON, and tells of records without one", async () => {
    await produce("in-json", { ...sends, "": [20] }, true);
    const config = await configure({ sends: {} }, { topic: "in-json", id: "id" });
    expect(ids(await document(config, ...span, "--source", "topic"))).toEqual(expected);
    const other = await configure(undefined, { topic: "in-json", id: "elsewhere" });
    const { code, stdout, stderr } = await audit(other, ...span);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Nothing went out twice from \S+Z to \S+Z: 13 sends by topic in-json of /);
    expect(stderr).toBe("warning: 13 records without an id could not be compared\n");
  });

  test("tells of a topic that is not there", async () => {
    const config = await configure(undefined, { topic: "nowhere" });
    expect(printedError(await audit(config, "--json")).code).toBe("KAFKA_TOPIC_MISSING");
  });
});
