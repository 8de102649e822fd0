import { mkdir, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import pg from "pg";
import { stringify } from "yaml";
import { pendingDeliveriesDdl } from "../../core/pending-deliveries/table.ts";
import { preferencesSchema } from "../../core/preferences/schema.ts";
import { sequenceId } from "../../core/sequence/message-id.ts";
import { RedisopsChild, redisopsCommand } from "../fixtures/redisops-child.ts";
import { type Sections, type SmallPlatform, startSmallPlatform } from "./small-platform.ts";

/** What recoveries work from besides what the small platform has. */
const sources = `
  ${preferencesSchema}
  INSERT INTO preferences (user_id, channel, opted_out)
    SELECT 'user-' || n, 'sms', n % 20 = 0 FROM generate_series(1, 200) AS n;
  UPDATE preference_changes SET changed_at = now() - interval '30 minutes';
  INSERT INTO preference_exposures
    SELECT 'notification-' || n, 'sms', 'user-' || n, now() - interval '10 minutes' FROM generate_series(11, 20) AS n;
  CREATE TABLE sends (notification_id text NOT NULL, sent_at timestamptz NOT NULL);
  INSERT INTO sends
    SELECT 'notification-' || n % 9, now() - n * interval '1 minute' FROM generate_series(1, 10) AS n;
  CREATE TABLE connections (
    user_id text PRIMARY KEY, server_id text NOT NULL, connection_id text NOT NULL,
    connected_at timestamptz NOT NULL, disconnected_at timestamptz);
  INSERT INTO connections
    SELECT 'user-' || n, 'server-1', 'c-' || n, now() - interval '1 hour' FROM generate_series(1, 200) AS n;
  CREATE TABLE messages (conversation_id text, message_id text, created_at timestamptz NOT NULL DEFAULT now());
  INSERT INTO messages
    SELECT 'conversation-' || n, '${sequenceId(40, 1_700_000_000_000).text}' FROM generate_series(1, 10) AS n;
  CREATE INDEX ON messages (created_at);
  CREATE INDEX ON messages (conversation_id, created_at);
  DROP TABLE pending_deliveries;
  ${pendingDeliveriesDdl()}
  INSERT INTO pending_deliveries (message_id, user_id, conversation_id, body)
    SELECT md5(n::text), 'user-' || n, 'conversation-1', 'hello' FROM generate_series(1, 40) AS n;`;

/** The id of a run after its recovery’s name, as the transcripts have it. */
const runStand = "20260101T000000Z-abcdef";
const runPattern = /\b([a-z]+(?:-[a-z]+)*)-\d{8}T\d{6}Z-[0-9a-f]{6}\b/g;

const timestamp = /\d{4}-\d\d-\d\d[T ][\d:.]+Z/g;
const differing: readonly (readonly [RegExp, string])[] = [
  [runPattern, `$1-${runStand}`],
  [/^(RUN .*) HOST +WHY$/gm, "$1 HOST  WHY"],
  // The lines are filled up, so where they break depends on the figures.
  [/;\n {2}(?=\S)/g, "; "],
  [/^ {2}server .*?(?=\n {2}\S)/gms, "  server   …"],
  [/answers in [\d.]+ ms/g, "answers in … ms"],
  [/connections \d+ of 97; .*/g, "connections …"],
  [/(Done in|oldest waits|oldest sampled one is) +[\d.]+ (?:ms|s|min \d+ s)\b/g, "$1 … s"],
  [/in [\d.]+ s \([\d,.]+ /g, "in … s (… "],
  [/began [^\n]* ago/g, "began … ago"],
  [/(entries |entries in the registry(?: now)? +)about [\d,]+(?: ± \d+)?/g, "$1about …"],
  [/\babout [\d,]+ rows/g, "about … rows"],
  [/cache {13}\d+ keys/g, "cache             … keys"],
  [/\d+ known-sent/g, "… known-sent"],
  [/\b(\d+) of \1 (recipients )?sampled/g, "all $2sampled"],
  [/of \d+ sampled conversations/g, "of … sampled conversations"],
  [/known_sent_sampled \d+/g, "known_sent_sampled …"],
  [/took [\d.]+ s/g, "took … s"],
  [/items in [\d.]+ s/g, "items in … s"],
  [/duration( +)about [\d.]+ s/g, "duration$1about … s"],
  // What the last drills have recorded.
  [/; [\d.]+ (?:s|min \d+ s) in the drill of/g, "; … in the drill of"],
  [/^ {11}duration: .*?(?=\n {11}source)/gms, "           duration: …"],
  [/verified, (\d+) commands, .*/g, "verified, $1 commands, …"],
  [/^Verified: .*?\n\n/gms, "Verified: …\n\n"],
  [/(primary|\.version +) [\d.]+$/gm, "$1 …"],
];

/** The small platform with sources for every recovery, and a folder in which commands are typed as a user would. */
export class TranscriptPlatform {
  readonly small: SmallPlatform;
  readonly folder: string;
  readonly #ports: ReadonlyMap<number, string>;
  /** The latest run of each recovery. */
  readonly #runs = new Map<string, string>();

  /** Use {@link startTranscriptPlatform}. */
  constructor(small: SmallPlatform) {
    this.small = small;
    this.folder = small.folder;
    const { redis, postgres, provider } = small;
    // As long as the real ones, so that columns stay where they are.
    this.#ports = new Map([
      [redis.registry.port, "11111"],
      [redis.dedup.port, "22222"],
      [redis.token_bucket.port, "33333"],
      [postgres.port, "54321"],
      [Number(new URL(provider.url).port), "44444"],
    ]);
  }

  /** Writes a file into the folder. */
  async write(name: string, text: string): Promise<void> {
    await writeFile(join(this.folder, name), text);
  }

  /** Writes redisops.yaml, or one by another name, with the sections added or replaced. */
  configure(name: string, sections: Sections = {}): Promise<void> {
    // Generous to a busy machine.
    const common = { state_dir: "state", exporter: { probe_timeout: "30s" } };
    return this.write(name, stringify(this.small.config({ ...common, ...sections })));
  }

  /** The sections of a platform that every recovery can be done on: some roles share a Redis. */
  get everyRecovery(): Sections {
    const { roles, postgres } = this.small.config() as Record<"roles" | "postgres", Record<string, object>>;
    const { registry, token_bucket: tokenBucket } = roles;
    return {
      roles: { ...roles, sequence: { ...registry }, preferences: { ...tokenBucket } },
      postgres: {
        ...postgres,
        tables: { ...postgres.tables, connections: {}, messages: {}, preferences: {}, sends: {} },
      },
      // Entries live as long as the test.
      recovery: {
        registry: { entry_ttl: "1h" },
        pending: { delivery: { kind: "redis_stream", ...withoutTopology(registry), stream: "out" } },
      },
    };
  }

  /** Empties a provider account's bucket. */
  async drainBucket(): Promise<void> {
    const { redis, secrets } = this.small;
    const client = new Redis({ port: redis.token_bucket.port, password: secrets.redis, protocol: 2 });
    try {
      await client.hset("bucket:twilio:main", "tokens", "0", "updated_ms", "9999999999999");
    } finally {
      client.disconnect();
    }
  }

  /**
   * Runs a command in the folder, and returns it as a terminal shows it, and how it ended. The command names servers by
   * their ports in the transcript, and a run by {@link runStand}.
   */
  async type(line: string): Promise<string> {
    let real = line;
    for (const [port, stand] of this.#ports) real = real.replaceAll(`:${stand}`, `:${port}`);
    for (const [name, run] of this.#runs) real = real.replaceAll(`${name}-${runStand}`, run);
    const inFolder = ["sh", "-c", 'cd "$0" && exec "$@"', this.folder, ...redisopsCommand];
    const child = new RedisopsChild(real.split(" ").slice(1), this.small.env, inFolder);
    const { code, stdout, stderr } = await child.outcome;
    for (const [run, name = ""] of stdout.matchAll(runPattern)) this.#runs.set(name, run);
    // How far something is depends on the machine; how it ended does not.
    const errors = stderr.replace(/^.* ETA .*\n/gm, "").replace(/^(?=.)/gm, "2> ");
    return `$ ${line}\n${this.#constant(stdout)}${this.#constant(errors)}exit ${code}\n`;
  }

  /** The text with … for what differs from run to run, and as long where columns depend on it. */
  #constant(text: string): string {
    const host = hostname();
    let constant = text
      .replaceAll(`${this.folder}/`, "")
      .replace(timestamp, (time) => time.replace(/\d/g, "0"))
      .replaceAll(`started on ${host},`, "started on …,")
      .replaceAll(`Z  ${host}\n`, "Z  …\n");
    for (const [port, stand] of this.#ports) constant = constant.replaceAll(`:${port}`, `:${stand}`);
    for (const [pattern, replacement] of differing) constant = constant.replace(pattern, replacement);
    return constant;
  }

  /** Has a run on another machine hold a role’s lock. */
  async lock(role: string): Promise<void> {
    const database = new pg.Client(this.small.postgres.connection);
    await database.connect();
    await database
      .query(
        `INSERT INTO redisops_runs_locks VALUES ($1, 7, $2, 'elsewhere', now() + interval '1 hour')
         ON CONFLICT (role) DO UPDATE
         SET run = excluded.run, host = excluded.host, heartbeat_at = excluded.heartbeat_at`,
        [role, `token-buckets-${runStand}`],
      )
      .finally(() => database.end());
  }

  close(): Promise<void> {
    return this.small.close();
  }
}

function withoutTopology(access: object | undefined): object {
  const { topology: _, ...own } = { topology: undefined, ...access };
  return own;
}

/** Starts it; redisops.yaml is there. */
export async function startTranscriptPlatform(): Promise<TranscriptPlatform> {
  const platform = new TranscriptPlatform(await startSmallPlatform());
  const database = new pg.Client(platform.small.postgres.connection);
  await database.connect();
  await database.query(sources).finally(() => database.end());
  await mkdir(join(platform.folder, "state"));
  await platform.configure("redisops.yaml", platform.everyRecovery);
  return platform;
}
