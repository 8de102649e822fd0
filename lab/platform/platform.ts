import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import { connectionEventsTopic } from "../../core/registry/connection-event.ts";
import { type KafkaServer, startKafka } from "../servers/kafka.ts";
import { KafkaUnavailableError, kafkaJarsCached, kafkaPrograms } from "../servers/kafka-artifacts.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../servers/webhook-receiver.ts";
import type { Workspace } from "../workspace.ts";
import { inStartOrder, planApps, startApp } from "./apps.ts";
import { askApp } from "./ask-app.ts";
import { createDatabase } from "./database.ts";
import type { FaultyPlatform } from "./injection.ts";
import { Member } from "./member.ts";
import { generateAlerts, startAlerting, startExporter } from "./observability.ts";
import { labInterval, platformConfig } from "./platform-config.ts";
import { writeSecrets } from "./secrets.ts";
import {
  type AppSettings,
  appsOf,
  changed,
  defaultRates,
  type PlatformSettings,
  type RateChange,
  type Rates,
  urlOf,
} from "./settings.ts";
import type { Stopwatch } from "./stopwatch.ts";
import { dedupPrimaryName, type Stores, startStores, storeMembers } from "./stores.ts";

/** How to start the platform. */
export interface PlatformOptions {
  readonly name: string;
  readonly rates?: RateChange | undefined;
  /** Differences from the catalog's thresholds, by mode. */
  readonly thresholds?: ThresholdOverrides | undefined;
  /** How long probes wait, as `exporter.probe_timeout`; its default unless given. */
  readonly probeTimeout?: string | undefined;
  /** Changes the generated rules before Prometheus reads them. */
  readonly rules?: ((text: string) => string) | undefined;
  /** How long Prometheus leaves a firing alert unsaid again, as its flag takes it; its default unless given. */
  readonly resendDelay?: string | undefined;
  readonly stopwatch: Stopwatch;
  readonly say: (line: string) => void;
  /** Told of every process as soon as it is ready. */
  readonly onMember: (member: Member) => void;
}

/** The running platform. */
export interface Platform extends FaultyPlatform {
  readonly settings: PlatformSettings;
  readonly postgres: Stores["postgres"];
  readonly addresses: Readonly<Record<string, string>>;
  /** Where Alertmanager's notifications go. */
  readonly webhooks: WebhookReceiver;
  /** Why there is no Kafka; undefined where there is. */
  readonly withoutKafka: string | undefined;
  /** Changes the load. Answers the rates from now on. */
  setRates(change: RateChange): Promise<Rates>;
}

/** What is decided before anything runs. */
interface Ports {
  readonly exporter: number;
  readonly prometheus: number;
  readonly alertmanager: number;
  readonly kafka: number;
}

const sizes = { clientsPerServer: 200, people: 1_000, optedOutEvery: 10, seed: 20_261_122 };

/** Whether Kafka can be run here; its jars are fetched if they are not here yet. Answers why not. */
async function kafkaProblem(say: (line: string) => void): Promise<string | undefined> {
  try {
    if (!(await kafkaJarsCached())) say("Fetching Kafka with Maven, this once; it may take minutes");
    await kafkaPrograms();
    return undefined;
  } catch (error) {
    if (!(error instanceof KafkaUnavailableError)) throw error;
    say(`Without Kafka: ${error.message}. Connection events go nowhere; all else runs.`);
    return error.message;
  }
}

async function startBroker(workspace: Workspace, port: number): Promise<KafkaServer> {
  const kafka = await startKafka(workspace, { port });
  await kafka.createTopic(connectionEventsTopic, { compacted: true });
  return kafka;
}

/** The rest of a start, step by step, on one workspace. */
class PlatformStart {
  readonly #workspace: Workspace;
  readonly #options: PlatformOptions;
  readonly members: Member[] = [];

  constructor(workspace: Workspace, options: PlatformOptions) {
    this.#workspace = workspace;
    this.#options = options;
  }

  add<T extends Member | readonly Member[]>(joined: T): T {
    for (const member of [joined].flat() as Member[]) {
      this.members.push(member);
      this.#options.onMember(member);
    }
    return joined;
  }

  async run(): Promise<Platform> {
    const { name, stopwatch, say } = this.#options;
    const workspace = this.#workspace;
    const folder = await workspace.folder("redisops");
    const ports: Ports = {
      exporter: await workspace.port(),
      prometheus: await workspace.port(),
      alertmanager: await workspace.port(),
      kafka: await workspace.port(),
    };
    const apps = await planApps(workspace);
    const webhooks = await startWebhookReceiver(workspace);
    const withoutKafka = await kafkaProblem(say);
    const broker =
      withoutKafka === undefined
        ? stopwatch.time("Kafka", async () => {
            const kafka = await startBroker(workspace, ports.kafka);
            this.add(new Member({ name: "kafka", part: "connection events", port: kafka.port }, kafka));
          })
        : undefined;
    const rest = async () => {
      const stores = await startStores(workspace, stopwatch, (postgres) => createDatabase(postgres, sizes));
      this.add(storeMembers(stores));
      const kafka = withoutKafka === undefined ? [`127.0.0.1:${ports.kafka}`] : [];
      const configFile = await this.#writeConfig(name, folder, ports, apps, stores, kafka, webhooks);
      const settings: PlatformSettings = {
        ...sizes,
        configFile,
        pgbouncer: `127.0.0.1:${stores.pgbouncer.port}`,
        kafka,
        rates: changed(defaultRates, this.#options.rates ?? {}),
        apps,
      };
      const [addresses] = await Promise.all([
        stopwatch.time("exporter, Prometheus and Alertmanager", () => this.#observe(folder, ports, settings)),
        stopwatch.time("the platform's own processes", () => this.#startApps(folder, settings)),
      ]);
      return { stores, settings, addresses };
    };
    // Kafka is the slowest to start and nothing waits for it, except the end of the start.
    const [{ stores, settings, addresses }] = await Promise.all([rest(), broker]);
    return this.#finish(stores, settings, addresses, webhooks, withoutKafka);
  }

  async #writeConfig(
    name: string,
    folder: string,
    ports: Ports,
    apps: readonly AppSettings[],
    stores: Stores,
    kafka: readonly string[],
    webhooks: WebhookReceiver,
  ): Promise<string> {
    const local = ({ port }: { readonly port: number }) => `127.0.0.1:${port}`;
    const standIn = apps.find(({ kind }) => kind === "provider-stand-in");
    if (standIn === undefined) throw new Error("the platform has no provider stand-in");
    const secrets = await writeSecrets(this.#workspace, {
      "postgres-password": stores.postgres.password,
      "page-webhook": `${webhooks.url}/page`,
      "ticket-webhook": `${webhooks.url}/ticket`,
      "watchdog-webhook": `${webhooks.url}/watchdog`,
    });
    const configFile = join(folder, "redisops.yaml");
    const text = platformConfig({
      name,
      registry: local(stores.registry),
      rateLimit: local(stores.rateLimit),
      sequence: local(stores.sequence),
      cluster: stores.cluster.addresses,
      sentinels: stores.dedup.sentinels.addresses,
      dedupPrimary: dedupPrimaryName,
      postgres: local(stores.postgres),
      pgbouncer: local(stores.pgbouncer),
      provider: urlOf(standIn),
      kafka,
      exporter: `127.0.0.1:${ports.exporter}`,
      thresholds: this.#options.thresholds,
      probeTimeout: this.#options.probeTimeout,
      prometheus: `http://127.0.0.1:${ports.prometheus}`,
      alertmanager: `http://127.0.0.1:${ports.alertmanager}`,
      stateDir: join(folder, "state"),
      secrets,
    });
    await writeFile(configFile, text);
    return configFile;
  }

  async #observe(
    folder: string,
    ports: Ports,
    { configFile, apps }: PlatformSettings,
  ): Promise<Readonly<Record<string, string>>> {
    const workspace = this.#workspace;
    const observed = { configFile, folder };
    const exporter = `127.0.0.1:${ports.exporter}`;
    const [alerts] = await Promise.all([
      generateAlerts(observed, this.#options.rules),
      Member.start({ name: "exporter", part: "redisops exporter", port: ports.exporter }, () =>
        startExporter(workspace, observed, exporter),
      ).then((member) => this.add(member)),
    ]);
    const { alertmanager, prometheus } = await startAlerting(workspace, {
      alerts,
      prometheusPort: ports.prometheus,
      alertmanagerPort: ports.alertmanager,
      resendDelay: this.#options.resendDelay,
      interval: labInterval,
      scrape: [
        { job: "redisops", targets: [exporter] },
        { job: "platform", targets: apps.map(({ port }) => `127.0.0.1:${port}`) },
      ],
    });
    this.add([
      new Member({ name: "prometheus", part: "scrapes and alerts", port: prometheus.port }, prometheus),
      new Member({ name: "alertmanager", part: "notifies", port: alertmanager.port }, alertmanager),
    ]);
    return {
      exporter: `http://${exporter}/metrics`,
      prometheus: prometheus.url,
      alertmanager: alertmanager.url,
    };
  }

  async #startApps(folder: string, settings: PlatformSettings): Promise<void> {
    const settingsFile = join(folder, "platform.json");
    await writeFile(settingsFile, JSON.stringify(settings, null, 2));
    for (const together of inStartOrder(settings)) {
      await Promise.all(
        together.map(async (app) => this.add(await startApp(this.#workspace, settingsFile, app))),
      );
    }
  }

  #finish(
    stores: Stores,
    settings: PlatformSettings,
    addresses: Readonly<Record<string, string>>,
    webhooks: WebhookReceiver,
    withoutKafka: string | undefined,
  ): Platform {
    const [standIn] = appsOf(settings, "provider-stand-in");
    const [generator] = appsOf(settings, "load-generator");
    return {
      members: this.members,
      stores,
      settings,
      postgres: stores.postgres,
      addresses,
      webhooks,
      withoutKafka,
      throttle: (provider, account, refuse) =>
        askApp<string[]>(standIn, "/limit", { provider, account, ...(refuse && { perSecond: 0 }) }),
      setRates: (change) => askApp<Rates>(generator, "/rates", change),
    };
  }
}

/**
 * Starts the whole platform in a workspace.
 *
 * @throws MissingProgramError when a server is not installed; ServerStartError when one does not come up.
 */
export function startPlatform(workspace: Workspace, options: PlatformOptions): Promise<Platform> {
  return new PlatformStart(workspace, options).run();
}
