import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  Admin,
  ConfigResourceTypes,
  Consumer,
  Producer,
  stringDeserializers,
  stringSerializers,
} from "@platformatic/kafka";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { isAlive } from "../../lab/process-tree.ts";
import { type KafkaServer, startKafka } from "../../lab/servers/kafka.ts";
import { KafkaUnavailableError, kafkaJarsCached, kafkaPrograms } from "../../lab/servers/kafka-artifacts.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";

let workspace: Workspace;

describe("a Kafka broker of the lab", { timeout: 3 * patience }, () => {
  let kafka: KafkaServer;

  beforeAll(async () => {
    workspace = await createWorkspace("test");
    kafka = await startKafka(workspace);
  }, 11 * patience); // the first start on a machine fetches Kafka

  afterAll(() => workspace.close());

  const client = (timeout = 30_000) => ({
    clientId: "test",
    bootstrapBrokers: [kafka.brokers],
    timeout,
    requestTimeout: timeout,
    connectTimeout: timeout,
    retries: 0,
  });

  async function withAdmin<T>(work: (admin: Admin) => Promise<T>, timeout?: number): Promise<T> {
    const admin = new Admin(client(timeout));
    try {
      return await work(admin);
    } finally {
      await admin.close();
    }
  }

  async function send(topic: string, values: readonly string[]): Promise<void> {
    const producer = new Producer({ ...client(), serializers: stringSerializers });
    try {
      await producer.send({ messages: values.map((value) => ({ topic, key: value, value })) });
    } finally {
      await producer.close();
    }
  }

  /** Reads as many messages from the topic's start as asked for. */
  async function read(topic: string, count: number): Promise<string[]> {
    const consumer = new Consumer({
      ...client(),
      groupId: `of-${topic}`,
      deserializers: stringDeserializers,
    });
    try {
      const stream = await consumer.consume({ topics: [topic], mode: "earliest" });
      const values: string[] = [];
      for await (const message of stream) {
        values.push(message.value);
        if (values.length === count) break;
      }
      return values.toSorted();
    } finally {
      await consumer.close(true);
    }
  }

  it("has the topics that were asked for, and creates none by itself", async () => {
    // First, because a broker that did would do it a little later.
    await expect(
      withAdmin((admin) => admin.metadata({ topics: ["unknown"], autocreateTopics: true })),
    ).rejects.toThrow();
    await kafka.createTopic("plain", { partitions: 3 });
    await kafka.createTopic("latest", { compacted: true, settings: { "segment.ms": "60000" } });
    const { topics, policies } = await withAdmin(async (admin) => ({
      topics: await admin.listTopics(),
      policies: await admin.describeConfigs({
        resources: ["plain", "latest"].map((resourceName) => ({
          resourceType: ConfigResourceTypes.TOPIC,
          resourceName,
          configurationKeys: ["cleanup.policy", "segment.ms"],
        })),
      }),
    }));
    expect(topics.toSorted()).toEqual(["latest", "plain"]);
    const valuesOf = (name: string) =>
      policies.find((policy) => policy.resourceName === name)?.configs.map(({ value }) => value);
    expect(valuesOf("plain")?.[0]).toBe("delete");
    expect(valuesOf("latest")).toEqual(["compact", "60000"]);
    const metadata = await withAdmin((admin) => admin.metadata({ topics: ["plain"] }));
    expect(metadata.topics.get("plain")?.partitionsCount).toBe(3);
    await expect(kafka.createTopic("plain")).rejects.toThrow();
  });

  it("keeps what it acknowledged when it is killed, and comes back on the same port", async () => {
    await kafka.createTopic("kept", { partitions: 2 });
    const values = Array.from({ length: 100 }, (_, n) => `value-${n}`).toSorted();
    await send("kept", values);
    const { pid } = kafka;
    await kafka.kill();
    expect(isAlive(pid)).toBe(false);
    await expect(withAdmin((admin) => admin.metadata({}))).rejects.toThrow();
    await kafka.restart();
    expect(kafka.pid).not.toBe(pid);
    expect(await read("kept", 100)).toEqual(values);
  });

  it("hangs while paused and goes on when resumed", async () => {
    await kafka.createTopic("later");
    kafka.pause();
    await frozen([kafka.pid]);
    await expect(withAdmin((admin) => admin.metadata({}), 500)).rejects.toThrow();
    kafka.resume();
    await vi.waitFor(() => send("later", ["value"]), { timeout: patience, interval: 200 });
    expect(await read("later", 1)).toEqual(["value"]);
  });
});

describe("what Kafka needs", { timeout: patience }, () => {
  let programs: string;
  let cache: string;

  beforeEach(async () => {
    workspace = await createWorkspace("test");
    programs = await workspace.folder("programs");
    cache = await workspace.folder("cache");
    vi.stubEnv("PATH", `${programs}:${process.env.PATH}`);
    vi.stubEnv("JAVA_HOME", "");
    vi.stubEnv("XDG_CACHE_HOME", cache);
    await program("java", `echo 'openjdk version "21.0.1" 2023-10-17' >&2`);
  });

  afterEach(async () => {
    vi.unstubAllEnvs();
    await workspace.close();
  });

  async function program(name: string, body: string): Promise<void> {
    await writeFile(join(programs, name), `#!/bin/sh\n${body}\n`);
    await chmod(join(programs, name), 0o755);
  }

  /** A Maven that takes its time, fetches two jars and counts its calls. */
  const fetching = `
for argument; do case $argument in -DoutputDirectory=*) jars=\${argument#*=} ;; esac; done
echo call >>'PROGRAMS/calls'
mkdir "$jars"; echo one >"$jars/one.jar"; sleep 0.2; echo two >"$jars/two.jar"`;

  const jars = async () => {
    const [folder = ""] = await readdir(join(cache, "redisops"));
    return join(cache, "redisops", folder);
  };

  it("is fetched once, whole, however many ask for it at once, and again when a part of it is gone", async () => {
    await program("mvn", fetching.replaceAll("PROGRAMS", programs));
    expect(await kafkaJarsCached()).toBe(false);
    const found = await Promise.all([kafkaPrograms(), kafkaPrograms(), kafkaPrograms()]);
    const folder = await jars();
    expect(found.map(({ classPath }) => classPath)).toEqual(Array(3).fill(join(folder, "*")));
    expect((await readdir(folder)).filter((name) => name.endsWith(".jar"))).toEqual(["one.jar", "two.jar"]);
    expect(await readdir(join(cache, "redisops"))).toHaveLength(1);
    expect(await kafkaJarsCached()).toBe(true);

    const calls = async () => (await readFile(join(programs, "calls"), "utf8")).length;
    const before = await calls();
    await kafkaPrograms();
    expect(await calls()).toBe(before);
    await rm(join(folder, "two.jar"));
    expect(await kafkaJarsCached()).toBe(false);
    await Promise.all([kafkaPrograms(), kafkaPrograms()]);
    expect(await readFile(join(folder, "two.jar"), "utf8")).toBe("two\n");
    expect(await readdir(join(cache, "redisops"))).toHaveLength(1);
  });

  it("is reported with Maven’s words when Maven fails, and leaves nothing behind", async () => {
    await program("mvn", "echo '[ERROR] Could not resolve dependencies'; exit 1");
    await expect(startKafka(workspace)).rejects.toThrow(KafkaUnavailableError);
    await expect(startKafka(workspace)).rejects.toThrow(/Could not resolve dependencies.*make bootstrap/);
    expect(await readdir(join(cache, "redisops"))).toEqual([]);
  });

  it("includes a Java that is new enough, of JAVA_HOME or on PATH", async () => {
    await program("mvn", fetching.replaceAll("PROGRAMS", programs));
    await program("java", `echo 'openjdk version "11.0.2" 2019-01-15' >&2`);
    await expect(kafkaPrograms()).rejects.toThrow(KafkaUnavailableError);
    await expect(kafkaPrograms()).rejects.toThrow(/Java 17 or newer is missing.*is Java 11.*make bootstrap/);

    const home = await workspace.folder("home");
    vi.stubEnv("JAVA_HOME", home);
    await expect(kafkaPrograms()).rejects.toThrow(/does not run.*is Java 11/);
    await mkdir(join(home, "bin"));
    await program("java17", `echo 'openjdk version "17.0.15" 2025-04-15' >&2`);
    await writeFile(join(home, "bin", "java"), await readFile(join(programs, "java17")));
    await chmod(join(home, "bin", "java"), 0o755);
    expect((await kafkaPrograms()).java).toBe(join(home, "bin", "java"));
  });
});
