import { spawn } from "node:child_process";
import { once } from "node:events";
import { styleText } from "node:util";
import { modes } from "../../catalog/modes.ts";
import { loadConfig } from "../../core/config/load.ts";
import { redisopsCommand } from "../checkout.ts";
import { waitUntil } from "../wait.ts";
import type { Workspace } from "../workspace.ts";
import { demoInterval } from "./demo-config.ts";
import { loadNotifications } from "./load-notifications.ts";
import { alertGone, alertInState, exported, notified, routedAlert } from "./observe.ts";
import { type DemoPlatform, startPlatform } from "./platform.ts";

/** Sent notifications that the demo loads. */
const sentIds = 500_000;

const say = (line: string) => process.stdout.write(`${line}\n`);
const chapter = (line: string) => say(`\n${styleText("bold", line, { stream: process.stdout })}`);
const secondsSince = (moment: number) => ((performance.now() - moment) / 1000).toFixed(1);
const count = (value: number) => value.toLocaleString("en-US");

/** Runs redisops for the reader to see. Returns its exit code. */
async function redisops(platform: DemoPlatform, ...words: string[]): Promise<number> {
  const [program, ...leading] = redisopsCommand;
  say(`$ redisops ${words.join(" ")}`);
  const child = spawn(program, [...leading, ...words, "--config", platform.configFile], {
    env: platform.env,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const [code] = (await once(child, "exit")) as [number | null];
  say(`(exit code ${code})`);
  return code ?? -1;
}

function expectExit(actual: number, expected: number, command: string): void {
  if (actual !== expected) throw new Error(`${command} exited with ${actual}, expected ${expected}`);
}

/** Follows an alert from the fault to the page. Returns the seconds until it fired. */
async function followAlert(platform: DemoPlatform, name: string, fault: number): Promise<string> {
  const pending = await alertInState(platform, name, "pending");
  say(`Prometheus: ${name} ${pending.state} ${secondsSince(fault)} s after the fault`);
  const firing = await alertInState(platform, name, "firing");
  const detected = secondsSince(fault);
  say(`Prometheus: ${name} ${firing.state} ${detected} s after the fault: ${firing.annotations.summary}`);
  const routed = await routedAlert(platform, name);
  say(
    `Alertmanager: ${name} ${routed.status.state}, routed to ${routed.receivers.map((receiver) => receiver.name).join(", ")}`,
  );
  const { notification } = await notified(platform, name, "firing");
  const annotations = notification.alerts.find((alert) => alert.labels.alertname === name)?.annotations ?? {};
  say(`Webhook "${notification.receiver}" was called ${secondsSince(fault)} s after the fault`);
  say(`  runbook: ${annotations.runbook_url}`);
  say(`  command: ${annotations.command}`);
  return detected;
}

function sayOverrides({ configFile }: DemoPlatform): void {
  const { thresholds } = loadConfig(configFile);
  const overrides = modes.flatMap((mode) =>
    Object.entries(thresholds[mode.id] ?? {}).map(
      ([name, value]) => `${mode.id}.${name} ${value} instead of ${mode.thresholds[name]?.value}`,
    ),
  );
  say(
    `Shortened by thresholds in its redisops.yaml: ${overrides.join(", ")}; Prometheus scrapes every ${demoInterval}.`,
  );
}

/** Fault, detection, plan, recovery, resolution; every figure is observed. Rejects when the story does not hold. */
export async function tellStory(workspace: Workspace): Promise<DemoPlatform> {
  const began = performance.now();
  chapter("1. The platform");
  const platform = await startPlatform(workspace, sentIds);
  const { registry, dedup, postgres, prometheus, alertmanager, webhooks } = platform;
  say(
    `Up after ${secondsSince(began)} s on 127.0.0.1: Postgres :${postgres.port}, registry Redis :${registry.port}, dedup Redis :${dedup.port}, ` +
      `Prometheus :${prometheus.port}, Alertmanager :${alertmanager.port}, webhook receiver :${webhooks.port}, provider stand-in ${platform.providerUrl}, exporter ${platform.exporterUrl}`,
  );
  sayOverrides(platform);

  chapter("2. A healthy day");
  const loading = performance.now();
  const loaded = await loadNotifications(platform, sentIds, sentIds * 2);
  say(`${count(loaded)} sent notifications are in Postgres and in the filter (${secondsSince(loading)} s)`);
  expectExit(await redisops(platform, "status"), 0, "redisops status");

  chapter("3. The dedup Redis dies");
  const killed = performance.now();
  const pid = dedup.pid;
  await dedup.kill();
  say(
    `SIGKILL to pid ${pid}; exporter: redisops_role_up{role="dedup"} ${await exported(platform, 'redisops_role_up{role="dedup"}')}`,
  );
  const skippedDetected = await followAlert(platform, "DedupSkipped", killed);

  chapter("4. It comes back empty");
  await dedup.restart({ empty: true });
  const restarted = performance.now();
  await waitUntil(async () => (await exported(platform, 'redisops_role_up{role="dedup"}')) === "1", {
    what: "the exporter to see the dedup Redis again",
    deadlineMs: 10_000,
  });
  say(
    `pid ${dedup.pid} answers on :${dedup.port}; exporter: redisops_role_up{role="dedup"} 1, ` +
      `redisops_bloom_canary_absent_ratio{role="dedup"} ${await exported(platform, 'redisops_bloom_canary_absent_ratio{role="dedup"}')}`,
  );
  const coldDetected = await followAlert(platform, "BloomCold", restarted);
  expectExit(await redisops(platform, "status", "--role", "dedup"), 1, "redisops status");

  chapter("5. The recovery");
  expectExit(await redisops(platform, "recover", "bloom"), 2, "redisops recover bloom");
  say(
    `exporter after the plan: redisops_bloom_size_bytes{role="dedup"} ${await exported(platform, 'redisops_bloom_size_bytes{role="dedup"}')}`,
  );
  const commanded = performance.now();
  expectExit(
    await redisops(platform, "recover", "bloom", "--execute"),
    0,
    "redisops recover bloom --execute",
  );

  chapter("6. Resolved");
  await alertGone(platform, "BloomCold");
  const resolved = secondsSince(commanded);
  await notified(platform, "BloomCold", "resolved");
  say(
    `Prometheus: BloomCold resolved; webhook told ${secondsSince(commanded)} s after the command; ` +
      `exporter: redisops_bloom_canary_absent_ratio{role="dedup"} ${await exported(platform, 'redisops_bloom_canary_absent_ratio{role="dedup"}')}`,
  );
  expectExit(await redisops(platform, "status", "--role", "dedup"), 0, "redisops status");
  say(
    `\nFault to detection: ${skippedDetected} s (DedupSkipped), ${coldDetected} s (BloomCold). ` +
      `Command to resolution: ${resolved} s. The whole story: ${secondsSince(began)} s.`,
  );
  return platform;
}
