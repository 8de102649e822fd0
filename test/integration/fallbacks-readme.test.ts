import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pendingDeliveriesDdl, preferencesSchema } from "../../fallbacks/index.ts";
import { startPostgres } from "../../lab/servers/postgres.ts";
import { startRedis } from "../../lab/servers/redis.ts";
import { startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));

let workspace: Workspace;
let folder: string;

beforeAll(async () => {
  workspace = await createWorkspace("readme");
  folder = await workspace.folder("application");
  const readme = await readFile(join(root, "README.md"), "utf8");
  const section = readme.slice(readme.indexOf("## In your application"));
  for (const [, name = "", code = ""] of section.matchAll(/```ts\n\/\/ (\S+\.ts)\n(.*?)```/gs)) {
    await writeFile(join(folder, name), code);
  }
  // The package as it is published: compiled, found by its name, and with its own dependencies.
  const published = join(folder, "node_modules", "redisops");
  await mkdir(published, { recursive: true });
  await run("tsc", ["-p", "tsconfig.build.json", "--outDir", join(published, "dist")], { cwd: root });
  await symlink(join(root, "package.json"), join(published, "package.json"));
  await symlink(join(root, "node_modules"), join(published, "node_modules"));
  await mkdir(join(folder, "node_modules", "@types"));
  await symlink(join(root, "node_modules/@types/node"), join(folder, "node_modules/@types/node"));
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
}, 3 * patience);

afterAll(async () => {
  await workspace?.close();
});

/** Runs code that imports an example, and gives what it prints as JSON. */
async function print(code: string, env: Readonly<Record<string, string>>): Promise<unknown> {
  await writeFile(join(folder, "main.ts"), `${code}\nprocess.exit(0);\n`);
  const { stdout } = await run(process.execPath, ["main.ts"], {
    cwd: folder,
    env: { ...process.env, ...env },
  });
  return JSON.parse(stdout);
}

async function platform() {
  const postgres = await startPostgres(workspace);
  const client = new Client(postgres.connection);
  await client.connect();
  await client.query("CREATE ROLE app LOGIN SUPERUSER PASSWORD 'the-applications-own'");
  await client.query("CREATE DATABASE messenger");
  await client.end();
  const database = new Client({ ...postgres.connection, database: "messenger" });
  await database.connect();
  await database.query(pendingDeliveriesDdl());
  await database.query(preferencesSchema);
  const env = { POSTGRES_ADDRESS: `127.0.0.1:${postgres.port}`, POSTGRES_PASSWORD: "the-applications-own" };
  return { database, env };
}

/**
 * The examples of docs, which are parts of a file: what they import is what the package exports of the names in them, and
 * what they take for granted is declared here.
 */
const taken = `
type Config<Client extends abstract new (...of: never[]) => unknown> = ConstructorParameters<Client>[0];
declare const config: {
  readonly roles: {
    readonly dedup: Config<typeof all.DedupClient>;
    readonly preferences: Config<typeof all.PreferencesClient>;
    readonly token_bucket: Config<typeof all.ProviderClient>;
  };
  readonly postgres: ConstructorParameters<typeof all.PreferencesClient>[1]["postgres"];
};
declare const notification: { readonly id: string };
declare const delivery: { readonly attempt: number };
declare const [userId, notificationId, url, body]: string[];
declare function send(given: typeof notification): Promise<void>;
declare function headersOf(account: string): Record<string, string>;
`;

async function docExamples(): Promise<string[]> {
  const pages = (await readdir(join(root, "docs"))).filter((name) => name.endsWith(".md"));
  const names: string[] = [];
  for (const page of pages) {
    const text = await readFile(join(root, "docs", page), "utf8");
    for (const [index, [, code = ""]] of [...text.matchAll(/```ts\n(.*?)```/gs)].entries()) {
      const name = `${page.replace(/\.md$/, "")}-${index}.ts`;
      const classes = [...new Set([...code.matchAll(/\bnew (\w+)/g)].map(([, used = ""]) => used))];
      const imports = `import type * as all from "redisops/fallbacks";\nimport { ${classes.join(", ")} } from "redisops/fallbacks";\n`;
      await writeFile(join(folder, name), `${imports}${taken}${code}`);
      names.push(name);
    }
  }
  return names;
}

test("the examples of README and docs compile under strict settings", { timeout: 2 * patience }, async () => {
  const options = [
    "--noEmit",
    "--strict",
    "--module",
    "nodenext",
    "--target",
    "es2024",
    "--skipLibCheck",
    "--types",
    "node",
  ];
  const examples = await docExamples();
  expect(examples.length).toBeGreaterThanOrEqual(3);
  const files = ["app-server.ts", "notification-worker.ts", ...examples];
  const said = await run(join(root, "node_modules/.bin/tsc"), [...options, ...files], { cwd: folder }).catch(
    (error: { readonly stdout: string }) => error,
  );
  expect(said.stdout).toBe("");
});

test("the README’s examples run, with their Redis and without it", { timeout: patience }, async () => {
  const { database, env } = await platform();
  const redis = await startRedis(workspace, { name: "redis" });
  const cluster = await startRedisCluster(workspace, { name: "cluster", shards: 3, replicasPerShard: 0 });
  const address = `127.0.0.1:${redis.port}`;
  const all = {
    ...env,
    RATE_LIMIT_REDIS: address,
    SEQUENCE_REDIS: address,
    REGISTRY_REDIS: address,
    DEDUP_REDIS: address,
    CLUSTER_NODE: `127.0.0.1:${cluster.nodes[0]?.port}`,
    EXPOSURES_DIRECTORY: join(folder, "exposures"),
  };
  const app = `
    import { onMessage } from "./app-server.ts";
    const results = [];
    for (let index = 0; index < 11; index++) results.push(
      await onMessage({ messageId: crypto.randomUUID(), senderId: "ann", conversationId: "ann-bob", userId: "bob", text: "hello" }),
    );
    console.log(JSON.stringify(results));`;
  const accepted = { status: 202, outcome: "pending" };
  const limited = await print(app, all);
  expect(limited).toEqual([...Array<typeof accepted>(10).fill(accepted), { status: 429 }]);

  await database.query("INSERT INTO preferences VALUES ('carl', 'sms', true)");
  const worker = `
    import { onNotification } from "./notification-worker.ts";
    const send = (id: string, userId: string) =>
      onNotification({ id, userId, priority: "normal", redelivered: false }, async () => new Response(null, { status: 201 }));
    console.log(JSON.stringify([await send("1", "bob"), await send("1", "bob"), await send("2", "carl")]));`;
  expect(await print(worker, all)).toEqual(["sent", "duplicate", "opted out"]);

  await redis.kill();
  for (const { server } of cluster.nodes) await server.kill();
  expect(await print(app, all)).toEqual(Array<typeof accepted>(11).fill(accepted));
  expect(await print(worker, all)).toEqual(["sent", "sent", "opted out"]);
  const { rows } = await database.query("SELECT count(*)::int AS waiting FROM pending_deliveries");
  expect(rows).toEqual([{ waiting: 21 }]);
  await database.end();
});
