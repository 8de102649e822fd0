import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { stringify } from "yaml";
import { ruleOptions } from "../../alerts/defaults.ts";
import { renderRules } from "../../alerts/rules.ts";
import { parseConfig } from "../../core/config/load.ts";
import { pendingDeliveriesDdl } from "../../core/pending-deliveries/table.ts";
import { instantQuery } from "../../core/prometheus.ts";
import { version } from "../../core/version.ts";
import { buildDashboards } from "../../dashboards/build.ts";
import { startAlertmanager } from "../../lab/servers/alertmanager.ts";
import { type GrafanaStandIn, startGrafanaStandIn } from "../../lab/servers/grafana-api-stand-in.ts";
import { startLoopbackHttp } from "../../lab/servers/loopback-http.ts";
import { type PgBouncerServer, startPgBouncer } from "../../lab/servers/pgbouncer.ts";
import { type PostgresServer, startPostgres } from "../../lab/servers/postgres.ts";
import { type PrometheusServer, startPrometheus } from "../../lab/servers/prometheus.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import type { CheckStatus } from "../../operations/doctor/check.ts";
import { type Diagnosis, diagnose } from "../../operations/doctor/doctor.ts";
import { documentedRules } from "../../operations/doctor/redis-rules.ts";
import { writeConfiguration } from "../fixtures/alertmanager.ts";

const secret = "doctor-distinctive-4be1";
const token = "glsa_doctor-distinctive";

let workspace: Workspace;
let redis: RedisServer;
let postgres: PostgresServer;
let bouncer: PgBouncerServer;
let prometheus: PrometheusServer;
let alertmanagerUrl: string;
let grafana: GrafanaStandIn;
let database: pg.Client;
let rulesFile: string;

/** What probing the roles of the configuration below takes. */
const probing = [
  "probing, every role",
  "probing, registry",
  "probing, sequence",
  "probing, CONFIG is judged (see below)",
  "probing, dedup with engine bitmap",
] as const;
const probingRules = [...new Set(probing.flatMap((row) => documentedRules[row].split(" ")))];

async function setUser(name: string, rules: readonly string[]): Promise<void> {
  await withRedis(redis.port, (client) =>
    client.call("ACL", "SETUSER", name, "reset", "on", `>${secret}`, ...rules),
  );
}

function sections(username = "redisops"): Record<string, unknown> {
  const role = {
    topology: "standalone",
    address: `127.0.0.1:${redis.port}`,
    username,
    password: "${DOCTOR_REDIS}",
  };
  return {
    platform: "examined",
    roles: {
      registry: role,
      sequence: role,
      dedup: { ...role, filter: { engine: "bitmap", key: "{dedup}", capacity: 1_000 } },
    },
    postgres: {
      address: `127.0.0.1:${postgres.port}`,
      database: "postgres",
      user: "redisops",
      password: "${DOCTOR_REDIS}",
      pgbouncer: { address: `127.0.0.1:${bouncer.port}`, user: "redisops", password: "${DOCTOR_REDIS}" },
      tables: { sent_notifications: {}, pending_deliveries: {}, messages: {} },
    },
    prometheus: { url: prometheus.url },
    alertmanager: { url: alertmanagerUrl },
    grafana: { url: grafana.url, token: "${DOCTOR_GRAFANA}" },
    state_dir: workspace.dir,
  };
}

/** Leaves out what a test of roles does not look at. */
const rolesAlone = {
  postgres: undefined,
  prometheus: undefined,
  alertmanager: undefined,
  grafana: undefined,
};

const rolesOf = (username: string) => ({
  ...rolesAlone,
  roles: (sections(username) as { roles: Record<string, object> }).roles,
});

let files = 0;
async function examined(change: Record<string, unknown> = {}, recoveries = false): Promise<Diagnosis> {
  const path = join(workspace.dir, `redisops-${++files}.yaml`);
  await writeFile(path, stringify({ ...sections(), ...change }));
  const found = await diagnose({ config: path, recoveries });
  expect(JSON.stringify(found)).not.toContain("distinctive");
  return found;
}

/** The checks that did not end well. */
const bad = ({ checks }: Diagnosis) =>
  checks.filter(({ status }) => status === "failed" || status === "warning");
const statusOf = ({ checks }: Diagnosis, id: string): CheckStatus | undefined =>
  checks.find((check) => check.id === id)?.status;

function check({ checks }: Diagnosis, id: string) {
  const found = checks.find((each) => each.id === id);
  if (found === undefined)
    throw new Error(`no check ${id} among ${checks.map((each) => each.id).join(", ")}`);
  return found;
}

async function writeRules(rules?: string): Promise<void> {
  const own = renderRules(ruleOptions(parseConfig(stringify(sections()), "test")));
  await writeFile(rulesFile, rules ?? own);
}

beforeAll(async () => {
  process.env.DOCTOR_REDIS = secret;
  process.env.DOCTOR_GRAFANA = token;
  workspace = await createWorkspace("doctor");
  rulesFile = join(workspace.dir, "redisops.rules.yml");
  const exporter = await startLoopbackHttp(workspace, "exporter", (_, response) => {
    response
      .writeHead(200, { "Content-Type": "text/plain; version=0.0.4" })
      .end(`redisops_build_info{version="${version}"} 1\n`);
  });
  const webhook = "http://127.0.0.1:9/distinctive";
  const configFile = await writeConfiguration(workspace, {
    page: { webhook },
    ticket: { webhook },
    watchdog: { webhook },
  });
  [redis, postgres, grafana] = await Promise.all([
    startRedis(workspace, { name: "redis", config: ["appendonly yes"] }),
    startPostgres(workspace),
    startGrafanaStandIn(workspace, { editor: token, viewer: "none" }),
  ]);
  database = new pg.Client(postgres.connection);
  await database.connect();
  await database.query(`
    CREATE ROLE redisops LOGIN PASSWORD '${secret}';
    CREATE TABLE notifications (id text PRIMARY KEY, sent_at timestamptz NOT NULL);
    CREATE INDEX ON notifications (sent_at);
    CREATE TABLE messages (conversation_id text, message_id text, created_at timestamptz NOT NULL);
    CREATE INDEX ON messages (created_at);
    CREATE INDEX ON messages (conversation_id, created_at);
    ${pendingDeliveriesDdl()}
    GRANT SELECT ON notifications, pending_deliveries, messages TO redisops;
    GRANT pg_monitor TO redisops;
    CREATE SCHEMA redisops AUTHORIZATION redisops;`);
  const alertmanager = await startAlertmanager(workspace, { configFile });
  alertmanagerUrl = alertmanager.url;
  [bouncer, prometheus] = await Promise.all([
    startPgBouncer(workspace, {
      postgres,
      users: { redisops: secret },
      settings: { stats_users: "redisops" },
    }),
    (async () => {
      const port = await workspace.port();
      prometheus = { url: `http://127.0.0.1:${port}` } as PrometheusServer;
      await writeFile(rulesFile, "groups: []\n");
      return startPrometheus(workspace, {
        port,
        scrapeInterval: "1s",
        evaluationInterval: "1s",
        ruleFiles: [rulesFile],
        scrape: [{ job: "redisops", targets: [new URL(exporter.url).host] }],
        alertmanager: alertmanager.address,
        flags: ["--web.enable-lifecycle"],
      });
    })(),
  ]);
  for (const { json } of buildDashboards({
    thresholds: {},
    runbookBaseUrl: parseConfig(stringify(sections()), "").alerting.runbook_base_url,
  })) {
    grafana.state.keep({ ...json });
  }
  await writeRules();
  await reload();
});

afterAll(async () => {
  await database?.end();
  await workspace?.close();
});

beforeEach(() => setUser("redisops", probingRules));

async function reload(): Promise<void> {
  const response = await fetch(`${prometheus.url}/-/reload`, { method: "POST" });
  expect(response.ok).toBe(true);
}

test("a platform that is set up by the documents is healthy, whole", async () => {
  await waitUntil(async () => (await instantQuery(prometheus.url, "redisops_build_info", 5_000)).length > 0, {
    what: "the exporter to be scraped",
    deadlineMs: 60_000,
  });
  const found = await examined();
  expect(bad(found)).toEqual([]);
  expect(found.healthy).toBe(true);
  const ids = found.checks.map(({ id }) => id);
  expect(ids).toEqual([...new Set(ids)]);
  expect(ids).toEqual(
    expect.arrayContaining(["redis.dedup.acl", "postgres.table.messages", "prometheus.rules"]),
  );
});

test("each command that probing takes and the user lacks is named, with the command that grants it", async () => {
  const lacking = ["+pttl", "+config|get", "+bitfield_ro", "+incr", "+info"];
  await setUser(
    "narrow",
    probingRules.filter((rule) => !lacking.includes(rule)),
  );
  const narrow = rolesOf("narrow");
  const found = await examined(narrow);
  // Without INFO nothing can be asked of a server.
  expect(check(found, "redis.registry.reach").status).toBe("failed");
  await setUser(
    "narrow",
    probingRules.filter((rule) => rule === "+info" || !lacking.includes(rule)),
  );
  const second = await examined(narrow);
  expect(check(second, "redis.registry.acl")).toMatchObject({
    status: "failed",
    fix: "ACL SETUSER narrow +pttl",
  });
  expect(check(second, "redis.sequence.acl")).toMatchObject({
    status: "failed",
    fix: "ACL SETUSER narrow +incr +config|get",
  });
  expect(check(second, "redis.dedup.acl").fix).toBe("ACL SETUSER narrow +bitfield_ro");
  for (const { id, fix } of second.checks.filter((each) => each.id.endsWith(".acl"))) {
    if (fix === undefined) throw new Error(`${id} has no fix`);
    await withRedis(redis.port, (client) => {
      const [command = "", ...words] = fix.split(" ");
      return client.call(command, ...words);
    });
  }
  expect(bad(await examined(narrow))).toEqual([]);
});

test("keys that may not be touched are told apart from commands, and nothing is left behind", async () => {
  await setUser(
    "keyless",
    probingRules.map((rule) => (rule.startsWith("%R") ? "%R~conn:*" : rule)),
  );
  const found = await examined(rolesOf("keyless"));
  expect(statusOf(found, "redis.registry.acl")).toBe("ok");
  expect(check(found, "redis.sequence.acl")).toMatchObject({
    status: "failed",
    found: expect.stringContaining("may not touch the keys"),
    fix: "ACL SETUSER keyless %R~* ~redisops:*",
  });
  const left = await withRedis(redis.port, (client) => client.keys("*"));
  expect(left.filter((key) => !key.startsWith("redisops:"))).toEqual([]);
});

test("rights beyond what is needed are a warning, with a user that has no more", async () => {
  await setUser("almighty", ["~*", "+@all"]);
  const found = await examined(rolesOf("almighty"));
  const rights = check(found, "redis.dedup.rights");
  expect(rights.status).toBe("warning");
  expect(rights.found).toContain("FLUSHALL, SHUTDOWN, CONFIG SET");
  const [command = ""] = rights.fix?.split("\n") ?? [];
  await withRedis(redis.port, (client) =>
    client.call(...(command.replace("PASSWORD", secret).split(" ") as [string])),
  );
  const after = await examined(rolesOf("almighty"));
  expect(bad(after)).toEqual([]);
  expect(check(after, "redis.dedup.rights").found).toContain("may not even ask");
});

test("with --recoveries what the recoveries need is checked too, and their documented rules are enough", async () => {
  const recovering = [
    "recover registry",
    "recover pending, on the registry",
    "recover sequence",
    "recover bloom, engine bitmap",
  ] as const;
  const found = await examined({}, true);
  expect(check(found, "redis.dedup.acl.bloom").found).toMatch(/may not .*rename.*recover bloom/);
  expect(check(found, "postgres.table.pending_deliveries").fix).toBe(
    "GRANT INSERT, UPDATE, DELETE ON pending_deliveries TO redisops;",
  );
  await setUser("recovering", [
    ...new Set([...probingRules, ...recovering.flatMap((row) => documentedRules[row].split(" "))]),
  ]);
  await database.query("GRANT INSERT, UPDATE, DELETE ON pending_deliveries TO redisops");
  const after = await examined({ roles: (sections("recovering") as { roles: object }).roles }, true);
  expect(bad(after)).toEqual([]);
  expect(after.checks.map(({ id }) => id)).toEqual(expect.arrayContaining(["redis.registry.acl.pending"]));
  await database.query("REVOKE INSERT, UPDATE, DELETE ON pending_deliveries FROM redisops");
});

test("a server that is gone, one that hangs and a wrong password are told, and the rest is checked all the same", async () => {
  const closed = `127.0.0.1:${await workspace.port()}`;
  const hung = await startRedis(workspace, { name: "hung" });
  hung.pause();
  const own = (sections() as { roles: Record<string, object> }).roles;
  process.env.DOCTOR_WRONG = "wrong";
  const found = await examined({
    roles: {
      ...own,
      registry: { ...own.registry, address: closed },
      preferences: { ...own.registry, address: `127.0.0.1:${hung.port}` },
      sequence: { ...own.sequence, password: "${DOCTOR_WRONG}" },
    },
    postgres: { address: closed, database: "postgres", user: "redisops" },
    prometheus: { url: `http://${closed}` },
    alertmanager: { url: `http://${closed}` },
    grafana: { url: `http://${closed}`, token: "${DOCTOR_GRAFANA}" },
  });
  await hung.kill();
  const failed = new Map(
    found.checks.filter(({ status }) => status === "failed").map((each) => [each.id, each]),
  );
  expect([...failed.keys()].sort()).toEqual(
    [
      "alertmanager.reach",
      "grafana.boards",
      "postgres.reach",
      "prometheus.reach",
      "redis.preferences.reach",
      "redis.registry.reach",
      "redis.sequence.reach",
    ].sort(),
  );
  expect(failed.get("redis.preferences.reach")?.found).toContain("did not answer");
  expect(failed.get("redis.sequence.reach")?.fix).toContain("docs/security.md");
  expect(statusOf(found, "redis.dedup.acl")).toBe("ok");
});

test("missing grants, columns, tables and indexes come with the statements that mend them", async () => {
  await database.query(`
    REVOKE SELECT ON notifications FROM redisops;
    DROP INDEX messages_created_at_idx;
    REVOKE pg_monitor FROM redisops;
    ALTER SCHEMA redisops OWNER TO postgres`);
  const tables = {
    sent_notifications: {},
    messages: {},
    pending_deliveries: { user_column: "recipient" },
    sends: {},
  };
  const { postgres: section } = sections() as { postgres: object };
  const found = await examined({ postgres: { ...section, tables } });
  expect(check(found, "postgres.table.notifications").fix).toBe("GRANT SELECT ON notifications TO redisops;");
  expect(check(found, "postgres.table.messages")).toMatchObject({
    status: "warning",
    fix: "CREATE INDEX CONCURRENTLY ON messages (created_at);",
  });
  expect(check(found, "postgres.table.pending_deliveries").found).toContain("no column recipient");
  expect(check(found, "postgres.table.sends").found).toContain("no table sends");
  expect(check(found, "postgres.monitor").fix).toBe("GRANT pg_monitor TO redisops;");
  expect(check(found, "postgres.runs")).toMatchObject({
    status: "warning",
    found: expect.stringContaining("may not create"),
  });
  await database.query(`
    ALTER SCHEMA redisops OWNER TO redisops;
    ${check(found, "postgres.table.notifications").fix}
    ${check(found, "postgres.monitor").fix}`);
  await database.query(check(found, "postgres.table.messages").fix ?? "");
  expect(bad(await examined())).toEqual([]);
});

test("rules that are missing, changed or of another configuration are named", async () => {
  const rules = renderRules(ruleOptions(parseConfig(stringify(sections()), "test")));
  const changed = rules
    .replace("alert: RegistryDown", "alert: RegistryElsewhere")
    .replace(/(alert: RedisHung\n\s+expr: )/, "$11 + ")
    .replace(/(alert: BloomCold\n[\s\S]*?for: )\S+/, "$17h");
  await writeRules(changed);
  await reload();
  const found = check(await examined(), "prometheus.rules");
  expect(found.status).toBe("failed");
  expect(found.found).toContain("not loaded: RegistryDown page");
  expect(found.found).toContain("RedisHung");
  expect(found.found).toMatch(/BloomCold page \(for\)/);
  expect(found.found).toContain("not generated by this version: RegistryElsewhere page");
  const other = check(
    await examined({ alerting: { runbook_base_url: "https://other.example" } }),
    "prometheus.rules",
  );
  expect(other.found).toContain("(annotations)");
  await writeRules("groups: []\n");
  await reload();
  const none = await examined();
  expect(check(none, "prometheus.rules").found).toBe("none of the rules is loaded");
  await writeRules();
  await reload();
  const thresholds = { BloomCold: { absent_ratio: 0.2 } };
  expect(check(await examined({ thresholds }), "prometheus.rules").found).toMatch(/BloomCold page \(expr\)/);
});

test("boards that are missing or were changed by hand are named", async () => {
  grafana.state.boards.delete("redisops-registry");
  const found = await examined({
    roles: {},
    postgres: undefined,
    thresholds: { BloomCold: { absent_ratio: 0.2 } },
  });
  const boards = check(found, "grafana.boards");
  expect(boards.status).toBe("failed");
  expect(boards.found).toContain("not there: redisops-registry");
  expect(boards.found).toContain("of another version or configuration: ");
  expect(boards.fix).toContain("redisops dashboards push");
});
