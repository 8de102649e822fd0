import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { stringify } from "yaml";
import { ruleOptions } from "../../alerts/defaults.ts";
import { renderRules } from "../../alerts/rules.ts";
import { loadConfig } from "../../core/config/load.ts";
import { activeAlerts } from "../../core/prometheus.ts";
import { createRunTables, runTables } from "../../core/recovery-runs/run-tables.ts";
import { ExporterServer } from "../../exporters/server.ts";
import { startAlertmanager } from "../../lab/servers/alertmanager.ts";
import { startLoopbackHttp } from "../../lab/servers/loopback-http.ts";
import { type PrometheusServer, startPrometheus } from "../../lab/servers/prometheus.ts";
import { waitUntil } from "../../lab/wait.ts";
import { documentOf } from "../../operations/json-output/documents.ts";
import type { Answer, Execution } from "../../operations/oncall/answer.ts";
import { OncallReceiver } from "../../operations/oncall/receiver.ts";
import { patience } from "../fixtures/processes.ts";
import { type RecoverPlatform, startRecoverPlatform } from "../fixtures/recover-platform.ts";
import { notified, payload } from "../unit/oncall/payload.ts";

const token = "on-call-hunter2";

let platform: RecoverPlatform;
let exporter: ExporterServer;
let prometheus: PrometheusServer;
let receiver: OncallReceiver | undefined;
let said: (Answer | Execution)[] = [];
/** Where Alertmanager posts to. */
let alertmanagerTarget: string;

const executions = () => said.filter((each) => each.kind === "execution");

/** redisops.yaml with what on-call needs. */
const configure = (oncall: Record<string, unknown> = {}, more: Record<string, unknown> = {}) =>
  platform.configure({
    sections: {
      prometheus: { url: prometheus?.url ?? "http://127.0.0.1:9" },
      oncall: { token: "${TEST_ONCALL_TOKEN}", execute: ["bloom"], retry: "1s", ...oncall },
      thresholds: { BloomCold: { for: "1s", min_canaries: 20 } },
      exporter: { probe_timeout: "5s" },
      ...more,
    },
  });

async function listen(config: string, address = "http://127.0.0.1:0"): Promise<string> {
  said = [];
  receiver = new OncallReceiver(loadConfig(config), {
    onSaid: (each) => said.push(each),
    onWarning: () => undefined,
  });
  return receiver.listen(new URL(address).host);
}

const fires = async () =>
  (await activeAlerts(prometheus.url, 5_000)).some(
    ({ labels, state }) => labels.alertname === "BloomCold" && state === "firing",
  );

const post = (url: string, alerts: readonly unknown[]) =>
  fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
    body: JSON.stringify(payload(alerts)),
  });

/** Every key but those of the exporter's own probes. */
async function filterKeys() {
  const keys = Object.entries(await platform.keys());
  return Object.fromEntries(keys.filter(([key]) => !key.startsWith("redisops:")));
}

const cold = notified({ alertname: "BloomCold", role: "dedup", platform: "test" });
const deadline = { deadlineMs: patience };

beforeAll(async () => {
  platform = await startRecoverPlatform();
  for (const [name, value] of Object.entries({ ...platform.env, TEST_ONCALL_TOKEN: token }))
    vi.stubEnv(name, value);
  await createRunTables(platform.admin, runTables({ tables: {} }));
  const config = await configure();
  const rules = join(platform.folder, "rules.yml");
  await writeFile(rules, renderRules(ruleOptions(loadConfig(config))));
  exporter = new ExporterServer({ load: () => loadConfig(config), logger: pino({ level: "silent" }) });
  const port = await platform.workspace.port();
  await exporter.listen(`127.0.0.1:${port}`);
  const alertmanagerPort = await platform.workspace.port();
  prometheus = await startPrometheus(platform.workspace, {
    scrapeInterval: "1s",
    evaluationInterval: "1s",
    ruleFiles: [rules],
    scrape: [{ job: "redisops", targets: [`127.0.0.1:${port}`] }],
    alertmanager: `127.0.0.1:${alertmanagerPort}`,
  });
  const url = `http://127.0.0.1:${await platform.workspace.port()}`;
  const configFile = join(platform.folder, "alertmanager.yml");
  await writeFile(
    configFile,
    stringify({
      route: { receiver: "oncall", group_by: ["role"], group_wait: "0s", group_interval: "1s" },
      receivers: [
        {
          name: "oncall",
          webhook_configs: [{ url, http_config: { authorization: { credentials: token } } }],
        },
      ],
    }),
  );
  await startAlertmanager(platform.workspace, { configFile, port: alertmanagerPort });
  alertmanagerTarget = url;
}, patience);

afterEach(async () => {
  await receiver?.close();
  receiver = undefined;
  for (const each of said) documentOf(["oncall", "--listen"])?.schema.parse(each);
});

afterAll(async () => {
  await exporter?.close();
  await platform?.close();
  vi.unstubAllEnvs();
});

describe("redisops oncall", { timeout: 3 * patience }, () => {
  let ids: string[];

  it("answers an alert with what holds and the plan, and changes nothing", async () => {
    ids = await platform.send(500);
    await platform.describeFilter();
    await waitUntil(fires, { what: "BloomCold to fire", ...deadline });
    const file = join(platform.folder, "alert.json");
    await writeFile(file, JSON.stringify(payload([cold, notified({ alertname: "Other" })])));
    const before = await filterKeys();
    const config = await configure();
    const run = (...words: string[]) =>
      platform.start(["oncall", file, "--config", config, ...words]).outcome;
    // On a machine with much to do a probe may miss its deadline, and the answer then says so.
    const answered = async (word: string, ...words: string[]) =>
      waitUntil(
        async () => {
          const outcome = await run(...words);
          return outcome.stdout.includes(word) ? outcome : undefined;
        },
        { what: `an answer that says ${word}`, ...deadline },
      );
    const text = await answered(" holds, sa");
    const json = await answered('"verdict": "holds"', "--json");
    expect(text).toMatchObject({ code: 0, stderr: "" });
    expect(text.stdout).toMatch(/^BloomCold \(page, dedup\) firing: Deduplication filter forgot/m);
    expect(text.stdout).toMatch(/^ {2}now +holds, says? (?:the probes|Prometheus)$/m);
    expect(text.stdout).toMatch(/^ {2}plan +recover bloom on /m);
    expect(text.stdout).toMatch(/^ {2}next +redisops recover bloom --execute$/m);
    expect(text.stdout).toContain("1 alert of which redisops knows nothing (Other)");
    expect(JSON.parse(json.stdout)).toMatchObject({
      kind: "answer",
      platform: "test",
      alerts: [{ alert: "BloomCold", verdict: "holds", plan: { recovery: "bloom", status: "planned" } }],
      unknown: ["Other"],
      skipped: 1,
    });
    expect(await filterKeys()).toEqual(before);
  });

  it("is told by a real Alertmanager, carries out what redisops.yaml names, and hears that it is over", async () => {
    const url = await listen(await configure(), alertmanagerTarget);
    expect(url).toBe(alertmanagerTarget);
    await waitUntil(() => executions().length > 0, { what: "an execution", ...deadline });
    const [execution] = executions();
    expect(execution).toMatchObject({ recovery: "bloom", alert: "BloomCold", outcome: "done" });
    expect(await platform.lacking(ids)).toEqual([]);
    const journal = join(platform.folder, "state", "runs", `${execution?.run}.jsonl`);
    expect(await readFile(journal, "utf8")).toMatch(/"event":"verified","holds":true/);
    const over = () => said.some((each) => each.kind === "answer" && each.status === "resolved");
    await waitUntil(over, { what: "the alert to be resolved", ...deadline });
  });

  it("does not believe a notification that Prometheus knows nothing of", async () => {
    const url = await listen(await configure({ cooldown: "1s" }));
    expect((await post(url, [cold])).status).toBe(202);
    await waitUntil(() => said.length > 0, { what: "an answer", ...deadline });
    expect(said[0]).toMatchObject({ alerts: [{ alert: "BloomCold", verdict: "does not hold", plan: null }] });
    // Cold by now, and not yet an alert: the notification alone would have it rebuilt.
    await prometheus.kill();
    await platform.redis.flushall();
    await platform.describeFilter();
    const cut = await filterKeys();
    expect((await post(url, [{ ...cold, startsAt: "2026-11-21T10:00:00Z" }])).status).toBe(202);
    await waitUntil(() => executions().length > 0, { what: "what became of it", ...deadline });
    expect(executions()[0]).toMatchObject({
      outcome: "waiting",
      because: expect.stringMatching(/Prometheus does not say/),
    });
    expect(Object.keys(cut)).toEqual(["{dedup:sent}:meta"]);
    expect(await filterKeys()).toEqual(cut);
  });

  it("does not do it again so soon, whoever did it", async () => {
    await prometheus.restart();
    await waitUntil(fires, { what: "BloomCold to fire again", ...deadline });
    const url = await listen(await configure());
    const cut = await filterKeys();
    // A scrape that came late may end the alert for a moment.
    const held = async () => {
      await post(url, [{ ...cold, startsAt: new Date().toISOString() }]);
      return executions().find(({ because }) => because.includes("oncall.cooldown is 30m"));
    };
    const execution = await waitUntil(held, { what: "the pause between runs", ...deadline });
    expect(execution).toMatchObject({ outcome: "waiting", run: null });
    expect(await filterKeys()).toEqual(cut);
  });

  it("is a process that prints a line of JSON for each answer, posts it, and ends on SIGTERM", async () => {
    const slack = await startLoopbackHttp(platform.workspace, "slack", (request, response) => {
      request.resume().on("end", () => response.writeHead(404).end());
    });
    const config = await configure({ answers: { slack: "${TEST_SLACK_URL}" } });
    const port = await platform.workspace.port();
    const secrets = { TEST_ONCALL_TOKEN: token, TEST_SLACK_URL: `${slack.url}/s3cret-path` };
    const child = platform.start(["oncall", "--listen", `127.0.0.1:${port}`, "--config", config], secrets);
    await child.says("carries out by itself: bloom");
    const over = { ...cold, status: "resolved" };
    expect((await post(`http://127.0.0.1:${port}`, [over])).status).toBe(202);
    await child.says("the answer did not reach oncall.answers.slack: status 404");
    child.kill("SIGTERM");
    const { code, stdout, stderr } = await child.outcome;
    expect(code).toBe(0);
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([
      expect.objectContaining({
        kind: "answer",
        alerts: [expect.objectContaining({ verdict: "not looked" })],
      }),
    ]);
    expect(`${stdout}${stderr}`).not.toMatch(/hunter2|s3cret/);
  });
});
