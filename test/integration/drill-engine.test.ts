import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { inhibitRules } from "../../alerts/alertmanager.ts";
import { modes } from "../../catalog/modes.ts";
import { startAlertmanager } from "../../lab/servers/alertmanager.ts";
import { startLoopbackHttp } from "../../lab/servers/loopback-http.ts";
import { startPrometheus } from "../../lab/servers/prometheus.ts";
import { startWebhookReceiver } from "../../lab/servers/webhook-receiver.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import type { Drill } from "../../operations/drills/drill.ts";
import type { DrillResult } from "../../operations/drills/drill-result.ts";
import { runDrills } from "../../operations/drills/run-drills.ts";
import type { DrillTarget } from "../../operations/drills/target.ts";

// The engine on a real Prometheus and a real Alertmanager; what is measured is a page of switches, one for each alert.

let workspace: Workspace;
let target: DrillTarget;
const switches = new Map<string, boolean>();
const undone: string[] = [];
const counted = new Map<string, number>();
/** Messages that are lost in the lane of that role. */
const lost = new Map<string, number>();

const severities = {
  RegistryDown: "page",
  RedisDown: "ticket",
  BloomCold: "page",
  BloomSaturated: "page",
  PreferencesStale: "page",
} as const;
type AlertName = keyof typeof severities;
const alertNames = Object.keys(severities) as AlertName[];
const alertRoles: Record<AlertName, string> = {
  RegistryDown: "registry",
  RedisDown: "registry",
  BloomCold: "dedup",
  BloomSaturated: "dedup",
  PreferencesStale: "preferences",
};

/** A drill whose fault turns switches on: `lane`, then what is turned on. */
const drill = (modeIds: readonly string[], ...inject: readonly string[]): Drill => ({
  inject,
  modes: modeIds.flatMap((id) => modes.filter((mode) => mode.id === id)),
});
const laneOf = ({ inject }: Drill) => inject[0]?.split(" ")[0] ?? "";

function metrics(): string {
  const lines = alertNames.map((name) => `switch{alert="${name}"} ${switches.get(name) === true ? 1 : 0}`);
  if (switches.get("RegistryDown") === true) counted.set("registry", (counted.get("registry") ?? 0) + 5);
  lines.push(
    `redisops_decisions_degraded_total{role="registry",fallback="offline"} ${counted.get("registry") ?? 0}`,
  );
  return `${lines.join("\n")}\n`;
}

beforeAll(async () => {
  workspace = await createWorkspace("drill-engine");
  const page = await startLoopbackHttp(workspace, "switches", (_, response) => {
    response.writeHead(200, { "Content-Type": "text/plain" }).end(metrics());
  });
  const webhooks = await startWebhookReceiver(workspace);
  const folder = await workspace.folder("config");
  const file = async (name: string, content: object) => {
    await writeFile(join(folder, name), stringify(content));
    return join(folder, name);
  };
  const receiver = (name: string) => ({ name, webhook_configs: [{ url: `${webhooks.url}/${name}` }] });
  const alertmanager = await startAlertmanager(workspace, {
    configFile: await file("alertmanager.yml", {
      route: {
        receiver: "ticket",
        group_by: ["role"],
        group_wait: "1s",
        group_interval: "1s",
        routes: [{ matchers: ['severity="page"'], receiver: "page" }],
      },
      inhibit_rules: inhibitRules,
      receivers: [receiver("page"), receiver("ticket")],
    }),
  });
  const rules = alertNames.map((alert) => ({
    alert,
    expr: `switch{alert="${alert}"} == 1`,
    for: "1s",
    labels: { severity: severities[alert], role: alertRoles[alert] },
  }));
  const prometheus = await startPrometheus(workspace, {
    scrapeInterval: "1s",
    evaluationInterval: "1s",
    ruleFiles: [await file("rules.yml", { groups: [{ name: "switches", rules }] })],
    scrape: [{ job: "switches", targets: [`127.0.0.1:${page.port}`] }],
    alertmanager: alertmanager.address,
  });
  target = {
    name: "switches",
    prometheus: prometheus.url,
    alertmanager: alertmanager.url,
    thresholds: {},
    rateWindow: "5s",
    patience: ({ inject }) => (inject[0]?.includes("nothing") ? 3_000 : 60_000),
    versions: async () => ({ redisops: "test" }),
    faultsOf: ({ inject }) =>
      inject.map((words) => ({
        what: words,
        byHand: `turn ${words} off`,
        async cause() {
          const [, ...names] = words.split(" ");
          for (const name of names) switches.set(name, true);
          return {
            what: words,
            async undo() {
              for (const name of names) switches.set(name, false);
              undone.push(words);
            },
          };
        },
      })),
    laneOf,
    concerns: (own, { role }) => role === undefined || role === laneOf(own),
    books: async (own) => ({
      messagesLost: lost.get(laneOf(own)) ?? 0,
      outOfOrder: 0,
      unaccounted: 0,
      duplicates: 0,
      exposures: null,
    }),
    notifications: () =>
      webhooks.received.map(({ path, receivedAt, notification }) => ({
        receivedAt,
        receiver: path.slice(1),
        firing: notification.alerts.filter(({ status }) => status === "firing").map(({ labels }) => labels),
      })),
    run: async (command) => ({ code: command.includes("--execute") ? 1 : 2, output: `ran ${command}` }),
  };
});

afterAll(() => workspace?.close());

const journalFolder = () => join(workspace.dir, "journals");

test("a drill passes by what is seen, and fails by an alert that is missing, unexpected or not over, and by a command", async () => {
  const results = new Map<string, DrillResult>();
  const run = await runDrills(target, {
    drills: [
      drill(["RegistryDown", "RedisDown"], "registry RegistryDown RedisDown"),
      drill(["RateLimitStuckCounters"], "rate_limit nothing"),
      drill(["PreferencesStale"], "preferences PreferencesStale"),
      drill(["BloomSaturated"], "dedup BloomSaturated BloomCold"),
    ],
    seed: 3,
    journalFolder: journalFolder(),
    onResult: (result) => results.set(result.modes.join(), result),
  });

  const passed = results.get("RegistryDown,RedisDown");
  expect(passed?.problems).toEqual([]);
  expect(passed).toMatchObject({ passed: true, seed: 3, messagesLost: 0, duplicates: 0, exposures: null });
  expect(passed?.seconds.contain).toBeGreaterThan(0);
  expect(passed?.seconds.detect).toBeGreaterThan(0);
  expect(passed?.clocks).toContainEqual({ mode: "RegistryDown", catalogFor: 60, drillFor: 60 });
  expect(passed?.decisions.map(({ name }) => name)).toEqual(["registry: offline"]);
  const seen = new Map(passed?.alerts.map((alert) => [alert.alert, alert]));
  expect(seen.get("RegistryDown")?.notifiedAt).toBeGreaterThan(0);
  expect(seen.get("RegistryDown")?.spans.map(({ state }) => state)).toContain("firing");
  expect(seen.get("RedisDown")).toMatchObject({ expected: "required", inhibited: true });

  const missing = results.get("RateLimitStuckCounters");
  expect(missing?.problems).toEqual([
    "RateLimitStuckCounters: its alert does not fire after rate_limit nothing",
  ]);
  expect(missing?.alerts).toEqual([
    { alert: "RateLimitStuckCounters", labels: {}, expected: "required", spans: [] },
  ]);

  // Its remedy is a command, which fails here.
  expect(results.get("PreferencesStale")?.problems).toEqual([
    expect.stringContaining("PreferencesStale: `redisops recover preferences --execute` exits 1"),
    ...(results.get("PreferencesStale")?.problems.slice(1) ?? []),
  ]);
  expect(results.get("BloomSaturated")?.problems).toContainEqual(
    expect.stringMatching(/^BloomCold fired and is not expected \(.*role=dedup/),
  );
  expect(run).toMatchObject({ passed: false, interrupted: false, seed: 3 });
  expect([...switches.values()]).not.toContain(true);
});

test("an interrupted drill undoes its faults, says so in the journal, and no other begins", async () => {
  undone.length = 0;
  const interrupt = new AbortController();
  const run = await runDrills(target, {
    drills: [
      drill(["RegistryDown"], "registry nothing", "registry RegistryDown"),
      drill(["RegistryDown"], "registry RedisDown", "registry nothing"),
    ],
    seed: 1,
    journalFolder: journalFolder(),
    signal: interrupt.signal,
    onEvent: (_, { phase }) => {
      if (phase === "detect") interrupt.abort(new Error("Ctrl-C"));
    },
  });
  expect(run).toMatchObject({ interrupted: true, passed: false });
  expect(run.drills).toHaveLength(1);
  expect(run.drills[0]?.problems).toEqual(["interrupted during detect"]);
  expect(run.drills[0]?.events.at(-1)?.phase).toBe("rollback");
  // The youngest first.
  expect(undone).toEqual(run.drills[0]?.drill.split(", then ").toReversed());
  expect([...switches.values()]).not.toContain(true);

  const lines = readFileSync(run.journal, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { event: string; what?: string; byHand?: string });
  const of = (event: string) => lines.filter((line) => line.event === event);
  expect(of("fault").map(({ byHand }) => byHand)).toEqual(of("caused").map(({ what }) => `turn ${what} off`));
  expect(of("undone")).toHaveLength(2);
  expect(lines.at(-1)).toMatchObject({ event: "run_ended", passed: false });
  expect(readdirSync(journalFolder()).length).toBeGreaterThan(1);
});

test("a lost message fails a drill", async () => {
  const run = await runDrills(
    {
      ...target,
      patience: () => 3_000,
      faultsOf: () => [
        {
          what: "losing a message",
          byHand: "",
          cause: async () => {
            lost.set("rate_limit", 1);
            return { what: "lost", undo: async () => undefined };
          },
        },
      ],
    },
    { drills: [drill([], "rate_limit nothing")], seed: 1, journalFolder: journalFolder() },
  );
  expect(run.drills[0]?.problems).toEqual(["no steady state afterwards: 1 accepted messages are lost"]);
  expect(run.drills[0]?.messagesLost).toBe(1);
});
