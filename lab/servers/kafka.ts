import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Admin, FindCoordinatorKeyTypes, ListOffsetTimestamps } from "@platformatic/kafka";
import { type ServerProcess, startServer } from "../process.ts";
import { waitUntil } from "../wait.ts";
import type { Workspace } from "../workspace.ts";
import { type KafkaPrograms, kafkaPrograms } from "./kafka-artifacts.ts";

const run = promisify(execFile);

/** How to start a Kafka broker. */
export interface KafkaOptions {
  /** The name in messages and of its folder; `kafka` unless given. */
  readonly name?: string;
  /** A free port unless given. */
  readonly port?: number;
  /** Further settings of server.properties; they win over the lab's own. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}

/** What a topic is like. */
export interface TopicOptions {
  /** 1 unless given. */
  readonly partitions?: number;
  /** Whether the newest record of each key is kept for ever, instead of all records for a time; no unless given. */
  readonly compacted?: boolean;
  /** Further settings of the topic. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** An Apache Kafka broker on 127.0.0.1 that is its own controller. It creates no topic by itself. */
export interface KafkaServer {
  readonly port: number;
  /** `127.0.0.1:<port>` */
  readonly brokers: string;
  /** The pid of the current process; another one after {@link KafkaServer.restart}. */
  readonly pid: number;
  readonly running: boolean;
  /**
   * Creates a topic and waits until each of its partitions has a leader.
   *
   * @throws the client's error, for example when the topic exists; Error when there is no leader within a minute.
   */
  createTopic(name: string, options?: TopicOptions): Promise<void>;
  /** SIGTERM: the broker closes its log in order. */
  stop(): Promise<void>;
  /** SIGKILL: the log is recovered at the next start. */
  kill(): Promise<void>;
  /** SIGSTOP: connections are accepted by the kernel and nothing answers. */
  pause(): void;
  /** Ends {@link KafkaServer.pause}. */
  resume(): void;
  /** Starts it again on the same port with what it had stored, stopping it first if it runs. */
  restart(): Promise<void>;
}

/** For a small heap and a quick start; the broker is not what is measured. */
const jvmOptions = ["-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"];
const deadlineMs = 60_000;

/**
 * Formats a log folder, starts Apache Kafka on it and waits until producers and consumers can use it.
 *
 * @throws KafkaUnavailableError when Java or Kafka's jars are missing; ServerStartError when it does not come up.
 */
export async function startKafka(workspace: Workspace, options: KafkaOptions = {}): Promise<KafkaServer> {
  const programs = await kafkaPrograms();
  const name = options.name ?? "kafka";
  const port = options.port ?? (await workspace.port());
  const brokers = `127.0.0.1:${port}`;
  const folder = await workspace.folder(name);
  const settingsFile = join(folder, "server.properties");
  const logSettings = join(folder, "log4j2.properties");
  await writeFile(
    settingsFile,
    serverProperties(port, await workspace.port(), join(folder, "data"), options.settings),
  );
  await writeFile(logSettings, logProperties);
  const env = { ...process.env, CLASSPATH: programs.classPath };
  const java = [...jvmOptions, `-Dlog4j2.configurationFile=${logSettings}`];
  await format(programs, java, settingsFile, env);

  const start = (): Promise<ServerProcess> =>
    startServer(workspace, {
      name,
      command: [programs.java, "-XX:+ExitOnOutOfMemoryError", ...java, "kafka.Kafka", settingsFile],
      cwd: folder,
      logFile: join(folder, "kafka.log"),
      ready: () => withAdmin(brokers, 2000, isReady),
      readyDeadlineMs: 2 * deadlineMs,
      stopDeadlineMs: 20_000,
      env,
    });
  let server = await start();
  return {
    port,
    brokers,
    get pid() {
      return server.pid;
    },
    get running() {
      return server.running;
    },
    createTopic: (topic, topicOptions = {}) => createTopic(brokers, topic, topicOptions),
    stop: () => server.stop(),
    kill: () => server.kill(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    async restart() {
      await server.stop();
      server = await start();
    },
  };
}

/**
 * Whether the broker takes part in its cluster, and has the topic that consumer groups live in, without which a first
 * consumer fails.
 */
async function isReady(admin: Admin): Promise<boolean> {
  if ((await admin.metadata({})).brokers.size !== 1) return false;
  await admin.findCoordinator({ keyType: FindCoordinatorKeyTypes.GROUP, keys: ["redisops-lab"] });
  return true;
}

/** Gives the log folder its identity, without which a broker does not start. */
async function format(
  { java }: KafkaPrograms,
  javaOptions: readonly string[],
  settingsFile: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const clusterId = randomBytes(16).toString("base64url");
  // With "=", because an id may begin with "-".
  const args = ["kafka.tools.StorageTool", "format", `--config=${settingsFile}`, `--cluster-id=${clusterId}`];
  await run(java, [...javaOptions, ...args], { env, timeout: deadlineMs });
}

function serverProperties(
  port: number,
  controllerPort: number,
  data: string,
  given: KafkaOptions["settings"],
): string {
  const settings = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "log.dirs": data,
    // One broker cannot hold three copies of Kafka's own topics, and few partitions do.
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.num.partitions": 1,
    // A killed broker is let in again when its session has ended, by default after 9 s.
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
    // Otherwise a group waits 3 s for more members.
    "group.initial.rebalance.delay.ms": 0,
    "auto.create.topics.enable": false,
    // 128 MB by default: half of the heap.
    "log.cleaner.dedupe.buffer.size": 4 * 1024 * 1024,
    "num.network.threads": 2,
    "num.io.threads": 4,
    ...given,
  };
  return `${Object.entries(settings)
    .map(([key, value]) => `${key}=${value}`)
    .join("\n")}\n`;
}

const logProperties = `rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %c{1} %m%n
`;

async function createTopic(brokers: string, topic: string, options: TopicOptions): Promise<void> {
  const { partitions = 1, compacted = false } = options;
  const settings = { ...(compacted && { "cleanup.policy": "compact" }), ...options.settings };
  const configs = Object.entries(settings).map(([name, value]) => ({ name, value }));
  await withAdmin(brokers, deadlineMs, async (admin) => {
    await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs });
    const led = async (): Promise<boolean> => {
      const metadata = await admin.metadata({ topics: [topic], forceUpdate: true });
      const list = metadata.topics.get(topic)?.partitions ?? [];
      if (list.length !== partitions || list.some(({ leader }) => leader !== 1)) return false;
      // The broker learns a moment later that it leads; until then it refuses, and a producer would send all of it again.
      return admin.listOffsets({ topics: [{ name: topic, partitions: everyLatest(partitions) }] }).then(
        () => true,
        () => false,
      );
    };
    await waitUntil(led, { what: `topic ${topic} to have a leader for each partition`, deadlineMs });
  });
}

const everyLatest = (partitions: number) =>
  Array.from({ length: partitions }, (_, partitionIndex) => ({
    partitionIndex,
    timestamp: ListOffsetTimestamps.LATEST,
  }));

async function withAdmin<T>(
  brokers: string,
  timeout: number,
  work: (admin: Admin) => Promise<T>,
): Promise<T> {
  const admin = new Admin({
    clientId: "redisops-lab",
    bootstrapBrokers: [brokers],
    retries: 0,
    timeout,
    requestTimeout: timeout,
    connectTimeout: timeout,
  });
  try {
    return await work(admin);
  } finally {
    await admin.close();
  }
}
