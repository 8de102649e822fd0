import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { checkout } from "../checkout.ts";
import { generateAlerts, startAlerting, startExporter } from "../platform/observability.ts";
import type { AlertmanagerServer } from "../servers/alertmanager.ts";
import { type PostgresServer, startPostgres } from "../servers/postgres.ts";
import type { PrometheusServer } from "../servers/prometheus.ts";
import { startProviderStandIn } from "../servers/provider-stand-in.ts";
import { type RedisServer, startRedis } from "../servers/redis.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../servers/webhook-receiver.ts";
import type { Workspace } from "../workspace.ts";
import { demoAccountSid, demoConfig, demoInterval, demoSecrets } from "./demo-config.ts";

/** Everything that runs during the demo. */
export interface DemoPlatform {
  readonly registry: RedisServer;
  readonly dedup: RedisServer;
  readonly postgres: PostgresServer;
  readonly prometheus: PrometheusServer;
  readonly alertmanager: AlertmanagerServer;
  readonly webhooks: WebhookReceiver;
  readonly exporterUrl: string;
  readonly providerUrl: string;
  readonly configFile: string;
  /** Environment with the secrets that the configuration refers to. */
  readonly env: NodeJS.ProcessEnv;
}

/** Starts the stores, the provider stand-in, the exporter, Prometheus and Alertmanager with the generated files. */
export async function startPlatform(workspace: Workspace, ids: number): Promise<DemoPlatform> {
  const folder = await workspace.folder("redisops");
  const [exporterPort, prometheusPort] = [await workspace.port(), await workspace.port()];
  const authToken = "demo-token";
  const [postgres, registry, dedup, provider, webhooks] = await Promise.all([
    startPostgres(workspace),
    startRedis(workspace, { name: "registry" }),
    startRedis(workspace, { name: "dedup" }),
    startProviderStandIn(workspace, {
      accounts: [{ provider: "twilio", sid: demoAccountSid, authToken, perSecond: 1000 }],
    }),
    startWebhookReceiver(workspace),
  ]);
  const env = {
    ...process.env,
    [demoSecrets.postgres]: postgres.password,
    [demoSecrets.twilio]: authToken,
    [demoSecrets.page]: `${webhooks.url}/page`,
    [demoSecrets.ticket]: `${webhooks.url}/ticket`,
    [demoSecrets.watchdog]: `${webhooks.url}/watchdog`,
  };
  const exporter = `127.0.0.1:${exporterPort}`;
  const configFile = join(folder, "redisops.yaml");
  await writeFile(
    configFile,
    demoConfig({
      registry: `127.0.0.1:${registry.port}`,
      dedup: `127.0.0.1:${dedup.port}`,
      postgres: `127.0.0.1:${postgres.port}`,
      exporter,
      provider: provider.url,
      prometheus: `http://127.0.0.1:${prometheusPort}`,
      webhooks: webhooks.url,
      runbooks: pathToFileURL(join(checkout, "runbooks")).href,
      stateDir: join(folder, "state"),
      ids,
    }),
  );
  const observed = { configFile, folder, env };
  const alerts = await generateAlerts(observed);
  await startExporter(workspace, observed, exporter);
  const { alertmanager, prometheus } = await startAlerting(workspace, {
    alerts,
    prometheusPort,
    interval: demoInterval,
    scrape: [{ job: "redisops", targets: [exporter] }],
  });
  return {
    registry,
    dedup,
    postgres,
    prometheus,
    alertmanager,
    webhooks,
    exporterUrl: `http://${exporter}`,
    providerUrl: provider.url,
    configFile,
    env,
  };
}
