import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { waitUntil } from "../../lab/wait.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { RedisopsChild } from "../fixtures/redisops-child.ts";
import { type PreferencesPlatform, startPreferencesPlatform } from "./fallbacks/preferences-platform.ts";

const workerPath = fileURLToPath(new URL("../fixtures/preferences-worker.ts", import.meta.url));
const everyone = Array.from({ length: 300 }, (_, n) => `u${n}`);
const optedOut = everyone.filter((_, n) => n % 10 === 3);

interface Sent {
  readonly userId: string;
  readonly notificationId: string;
  readonly optedIn: boolean;
  readonly source: string;
}

interface AuditDocument {
  readonly notifications: number;
  readonly people: number;
  readonly listed: readonly {
    readonly user_id: string;
    readonly channel: string;
    readonly notification_id: string;
  }[];
  readonly examined: {
    readonly in_table: number;
    readonly in_folders: number;
    readonly damaged_lines: number;
  };
}

let platform: PreferencesPlatform;
let cache: RedisServer;
let directory: string;
let config: string;
const children: RedisopsChild[] = [];

beforeAll(async () => {
  platform = await startPreferencesPlatform("exposures");
  cache = await startRedis(platform.workspace, { name: "cache" });
  directory = await platform.workspace.folder("records");
  for (const userId of optedOut) await platform.choose(userId, true);
  // Opted out and in again, and the other way round too late, which the audit must tell apart.
  await platform.choose("u0", true);
  await platform.choose("u0", false);
  config = join(platform.workspace.dir, "redisops.json");
  const { address, database, user } = platform.database("postgres");
  const postgres = { address, database, user, password: "${WORKER_POSTGRES_PASSWORD}" };
  await writeFile(config, JSON.stringify({ platform: "exposures", roles: {}, postgres }));
}, 2 * patience);

afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await platform?.close();
});

const env = () => ({ PATH: process.env.PATH, WORKER_POSTGRES_PASSWORD: platform.postgres.password });

class WorkerProcess {
  readonly #child: RedisopsChild;

  constructor() {
    const { address, database, user } = platform.database();
    const orders = { cache: `127.0.0.1:${cache.port}`, postgres: address, database, user, directory };
    this.#child = new RedisopsChild([JSON.stringify(orders)], env(), [process.execPath, workerPath]);
    children.push(this.#child);
  }

  order(order: "ready" | "notify" | "go on", users: readonly string[] = []): void {
    this.#child.type(`${JSON.stringify({ order, users })}\n`);
  }

  says(text: string): Promise<void> {
    return this.#child.says(text);
  }

  /** What it said that it sends, as far as it got. */
  get sent(): Sent[] {
    const whole = this.#child.stdout.slice(0, this.#child.stdout.lastIndexOf("\n") + 1);
    return whole
      .split("\n")
      .flatMap((line) => (line.includes("notificationId") ? [JSON.parse(line) as Sent] : []));
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.outcome;
  }
}

async function audit(...words: string[]): Promise<AuditDocument> {
  const child = new RedisopsChild(["audit", "preferences", "--json", "--config", config, ...words], env());
  const { code, stdout, stderr } = await child.outcome;
  expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as AuditDocument;
}

const ids = (all: readonly { notification_id: string }[]) => all.map((one) => one.notification_id).toSorted();

/** Ids of the notifications that went to people who had opted out. */
const unwanted = (sent: readonly Sent[]) =>
  sent
    .filter(({ userId, optedIn }) => optedIn && optedOut.includes(userId))
    .map(({ notificationId }) => notificationId);

describe("with cache and Postgres both away", { timeout: 3 * patience }, () => {
  let worker: WorkerProcess;
  let expected: string[];

  test("every notification is sent", async () => {
    worker = new WorkerProcess();
    worker.order("ready");
    await worker.says('"ready":true');
    await cache.kill();
    platform.postgres.pause();
    await frozen([platform.postgres.pid]);
    worker.order("notify", everyone);
    await worker.says('"done":true');
    const { sent } = worker;
    expect(sent.map(({ userId }) => userId).toSorted()).toEqual(everyone.toSorted());
    expect(new Set(sent.map(({ optedIn, source }) => `${optedIn} ${source}`))).toEqual(
      new Set(["true default"]),
    );
    expected = unwanted(sent);
    expect(expected).toHaveLength(30);
  });

  test("kill -9 of the worker loses no record, and the audit names those who were notified against their will, and nobody else", async () => {
    await worker.kill();
    platform.postgres.resume();
    // An opt-out after the notification, and an opt-in after it, change nothing about what was done.
    await platform.choose("u1", true);
    await platform.choose("u3", false);
    await platform.sql.query("DELETE FROM preferences WHERE user_id = 'u13'");
    const document = await audit("--exposures", directory);
    expect(ids(document.listed)).toEqual(expected.toSorted());
    expect(document).toMatchObject({
      notifications: 30,
      people: 30,
      examined: { in_table: 0, in_folders: 300, damaged_lines: 0 },
    });
    expect((await audit("--exposures", directory, "--limit", "7")).listed).toHaveLength(7);
    await platform.choose("u1", false);
    await platform.choose("u3", true);
    await platform.choose("u13", true);
  });

  test("kill -9 amid decisions loses no record of those that were made", async () => {
    platform.postgres.pause();
    await frozen([platform.postgres.pid]);
    const cut = new WorkerProcess();
    cut.order("go on", everyone);
    await waitUntil(() => cut.sent.length > 2_000, { what: "2,000 decisions", deadlineMs: patience });
    await cut.kill();
    platform.postgres.resume();
    const told = unwanted(cut.sent);
    expect(told.length).toBeGreaterThan(100);
    const named = ids((await audit("--exposures", directory, "--limit", "100000")).listed).filter(
      (id) => !expected.includes(id),
    );
    expect(told.filter((id) => !named.includes(id))).toEqual([]);
    // Recorded already, and killed before it could say so: no more than it decides at a time.
    expect(named.length - told.length).toBeLessThanOrEqual(16);
    expected.push(...named);
  });

  test("the records are for their owner alone", () => {
    const paths = readdirSync(directory).map((name) => join(directory, name));
    expect(paths.length).toBeGreaterThanOrEqual(2);
    for (const path of paths) {
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(readFileSync(path, "utf8")).toMatch(
        /^\{"at":"[^"]+Z","user_id":"u\d+","channel":"sms","notification_id":"/,
      );
    }
  });

  test("a later process moves the records to Postgres, torn lines and all, and the audit says the same", async () => {
    await writeFile(
      join(directory, "2000-torn.jsonl"),
      '{"at":"2026-01-01T00:00:00.000Z","user_id":"u3","chan',
      {
        mode: 0o600,
      },
    );
    await cache.restart({ empty: true });
    const heir = await platform.worker(
      { topology: "standalone", address: `127.0.0.1:${cache.port}` },
      { exposures: { directory, segmentAgeMs: 20 }, shipMs: 20 },
    );
    expect(await heir.client.ready(patience)).toBe(true);
    // Each is found, and found once, also while they move.
    let document: AuditDocument;
    do {
      document = await audit("--exposures", directory, "--limit", "100000");
      expect(ids(document.listed)).toEqual(expected.toSorted());
    } while (readdirSync(directory).length > 0);
    document = await audit("--exposures", directory, "--limit", "100000");
    expect(ids(document.listed)).toEqual(expected.toSorted());
    expect(document.examined).toMatchObject({ in_folders: 0, damaged_lines: 0 });
    expect(document.people).toBe(30);
    expect((await audit("--since", "0s")).notifications).toBe(0);
  });

  test("what is decided by default while Postgres is away gets there by itself when it is back", async () => {
    const own = await platform.worker(
      { topology: "standalone", address: `127.0.0.1:${await platform.workspace.port()}` },
      { bulkhead: { deadlineMs: 50 }, exposures: { directory, segmentAgeMs: 100 }, shipMs: 20 },
    );
    const before = (await audit()).examined.in_table;
    platform.postgres.pause();
    await frozen([platform.postgres.pid]);
    for (const userId of optedOut) expect((await own.sms(userId)).source).toBe("default");
    platform.postgres.resume();
    await waitUntil(() => readdirSync(directory).length === 0, {
      what: "the records to be moved",
      deadlineMs: patience,
    });
    expect((await audit()).examined.in_table).toBe(before + optedOut.length);
    expect(await own.metrics.metrics()).toMatch(
      new RegExp(`redisops_preference_exposures_total\\{role="preferences"\\} ${optedOut.length}\n`),
    );
  });

  test("what Postgres refuses stays, and keeps nothing else back", async () => {
    const at = new Date().toISOString();
    const line = (userId: string, notification: string) =>
      `${JSON.stringify({ at, user_id: userId, channel: "sms", notification_id: notification })}\n`;
    const folder = await platform.workspace.folder("refused");
    // Longer than an entry of an index may be, as an older version would have recorded it.
    const overlong = randomBytes(6_000).toString("base64");
    await writeFile(join(folder, "2000-a.jsonl"), line("u3", overlong));
    await writeFile(join(folder, "2000-b.jsonl"), line("u3", "behind-the-refused-one"));
    const own = await platform.worker(
      { topology: "standalone", address: `127.0.0.1:${cache.port}` },
      { exposures: { directory: folder, segmentAgeMs: 20 }, shipMs: 20 },
    );
    await waitUntil(() => !readdirSync(folder).includes("2000-b.jsonl"), {
      what: "the other file to be moved",
      deadlineMs: patience,
    });
    expect(readdirSync(folder)).toEqual(["2000-a.jsonl"]);
    expect(ids((await audit("--exposures", folder, "--limit", "100000")).listed)).toEqual(
      expect.arrayContaining([overlong, "behind-the-refused-one"]),
    );
    expect(await own.metrics.metrics()).toMatch(
      /redisops_store_failures_total\{error_class="other",role="postgres"\} 1\n/,
    );
  });
});
