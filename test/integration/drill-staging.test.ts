import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { ruleOptions } from "../../alerts/defaults.ts";
import { renderRules } from "../../alerts/rules.ts";
import { modes } from "../../catalog/modes.ts";
import { parseConfig } from "../../core/config/load.ts";
import type { Config } from "../../core/config/schema.ts";
import { RateLimiter } from "../../fallbacks/rate-limit/rate-limiter.ts";
import { startGrafanaStandIn } from "../../lab/servers/grafana-api-stand-in.ts";
import { startPrometheus } from "../../lab/servers/prometheus.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { announceDrill } from "../../operations/drills/announce-drill.ts";
import type { DrillEvent, DrillRunResult } from "../../operations/drills/drill-result.ts";
import { runDrills } from "../../operations/drills/run-drills.ts";
import { holdConnections } from "../../operations/drills/staging/hold-connections.ts";
import { pauseServers } from "../../operations/drills/staging/pause-servers.ts";
import { openStagingTarget } from "../../operations/drills/staging/staging-target.ts";
import { patience } from "../fixtures/processes.ts";
import { type Database, startDatabase } from "./exporter-database.ts";
import { secretFile, startExporter } from "./exporter-harness.ts";

let workspace: Workspace;
let redis: RedisServer;
let parts: Readonly<Record<string, unknown>>;
let config: Config;

/** An app server: it counts messages with the library, and tells what it decided. */
async function startApp(address: string): Promise<string> {
  const metrics = new Registry();
  const limiter = new RateLimiter({ topology: "standalone", address }, { metrics });
  const server = createServer((_request, response) => {
    void metrics.metrics().then((text) => response.end(text));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const traffic = setInterval(() => void limiter.check("ada"), 50);
  workspace.register({
    name: "app",
    async stop() {
      clearInterval(traffic);
      limiter.close();
      server.close();
    },
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

beforeAll(async () => {
  workspace = await createWorkspace("staging");
  redis = await startRedis(workspace, { name: "redis" });
  const address = `127.0.0.1:${redis.port}`;
  parts = {
    platform: "staging",
    roles: { rate_limit: { topology: "standalone", address, contract: { eviction: "noeviction" } } },
    thresholds: {
      RedisHung: { for: "2s" },
      RateLimitFailOpen: { for: "2s", window: "5s" },
      RoleContractViolated: { for: "2s" },
    },
    exporter: { probe_timeout: "500ms" },
  };
  const [app, exporter, folder] = await Promise.all([
    startApp(address),
    startExporter(workspace, parts),
    workspace.folder("rules"),
  ]);
  const rules = join(folder, "redisops.rules.yml");
  await writeFile(rules, renderRules(ruleOptions(parseConfig(stringify(parts), "staging.yaml"))));
  const prometheus = await startPrometheus(workspace, {
    ...{ scrapeInterval: "1s", evaluationInterval: "1s", ruleFiles: [rules] },
    scrape: [
      { job: "redisops", targets: [new URL(exporter.url).host] },
      { job: "apps", targets: [app] },
    ],
  });
  config = parseConfig(stringify({ ...parts, prometheus: { url: prometheus.url } }), "staging.yaml");
}, 2 * patience);

afterAll(() => workspace.close());

const open = (given: Config = config, confirm: { confirm?: string } = { confirm: "staging" }) =>
  openStagingTarget(given, { confirm: confirm.confirm, onProblem: () => undefined });
const policy = () =>
  withRedis(redis.port, async (client) => ((await client.config("GET", "maxmemory-policy")) as string[])[1]);
const ping = () =>
  withRedis(redis.port, (client) => client.ping(), { deadlineMs: 400 }).catch(() => "no answer");
const mode = (id: string) => modes.filter((each) => each.id === id);

async function drill(
  id: string,
  options: { signal?: AbortSignal; onEvent?: (event: DrillEvent) => void } = {},
): Promise<DrillRunResult> {
  const target = await open();
  return runDrills(target, {
    drills: target.drills.filter((each) => each.modes.some((own) => own.id === id)),
    seed: 1,
    journalFolder: await workspace.folder("journal"),
    signal: options.signal,
    onEvent: (_, event) => options.onEvent?.(event),
  });
}

interface Line {
  readonly event: string;
  readonly byHand?: string;
}

const journal = ({ journal: path }: DrillRunResult) =>
  readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);

describe("a drill on a staging platform", { timeout: 4 * patience }, () => {
  it("is refused without a confirmation that names the platform, and without a Prometheus", async () => {
    await expect(open(config, {})).rejects.toMatchObject({ code: "NOT_CONFIRMED", exitCode: 4 });
    await expect(open(config, { confirm: "production" })).rejects.toThrow("“production” is another one");
    const blind = parseConfig(stringify(parts), "staging.yaml");
    await expect(open(blind)).rejects.toMatchObject({ code: "CONFIG_INCOMPLETE" });
  });

  it("is refused where the fault has no undo, naming it", async () => {
    const target = await open();
    const [down] = mode("RedisDown");
    const [hung] = mode("RedisHung");
    if (down === undefined || hung === undefined) throw new Error("no such mode");
    expect(target.refusal(down)).toMatchObject({
      code: "DRILL_REFUSED",
      message: expect.stringContaining("kill --role registry"),
    });
    expect(target.refusal(hung)).toBeUndefined();
    // Whatever a remedy would run is not run on somebody's platform.
    const remedies = target.drills.flatMap((each) => each.modes.map(({ remedy }) => remedy.kind));
    expect(new Set(remedies)).toEqual(new Set(["none"]));
  });

  it("pauses the servers until the alerts fire, sees the fallback decide, and lets them answer again", async () => {
    let during: string | undefined;
    const run = await drill("RedisHung", {
      onEvent: ({ phase }) => {
        if (phase === "fault")
          void ping().then((answer) => {
            during = answer;
          });
      },
    });
    expect(run.drills.flatMap(({ problems }) => problems)).toEqual([]);
    expect(run.passed).toBe(true);
    const [result] = run.drills;
    expect(result?.modes.toSorted()).toEqual(["RateLimitFailOpen", "RedisHung"]);
    expect(result?.seconds.detect).toBeGreaterThan(0);
    expect(result?.decisions.map(({ name }) => name)).toContain("rate_limit: fail_open");
    expect(during).toBe("no answer");
    expect(await ping()).toBe("PONG");
  });

  it("writes down the setting that it replaces, and gives it back also when it is interrupted", async () => {
    const interrupt = new AbortController();
    let during: string | undefined;
    const run = await drill("RoleContractViolated", {
      signal: interrupt.signal,
      onEvent: ({ phase }) => {
        if (phase !== "detect" || during !== undefined) return;
        during = "asked";
        void policy().then((found) => {
          during = found;
          interrupt.abort(new Error("interrupted"));
        });
      },
    });
    expect(during).toBe("volatile-ttl");
    expect(run).toMatchObject({ interrupted: true, passed: false });
    expect(await policy()).toBe("noeviction");
    const lines = journal(run);
    expect(lines.find(({ event }) => event === "fault")?.byHand).toBe(
      `redis-cli -h 127.0.0.1 -p ${redis.port} CONFIG SET maxmemory-policy noeviction`,
    );
    expect(lines.map(({ event }) => event)).toContain("undone");
  });

  it("leaves alone a setting that somebody else has changed meanwhile", async () => {
    const target = await open();
    const [own] = target.drills.filter(({ modes: each }) =>
      each.some(({ id }) => id === "RoleContractViolated"),
    );
    if (own === undefined) throw new Error("no such drill");
    const [fault] = target.faultsOf(own);
    const held = await fault?.cause();
    await withRedis(redis.port, (client) => client.config("SET", "maxmemory-policy", "allkeys-lru"));
    await held?.undo();
    expect(await policy()).toBe("allkeys-lru");
    await expect(fault?.cause()).rejects.toMatchObject({ code: "DRILL_REFUSED" });
    await withRedis(redis.port, (client) => client.config("SET", "maxmemory-policy", "noeviction"));
  });
});

describe("a pause", { timeout: patience }, () => {
  const connection = () => ({ topology: "standalone", address: `127.0.0.1:${redis.port}` }) as const;

  it("does not begin anywhere when one of the servers cannot be paused", async () => {
    const gone = `127.0.0.1:${await workspace.port()}`;
    const { address } = connection();
    await expect(pauseServers("rate_limit", connection(), [address, gone])).rejects.toMatchObject({
      code: "REDIS_REFUSED",
    });
    await waitUntil(async () => (await ping()) === "PONG", { what: "an answer", deadlineMs: patience });
  });

  it("ends by itself when redisops is killed", async () => {
    const code = `
      const { pauseServers } = await import(${JSON.stringify(join(import.meta.dirname, "../../operations/drills/staging/pause-servers.ts"))});
      await pauseServers("rate_limit", ${JSON.stringify(connection())}, [${JSON.stringify(connection().address)}]);
      process.stdout.write("paused");
      setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    expect(await ping()).toBe("no answer");
    child.kill("SIGKILL");
    await waitUntil(async () => (await ping()) === "PONG", { what: "an answer", deadlineMs: patience });
  });
});

describe("Postgres of the platform", { timeout: 2 * patience }, () => {
  let database: Database;
  const withSections = (sections: object): Config =>
    parseConfig(stringify({ ...parts, ...sections }), "staging.yaml");

  beforeAll(async () => {
    database = await startDatabase(workspace, { maxConnections: 20 });
  }, patience);

  it("has its connections held until the alert’s share is in use, and gets them back", async () => {
    const { postgres } = withSections({ postgres: database.section() });
    if (postgres === undefined) throw new Error("no postgres");
    const sessions = async () => {
      const query = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'redisops drill'";
      return (await database.admin.query(query)).rows;
    };
    const noneIsLeft = () =>
      waitUntil(async () => (await sessions()).length === 0, { what: "no session", deadlineMs: patience });
    const held = await holdConnections(postgres, 0.6);
    // 17 of the 20 are open to ordinary users, and the test's own connection counts.
    expect((await sessions()).length).toBeGreaterThan(8);
    await held.undo();
    await noneIsLeft();
    await expect(holdConnections(postgres, 0.95)).rejects.toMatchObject({ code: "DRILL_REFUSED" });
    await noneIsLeft();
  });

  it("has a row for each mode that is drilled, and Grafana a mark", async () => {
    const grafana = await startGrafanaStandIn(workspace, { editor: "edits", viewer: "views" });
    const token = await secretFile(workspace, "edits");
    const announced = withSections({
      postgres: database.section(),
      grafana: { url: grafana.url, token },
    });
    const own = {
      inject: ["pause --role rate_limit"],
      modes: [...mode("RedisHung"), ...mode("RateLimitFailOpen")],
    };
    const rows = async () => {
      const query = "SELECT name, role, state FROM redisops_runs WHERE kind = 'drill' ORDER BY name";
      return (await database.admin.query(query)).rows;
    };
    const problems: string[] = [];
    const end = await announceDrill(announced, own, (problem) => problems.push(problem));
    expect(await rows()).toEqual([
      { name: "RateLimitFailOpen", role: "rate_limit", state: "running" },
      { name: "RedisHung", role: "rate_limit", state: "running" },
    ]);
    await end("failed");
    expect((await rows()).map(({ state }) => state)).toEqual(["failed", "failed"]);
    expect([...grafana.state.annotations.values()]).toMatchObject([
      {
        text: "drill RedisHung, RateLimitFailOpen: pause --role rate_limit: failed",
        tags: ["redisops", "drill", "platform:staging", "mode:RedisHung", "mode:RateLimitFailOpen"],
      },
    ]);
    expect(problems).toEqual([]);
  });

  it("is not needed for a drill: what others cannot see is told once", async () => {
    const problems: string[] = [];
    const gone = { ...database.section(), address: `127.0.0.1:${await workspace.port()}` };
    const own = { inject: ["x"], modes: [...mode("RedisHung"), ...mode("RegistryDown")] };
    const end = await announceDrill(withSections({ postgres: gone }), own, (problem) =>
      problems.push(problem),
    );
    await end("succeeded");
    expect(problems).toEqual([expect.stringContaining("others cannot see this run")]);
  });
});
