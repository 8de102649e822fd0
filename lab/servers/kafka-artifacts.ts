import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { promisify } from "node:util";
import { findProgram } from "../binaries.ts";
import { findJava, javaNeeded } from "./java.ts";

const run = promisify(execFile);

const kafkaVersion = "4.1.1";
const artifacts = [
  { group: "org.apache.kafka", name: "kafka_2.13", version: kafkaVersion },
  // Without it Kafka logs nothing at all. The version is the one that Kafka brings the rest of log4j in.
  { group: "org.apache.logging.log4j", name: "log4j-slf4j-impl", version: "2.24.3" },
];
const copyGoal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
const downloadDeadlineMs = 600_000;

/** Apache Kafka cannot be run here. The message says what is missing and what installs it. */
export class KafkaUnavailableError extends Error {
  override readonly name = "KafkaUnavailableError";
}

/** What runs Kafka. */
export interface KafkaPrograms {
  /** The path of a Java that is new enough. */
  readonly java: string;
  /** For the environment variable CLASSPATH. */
  readonly classPath: string;
}

/**
 * A Java and Kafka's jars. The jars are fetched once, with Maven and as Maven is configured on this machine, into
 * `redisops/` under `$XDG_CACHE_HOME` or `~/.cache`. That may take minutes, and several processes may do it at once.
 *
 * @throws KafkaUnavailableError when Java 17 or newer is missing, or the jars are and Maven is missing or fails.
 */
export async function kafkaPrograms(): Promise<KafkaPrograms> {
  const java = await findJava().catch((error: unknown) => {
    throw unavailable(`Java ${javaNeeded} or newer is missing (${text(error)})`, error);
  });
  const folder = await kafkaJars();
  return { java, classPath: join(folder, "*") };
}

/** Whether the jars are here already and whole. */
export async function kafkaJarsCached(): Promise<boolean> {
  return isWhole(jarsFolder());
}

async function kafkaJars(): Promise<string> {
  const target = jarsFolder();
  if (await isWhole(target)) return target;
  let maven: string;
  try {
    maven = findProgram("mvn");
  } catch (error) {
    throw unavailable("its jars are not here yet, and Maven, which fetches them, is missing", error);
  }
  await mkdir(cacheFolder(), { recursive: true });
  const fresh = await mkdtemp(join(cacheFolder(), ".kafka-"));
  try {
    await download(maven, fresh);
    await putInPlace(fresh, target);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return target;
}

function cacheFolder(): string {
  const given = process.env.XDG_CACHE_HOME ?? "";
  return join(isAbsolute(given) ? given : join(homedir(), ".cache"), "redisops");
}

function jarsFolder(): string {
  return join(cacheFolder(), `kafka-${kafkaVersion}`);
}

async function download(maven: string, folder: string): Promise<void> {
  const jars = join(folder, "jars");
  const pom = join(folder, "pom.xml");
  await writeFile(pom, pomXml());
  try {
    const args = ["--batch-mode", "--quiet", "--file", pom, copyGoal];
    await run(maven, [...args, "-DincludeScope=runtime", `-DoutputDirectory=${jars}`], {
      cwd: folder,
      timeout: downloadDeadlineMs,
    });
  } catch (error) {
    const output =
      typeof error === "object" && error !== null && "stdout" in error ? String(error.stdout) : "";
    const lines = output.split("\n").filter((line) => line.includes("ERROR"));
    throw unavailable(`Maven did not fetch its jars: ${lines[0] ?? text(error)}`, error);
  }
  const names = (await readdir(jars)).filter((name) => name.endsWith(".jar"));
  const sizes = names.map(async (name) => [name, (await stat(join(jars, name))).size]);
  await writeFile(join(jars, contentsFile), JSON.stringify(Object.fromEntries(await Promise.all(sizes))));
}

/** Somebody else may have put the same there in the meantime, which is then used. */
async function putInPlace(fresh: string, target: string): Promise<void> {
  try {
    await rename(join(fresh, "jars"), target);
  } catch (error) {
    if (await isWhole(target)) return;
    await rename(target, join(fresh, "damaged")).catch(() => undefined); // somebody else may have repaired it
    await rename(join(fresh, "jars"), target).catch(async () => {
      if (!(await isWhole(target))) throw error;
    });
  }
}

const contentsFile = "contents.json";

/** Whether all that was downloaded is still there; cleaners of caches remove files one by one. */
async function isWhole(folder: string): Promise<boolean> {
  try {
    const contents = JSON.parse(await readFile(join(folder, contentsFile), "utf8")) as Record<string, number>;
    const sizes = await Promise.all(Object.keys(contents).map((name) => stat(join(folder, name))));
    return Object.values(contents).every((size, index) => sizes[index]?.size === size);
  } catch {
    return false;
  }
}

function pomXml(): string {
  const dependencies = artifacts.map(
    ({ group, name, version }) =>
      `    <dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`,
  );
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>redisops</groupId>
  <artifactId>lab-kafka</artifactId>
  <version>1</version>
  <dependencies>
${dependencies.join("\n")}
  </dependencies>
</project>
`;
}

function unavailable(reason: string, cause: unknown): KafkaUnavailableError {
  return new KafkaUnavailableError(
    `Apache Kafka cannot be run: ${reason}. "make bootstrap" installs what is missing or says how: ` +
      "Java (Debian: default-jre-headless, Homebrew: openjdk) and Maven (maven in both)",
    { cause },
  );
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
