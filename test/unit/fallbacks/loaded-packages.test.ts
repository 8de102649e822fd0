import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);
const fixture = fileURLToPath(new URL("../../fixtures/loaded-packages.ts", import.meta.url));

/** The npm packages that an application loads with a module of the fallbacks. */
async function loadedWith(module: string): Promise<string[]> {
  const url = new URL(`../../../fallbacks/${module}`, import.meta.url).href;
  const { stdout } = await run(process.execPath, [fixture, url]);
  return stdout.split("\n");
}

/** What the command line, the exporter and the generators need, and an application must not have to load. */
const tooling = /^(?:@grafana|yargs|fastify|zod|yaml|pino|cli-|@opentelemetry\/sdk|@platformatic)/;

test("an application that imports the fallbacks loads no tooling with them", async () => {
  const packages = await loadedWith("index.ts");
  expect(packages).toEqual(expect.arrayContaining(["ioredis", "pg", "prom-client", "@opentelemetry/api"]));
  expect(packages.filter((name) => tooling.test(name))).toEqual([]);
});

test("a Kafka client is loaded by fallbacks/kafka alone", async () => {
  expect(await loadedWith("kafka.ts")).toContain("@platformatic/kafka");
});
