import { existsSync } from "node:fs";
import { readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { RedisopsChild } from "../fixtures/redisops-child.ts";
import { addTypeScript, install, installOldestNode, pack, root, runNode, type Tarball } from "./installed.ts";

const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
  readonly version: string;
};

let workspace: Workspace;
let tarball: Tarball;
let folder: string;
let redis: RedisServer;
let config: string;
/** Node by the name that a test has it under. */
let nodes: Readonly<Record<"22" | "24", string>>;

const secret = "a-token-of-the-test";

beforeAll(async () => {
  workspace = await createWorkspace("package");
  const [packed, oldest, server] = await Promise.all([
    workspace.folder("packed").then(pack),
    installOldestNode(workspace),
    startRedis(workspace, { name: "token_bucket" }),
  ]);
  tarball = packed;
  redis = server;
  nodes = { 22: oldest, 24: join(root, "node_modules/node/bin/node") };
  folder = await install(workspace, "empty", tarball, oldest);
  config = join(folder, "redisops.yaml");
  await writeFile(
    config,
    stringify({
      platform: "packed",
      roles: { token_bucket: { topology: "standalone", address: `127.0.0.1:${redis.port}` } },
      providers: {
        sendgrid: {
          ...{ kind: "sendgrid", base_url: "http://127.0.0.1:9", probe: false },
          accounts: { main: { limit_per_second: 1, burst: 1000, api_key: "${TEST_KEY}" } },
        },
      },
      state_dir: join(folder, "state"),
    }),
  );
}, 10 * patience);

afterAll(async () => {
  await workspace?.close();
});

const versions = ["22", "24"] as const;
const program = "node_modules/redisops/bin/redisops.js";

describe("the tarball", () => {
  test("has what a user needs and nothing of the development", async () => {
    const kilobytes = (bytes: number) => `${Math.round(bytes / 1000)} kB`;
    process.stdout.write(
      `the package: ${kilobytes(tarball.size)} packed, ${kilobytes(tarball.unpackedSize)} unpacked, ${tarball.files.length} files\n`,
    );
    const places = new Set(tarball.files.map((path) => /^(?:dist\/[^/]+|[^/]+)/.exec(path)?.[0]));
    const compiled = [
      "alerts",
      "catalog",
      "cli",
      "core",
      "dashboards",
      "exporters",
      "fallbacks",
      "operations",
    ];
    expect([...places].sort()).toEqual(
      [
        ...["alerts", "bin", "dashboards", "docs", "runbooks"],
        ...["CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md", "package.json", "redisops.example.yaml"],
        ...[...compiled, "recovery", "runbooks"].map((name) => `dist/${name}`),
      ].sort(),
    );
    expect(tarball.files.filter((path) => /\.ts$/.test(path) && !/\.d\.ts$/.test(path))).toEqual([]);
    expect(tarball.files.filter((path) => /(?:^|\/)(?:test|lab|bench|node_modules)\//.test(path))).toEqual(
      [],
    );
  });

  test("was compiled from sources that are there", () => {
    const compiled = tarball.files.filter((path) => path.startsWith("dist/") && path.endsWith(".js"));
    expect(compiled.length).toBeGreaterThan(100);
    const sources = compiled.map((path) => path.replace(/^dist\//, "").replace(/\.js$/, ".ts"));
    expect(sources.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test("has the whole licence, and no dependency that npm runs scripts of", async () => {
    const licence = await readFile(join(folder, "node_modules/redisops/LICENSE"), "utf8");
    expect(licence).toContain("Version 2.0, January 2004");
    for (const part of ["9. Accepting Warranty", "END OF TERMS AND CONDITIONS", "APPENDIX"]) {
      expect(licence).toContain(part);
    }
    const lock = JSON.parse(await readFile(join(folder, "package-lock.json"), "utf8")) as {
      packages: Readonly<Record<string, { readonly hasInstallScript?: boolean }>>;
    };
    const scripted = Object.entries(lock.packages).filter(
      ([, { hasInstallScript }]) => hasInstallScript === true,
    );
    // Only it has, for its own sake: without it protobufjs works the same.
    expect(scripted.map(([path]) => path.split("node_modules/").at(-1))).toEqual(["protobufjs"]);
  });
});

describe.each(versions)("installed in an empty folder, on Node %s", (version) => {
  const redisops = (...words: string[]) =>
    runNode(nodes[version], folder, [program, ...words], { TEST_KEY: secret });

  test("every module of the package loads", async () => {
    const all = tarball.files.filter((path) => path.startsWith("dist/") && path.endsWith(".js"));
    const list = join(folder, "load-all.mjs");
    // What is only run by itself, and would do its work when it is loaded.
    const programs = ["dist/exporters/web-config/bcrypt-worker.js"];
    const urls = all
      .filter((path) => !programs.includes(path))
      .map((path) => pathToFileURL(join(folder, "node_modules/redisops", path)).href);
    await writeFile(
      list,
      `for (const url of ${JSON.stringify(urls)}) await import(url);\nprocess.exit(0);\n`,
    );
    expect(await runNode(nodes[version], folder, [list])).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("--version, --help, the example’s configuration, the catalog and a runbook", async () => {
    const written = await readFile(join(folder, "node_modules/redisops/redisops.example.yaml"), "utf8");
    const example = join(folder, `example-${version}.yaml`);
    await writeFile(example, written.replace(/\$\{\w+\}|file:\S+/g, "${TEST_KEY}"));
    const [named, help, checked, catalog, page] = await Promise.all([
      redisops("--version"),
      redisops("--help"),
      redisops("config", "check", "--config", example),
      redisops("catalog"),
      redisops("runbook", "show", "BloomCold", "--offline"),
    ]);
    expect(named).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: "" });
    expect(help.stdout).toContain("redisops <command>");
    expect(checked.code, checked.stderr).toBe(0);
    expect(catalog.stdout).toContain("BloomCold");
    expect(page.stdout).toContain("redisops recover bloom --execute");
  });

  test("alerts, boards and manifests are generated, and need no lab", async () => {
    const out = join(folder, `generated-${version}`);
    const [alerts, boards, manifests, lab] = await Promise.all([
      redisops("generate", "alerts", "--out", join(out, "alerts")),
      redisops("generate", "dashboards", "--out", join(out, "boards")),
      redisops("generate", "kubernetes", "--out", join(out, "kubernetes")),
      redisops("lab", "status"),
    ]);
    for (const { code, stderr } of [alerts, boards, manifests]) expect(code, stderr).toBe(0);
    expect(await readdir(join(out, "alerts"))).toContain("redisops.rules.yml");
    expect(lab.stderr).toContain("LAB_MISSING");
  });

  test("the exporter answers a scrape, and a recovery is planned and carried out", async () => {
    const address = `127.0.0.1:${await workspace.port()}`;
    const exporter = new RedisopsChild(
      ["exporter", "--web.listen-address", address, "--config", config],
      { PATH: "", HOME: folder, TEST_KEY: secret },
      [nodes[version], join(folder, program)],
    );
    try {
      await exporter.says("listens at");
      const page = await (await fetch(`http://${address}/metrics`)).text();
      expect(page).toContain('redisops_role_up{role="token_bucket"} 1');
    } finally {
      exporter.kill("SIGTERM");
      expect((await exporter.outcome).code).toBe(0);
    }
    const client = new Redis({ port: redis.port });
    await client.hset("bucket:sendgrid:main", { tokens: 0, updated_ms: Date.now() });
    client.disconnect();
    const plan = await redisops("recover", "token-buckets");
    expect(plan, plan.stderr).toMatchObject({ code: 2 });
    const run = await redisops("recover", "token-buckets", "--execute");
    expect(run.stdout, run.stderr).toContain("Verification holds");
  });
});

describe("redisops/fallbacks alone", () => {
  const example = `
    import { DedupClient, RateLimiter, Secret, type DedupVerdict } from "redisops/fallbacks";
    export const secret: Secret = new Secret("\${NAME}");
    export const clients: readonly unknown[] = [DedupClient, RateLimiter];
    export const verdict: DedupVerdict | undefined = undefined;
    // @ts-expect-error this is no verdict: without its types anything would be one
    export const wrong: DedupVerdict = 42;
  `;
  const dynamic = `
    import type { DedupVerdict } from "redisops/fallbacks" with { "resolution-mode": "import" };
    export const load = async () => (await import("redisops/fallbacks")).DedupClient;
    // @ts-expect-error this is no verdict
    export const wrong: DedupVerdict = 42;
  `;

  const compiled = (code: string, files: readonly string[], module: string) => ({
    files: Object.fromEntries(files.map((file) => [file, code])),
    module,
  });

  test.each([
    { consumer: "ESM and CommonJS, nodenext", ...compiled(example, ["app.mts", "app.cts"], "nodenext") },
    { consumer: "ESM, node16", ...compiled(example, ["app.mts"], "node16") },
    { consumer: "CommonJS by import(), node16", ...compiled(dynamic, ["app.cts"], "node16") },
    { consumer: "a bundler", ...compiled(example, ["app.ts"], "preserve") },
  ])("its types are right for $consumer", { timeout: 3 * patience }, async ({ consumer, files, module }) => {
    const project = await workspace.folder(`consumer-${consumer.replace(/\W+/g, "-")}`);
    await symlink(join(folder, "node_modules"), join(project, "node_modules"));
    const tsc = await addTypeScript(folder);
    await writeFile(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
    for (const [file, code] of Object.entries(files)) await writeFile(join(project, file), code);
    const resolution = module === "preserve" ? { moduleResolution: "bundler" } : {};
    const settings = { strict: true, skipLibCheck: false, noEmit: true, target: "es2024", types: ["node"] };
    const compilerOptions = { ...settings, module, ...resolution };
    await writeFile(
      join(project, "tsconfig.json"),
      JSON.stringify({ compilerOptions, files: Object.keys(files) }),
    );
    expect(await runNode(nodes[24], project, [tsc, "-p", "."])).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test.each(versions)("loads by import and by require on Node %s", async (version) => {
    const words = ["DedupClient", "RateLimiter", "Secret"];
    const print = `console.log(${JSON.stringify(words)}.map((name) => typeof fallbacks[name]).join());`;
    await writeFile(join(folder, "esm.mjs"), `import * as fallbacks from "redisops/fallbacks";\n${print}\n`);
    await writeFile(
      join(folder, "commonjs.cjs"),
      `const fallbacks = require("redisops/fallbacks");\n${print}\n`,
    );
    for (const file of ["esm.mjs", "commonjs.cjs"]) {
      const ended = await runNode(nodes[version], folder, [file]);
      expect(ended, file).toEqual({ code: 0, stdout: "function,function,function\n", stderr: "" });
    }
  });

  test("loads few packages, and how large they are is told", async () => {
    const script = join(root, "test/package/loaded-bytes.mjs");
    const module = join(folder, "node_modules/redisops/dist/fallbacks/index.js");
    const { stdout, stderr } = await runNode(nodes[24], folder, [script, pathToFileURL(module).href]);
    expect(stderr).toBe("");
    const bytes = JSON.parse(stdout) as Record<string, number>;
    const all = Object.values(bytes).reduce((sum, own) => sum + own, 0);
    process.stdout.write(
      `redisops/fallbacks loads ${Math.round(all / 1000)} kB of code, ${Math.round((bytes.redisops ?? 0) / 1000)} kB of them its own: ${Object.keys(bytes).sort().join(", ")}\n`,
    );
    expect(Object.keys(bytes)).toEqual(expect.arrayContaining(["redisops", "ioredis", "pg", "prom-client"]));
    expect(
      Object.keys(bytes).filter((name) => /^(?:yargs|fastify|zod|yaml|@grafana|@platformatic)/.test(name)),
    ).toEqual([]);
    // It is a few hundred kB; a tool of the command line that slips in would be as large again.
    expect(bytes.redisops).toBeLessThan(400_000);
    expect(all).toBeLessThan(2_500_000);
  });
});
