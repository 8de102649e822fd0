import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import pg from "pg";
import { stringify } from "yaml";
import { BitmapFilter } from "../../core/filter/bitmap-filter.ts";
import { bitmapLayout } from "../../core/filter/bitmap-layout.ts";
import { type PostgresServer, startPostgres } from "../../lab/servers/postgres.ts";
import { type ProviderStandIn, startProviderStandIn } from "../../lab/servers/provider-stand-in.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { type Outcome, RedisopsChild } from "../fixtures/redisops-child.ts";

/** The roles of the platform, each on a Redis of its own. */
const redisNames = ["registry", "dedup", "token_bucket"] as const;

export const accountSid = `AC${"1".repeat(32)}`;
const filter = { engine: "bitmap", key: "{dedup:sent}", capacity: 5_000, error_rate: 0.01 } as const;
/** Notifications that were sent, all of them in the filter. */
const sentCount = 1_000;

const schema = `
  CREATE TABLE notifications (id text PRIMARY KEY, sent_at timestamptz NOT NULL);
  CREATE TABLE pending_deliveries (
    message_id text PRIMARY KEY, user_id text NOT NULL, created_at timestamptz NOT NULL);
  INSERT INTO notifications
    SELECT md5(n::text), now() - interval '2 minutes' - n * interval '1 second' FROM generate_series(1, ${sentCount}) AS n;
  INSERT INTO pending_deliveries
    SELECT md5(n::text), 'offline-' || n, now() - interval '2 hours' FROM generate_series(1, 40) AS n;
  CREATE INDEX ON notifications (sent_at);
  CREATE INDEX ON pending_deliveries (created_at);`;

/** Sections of redisops.yaml that a test adds or replaces; `undefined` leaves one out. */
export type Sections = Readonly<Record<string, unknown>>;

interface Parts {
  readonly workspace: Workspace;
  readonly folder: string;
  readonly redis: Readonly<Record<(typeof redisNames)[number], RedisServer>>;
  readonly postgres: PostgresServer;
  readonly provider: ProviderStandIn;
  readonly secrets: Readonly<
    Record<"redis" | "postgres" | "provider" | "page" | "ticket" | "watchdog", string>
  >;
}

/** A healthy platform with every kind of thing that redisops probes, on real servers and with distinctive secrets. */
export class SmallPlatform {
  readonly workspace: Workspace;
  readonly folder: string;
  readonly redis: Parts["redis"];
  readonly postgres: PostgresServer;
  readonly provider: ProviderStandIn;
  readonly secrets: Parts["secrets"];
  /** The environment of the CLI: nothing inherited but PATH, and the secrets that redisops.yaml refers to. */
  readonly env: Readonly<Record<string, string>>;
  readonly #children: RedisopsChild[] = [];
  #configs = 0;

  /** Use {@link startSmallPlatform}. */
  constructor({ workspace, folder, redis, postgres, provider, secrets }: Parts) {
    this.workspace = workspace;
    this.folder = folder;
    this.redis = redis;
    this.postgres = postgres;
    this.provider = provider;
    this.secrets = secrets;
    this.env = {
      PATH: process.env.PATH ?? "",
      HOME: folder,
      SMALL_REDIS: secrets.redis,
      SMALL_POSTGRES: secrets.postgres,
      SMALL_PROVIDER: secrets.provider,
      SMALL_PAGE: secrets.page,
      SMALL_TICKET: secrets.ticket,
      SMALL_WATCHDOG: secrets.watchdog,
    };
  }

  /** The content of redisops.yaml. */
  config(sections: Sections = {}): Record<string, unknown> {
    const access = (name: (typeof redisNames)[number]) => ({
      topology: "standalone",
      address: `127.0.0.1:${this.redis[name].port}`,
      password: "${SMALL_REDIS}",
    });
    return {
      platform: "small",
      roles: {
        registry: access("registry"),
        dedup: { ...access("dedup"), filter },
        token_bucket: access("token_bucket"),
      },
      postgres: {
        address: `127.0.0.1:${this.postgres.port}`,
        database: "postgres",
        user: this.postgres.user,
        password: "${SMALL_POSTGRES}",
        tables: { sent_notifications: {}, pending_deliveries: {} },
      },
      providers: {
        twilio: {
          kind: "twilio",
          base_url: this.provider.url,
          accounts: {
            main: { limit_per_second: 1000, account_sid: accountSid, auth_token: "${SMALL_PROVIDER}" },
          },
        },
      },
      alerting: {
        receivers: {
          page: { webhook: "${SMALL_PAGE}" },
          ticket: { webhook: "${SMALL_TICKET}" },
          watchdog: { webhook: "${SMALL_WATCHDOG}" },
        },
      },
      state_dir: join(this.folder, "state"),
      ...sections,
    };
  }

  /** Writes a redisops.yaml; returns its path. */
  async configure(sections: Sections = {}): Promise<string> {
    const path = join(this.folder, `redisops-${++this.#configs}.yaml`);
    await writeFile(path, stringify(this.config(sections)));
    return path;
  }

  /** Starts the CLI; it ends with the platform at the latest. */
  start(words: readonly string[], env: Readonly<Record<string, string | undefined>> = {}): RedisopsChild {
    const child = new RedisopsChild(words, { ...this.env, ...env });
    this.#children.push(child);
    return child;
  }

  /** Runs the CLI to its end. */
  run(words: readonly string[], env: Readonly<Record<string, string | undefined>> = {}): Promise<Outcome> {
    return this.start(words, env).outcome;
  }

  /** Sets whether the provider lets requests through. */
  throttle(on: boolean): void {
    this.provider.setLimit(accountSid, on ? 0 : 1000);
  }

  /** Adds every sent id to the filter, as the workers would have. */
  async fillFilter(): Promise<void> {
    const database = new pg.Client(this.postgres.connection);
    await database.connect();
    const redis = new Redis({ port: this.redis.dedup.port, password: this.secrets.redis, protocol: 2 });
    try {
      const { rows } = await database.query<{ id: string }>("SELECT id FROM notifications");
      const layout = bitmapLayout({ capacity: filter.capacity, errorRate: filter.error_rate });
      await new BitmapFilter(redis, "dedup", filter.key, layout).add(rows.map(({ id }) => id));
    } finally {
      redis.disconnect();
      await database.end();
    }
  }

  async close(): Promise<void> {
    for (const child of this.#children.splice(0)) child.kill("SIGKILL");
    await this.workspace.close();
  }
}

/** Starts the platform's servers and fills them. */
export async function startSmallPlatform(): Promise<SmallPlatform> {
  const workspace = await createWorkspace("small");
  const word = () => randomBytes(12).toString("hex");
  const token = word();
  const password = word();
  const redis = (name: string) => startRedis(workspace, { name, config: [`requirepass ${password}`] });
  const [folder, postgres, provider, registry, dedup, tokenBucket] = await Promise.all([
    workspace.folder("redisops"),
    startPostgres(workspace),
    startProviderStandIn(workspace, {
      accounts: [{ provider: "twilio", sid: accountSid, authToken: token, perSecond: 1000 }],
    }),
    redis("registry"),
    redis("dedup"),
    redis("token_bucket"),
  ]);
  const webhook = (name: string) => `http://127.0.0.1:9/${name}/${word()}`;
  const platform = new SmallPlatform({
    workspace,
    folder,
    redis: { registry, dedup, token_bucket: tokenBucket },
    postgres,
    provider,
    secrets: {
      redis: password,
      postgres: postgres.password,
      provider: token,
      page: webhook("page"),
      ticket: webhook("ticket"),
      watchdog: webhook("watchdog"),
    },
  });
  const database = new pg.Client(postgres.connection);
  await database.connect();
  await database.query(schema).finally(() => database.end());
  await platform.fillFilter();
  return platform;
}
