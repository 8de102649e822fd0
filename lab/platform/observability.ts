import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { redisopsCommand } from "../checkout.ts";
import { type ServerProcess, startServer } from "../process.ts";
import { type AlertmanagerServer, startAlertmanager } from "../servers/alertmanager.ts";
import { answersOk } from "../servers/http-ready.ts";
import { type PrometheusServer, type ScrapeJob, startPrometheus } from "../servers/prometheus.ts";
import type { Workspace } from "../workspace.ts";

const run = promisify(execFile);

/** What observes a platform works from its redisops.yaml. */
export interface ObservedPlatform {
  readonly configFile: string;
  /** A folder for what is generated and for logs. */
  readonly folder: string;
  /** With the secrets that the configuration refers to by name; this process's own unless given. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Where the generated rules and the generated Alertmanager configuration are. */
export interface GeneratedAlerts {
  readonly rules: string;
  readonly alertmanager: string;
}

/**
 * Generates the alerts by the command that a user would run, and lets `change` have its way with the rules. Rejects with what
 * the command says.
 */
export async function generateAlerts(
  platform: ObservedPlatform,
  change?: (rules: string) => string,
): Promise<GeneratedAlerts> {
  const out = join(platform.folder, "generated");
  const [program, ...words] = redisopsCommand;
  await run(program, [...words, "generate", "alerts", "--config", platform.configFile, "--out", out], {
    ...(platform.env !== undefined && { env: platform.env }),
  });
  const rules = join(out, "redisops.rules.yml");
  if (change !== undefined) await writeFile(rules, change(await readFile(rules, "utf8")));
  return { rules, alertmanager: join(out, "alertmanager.yml") };
}

/** Starts `redisops exporter`, which listens on `address` by its configuration. */
export function startExporter(
  workspace: Workspace,
  platform: ObservedPlatform,
  address: string,
): Promise<ServerProcess> {
  return startServer(workspace, {
    name: "redisops exporter",
    command: [...redisopsCommand, "exporter", "--config", platform.configFile],
    cwd: platform.folder,
    logFile: join(platform.folder, "exporter.log"),
    ready: () => answersOk(`http://${address}/-/ready`),
    ...(platform.env !== undefined && { env: platform.env }),
  });
}

/** How to start what alerts. */
export interface AlertingOptions {
  readonly alerts: GeneratedAlerts;
  /** The port that the configuration names as Prometheus's. */
  readonly prometheusPort: number;
  /** A free port unless given. */
  readonly alertmanagerPort?: number;
  /** How long a firing alert is left unsaid again, as Prometheus' flag takes it; its default unless given. */
  readonly resendDelay?: string | undefined;
  /** Between two scrapes and two evaluations, as Prometheus writes durations. */
  readonly interval: string;
  readonly scrape: readonly ScrapeJob[];
}

/** Starts Alertmanager and Prometheus on generated files. */
export async function startAlerting(
  workspace: Workspace,
  options: AlertingOptions,
): Promise<{ alertmanager: AlertmanagerServer; prometheus: PrometheusServer }> {
  const alertmanager = await startAlertmanager(workspace, {
    configFile: options.alerts.alertmanager,
    ...(options.alertmanagerPort !== undefined && { port: options.alertmanagerPort }),
  });
  const prometheus = await startPrometheus(workspace, {
    port: options.prometheusPort,
    scrapeInterval: options.interval,
    evaluationInterval: options.interval,
    ruleFiles: [options.alerts.rules],
    scrape: options.scrape,
    alertmanager: alertmanager.address,
    ...(options.resendDelay !== undefined && {
      flags: [`--rules.alert.resend-delay=${options.resendDelay}`],
    }),
  });
  return { alertmanager, prometheus };
}
