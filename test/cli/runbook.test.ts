import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { modes } from "../../catalog/modes.ts";
import { startLoopbackHttp } from "../../lab/servers/loopback-http.ts";
import type { LiveMode } from "../../operations/diagnosis/observe-mode.ts";
import { patience } from "../fixtures/processes.ts";
import { redisopsCommand } from "../fixtures/redisops-child.ts";
import { printedError, run } from "./run.ts";
import { type SmallPlatform, startSmallPlatform } from "./small-platform.ts";

interface ShownPage {
  readonly mode: string;
  readonly url: string;
  readonly thresholds: Readonly<Record<string, unknown>>;
  readonly verified: { readonly state: string };
  readonly live: LiveMode | null;
  readonly page: string;
}

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redisops-runbook-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs the CLI in a folder of the test's. */
function runIn(
  cwd: string,
  words: readonly string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  const [program, ...first] = redisopsCommand;
  return new Promise((resolve) => {
    execFile(
      program,
      [...first, ...words],
      { cwd, env: { PATH: process.env.PATH } },
      (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
      },
    );
  });
}

describe("without a redisops.yaml", { timeout: patience }, () => {
  test("list has every mode under its role, with severity and command", async () => {
    const [text, json] = await Promise.all([run(["runbook", "list"]), run(["runbook", "list", "--json"])]);
    expect({ code: text.code, stderr: text.stderr }).toEqual({ code: 0, stderr: "" });
    for (const { id } of modes)
      expect(text.stdout).toMatch(new RegExp(`^  ${id} +(?:page|ticket|none|page/ticket) `, "m"));
    expect(text.stdout).toMatch(
      /^Deduplication filter\n(?: {2}.*\n)* {2}BloomCold +page +.* {2}redisops recover bloom$/m,
    );
    for (const line of text.stdout.split("\n")) expect(line.length, line).toBeLessThanOrEqual(120);
    const { modes: listed } = JSON.parse(json.stdout) as { modes: { mode: string }[] };
    expect(listed.map(({ mode }) => mode)).toEqual(modes.map(({ id }) => id));
  });

  test("show prints a page, whatever the case of its name", async () => {
    const { code, stdout, stderr } = await run(["runbook", "show", "bloomcold"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^BloomCold: /);
    for (const title of ["DECIDE", "RECOVER", "VERIFY", "FACTS"]) expect(stdout).toContain(`\n${title}\n`);
    expect(stdout).not.toContain("NOW, ON");
  });

  test("show --json has the page as Markdown, and nothing live", async () => {
    const { code, stdout } = await run(["runbook", "show", "BloomCold", "--json"]);
    const shown = JSON.parse(stdout) as ShownPage;
    expect(code).toBe(0);
    expect(shown).toMatchObject({ mode: "BloomCold", live: null, thresholds: { absent_ratio: 0.05 } });
    expect(shown.page).toContain("\n## Decide\n");
  });

  test("a redisops.yaml that is broken does not keep the page from being read; one of --config does, and no site is built", async () => {
    await writeFile(join(folder, "redisops.yaml"), "platform: [\n");
    const lying = await runIn(folder, ["runbook", "show", "BloomCold"]);
    expect(lying.code).toBe(0);
    expect(lying.stdout).toContain("\nDECIDE\n");
    expect(lying.stderr).toMatch(/^warning: redisops\.yaml has .*the catalog’s are shown/s);
    const named = await run([
      "runbook",
      "show",
      "BloomCold",
      "--config",
      join(folder, "redisops.yaml"),
      "--json",
    ]);
    expect(named.code).toBe(64);
    expect(printedError(named).code).toBe("CONFIG_SYNTAX");
    const missing = await run(["runbook", "show", "BloomCold"], { REDISOPS_CONFIG: "/nowhere.yaml" });
    expect(missing.code).toBe(0);
    expect(missing.stdout).toContain("\nDECIDE\n");
    expect(missing.stderr).toMatch(/^warning: .*\/nowhere\.yaml.*the catalog’s are shown/s);
    const site = await runIn(folder, ["runbook", "build", "--out", join(folder, "never")]);
    expect(site.code).toBe(64);
    expect(site.stderr).toContain("CONFIG_SYNTAX");
    expect(await readdir(folder)).not.toContain("never");
  });

  test.each([
    ["BloomCould", "There is no mode called BloomCould. Did you mean BloomCold?"],
    ["bloom", "There is no mode called bloom. Did you mean BloomCold or BloomSaturated?"],
    ["blom", "There is no mode called blom. Did you mean BloomCold or BloomSaturated?"],
    ["nothing-like-it", "There is no mode called nothing-like-it"],
  ])("%s is no mode: usage, with what may be meant", async (name, message) => {
    const outcome = await run(["runbook", "show", name, "--json"]);
    expect(outcome.code).toBe(64);
    expect(printedError(outcome)).toMatchObject({ code: "USAGE", message });
    expect((await run(["runbook", "open", name])).code).toBe(64);
  });

  test.each([
    [["MEMORY_SHORT"], "BloomCold"],
    [["redisops_bloom_canary_absent_ratio"], "BloomCold"],
    [["bloom", "cold"], "BloomCold"],
    [["bloomcold"], "BloomCold"],
    [["heartbeat"], "Watchdog"],
    [["429"], "ProviderThrottled"],
  ])("search %s finds %s first", async (words, first) => {
    const { code, stdout } = await run(["runbook", "search", ...words]);
    expect(code).toBe(0);
    expect(stdout.split(/\s/)[0]).toBe(first);
  });

  test("search tells where it found what, as JSON, and exits 1 when there is nothing", async () => {
    const { stdout } = await run(["runbook", "search", "MEMORY_SHORT", "--json"]);
    const { query, modes: found } = JSON.parse(stdout) as {
      query: string;
      modes: { mode: string; words: string[]; found: { field: string; text: string } }[];
    };
    expect(query).toBe("MEMORY_SHORT");
    expect(found[0]).toMatchObject({ mode: "BloomCold", words: ["memory_short"] });
    expect(found[0]?.found.text).toContain("MEMORY_SHORT");
    const none = await run(["runbook", "search", "zeppelin"]);
    expect(none).toEqual({ code: 1, stdout: "No mode mentions zeppelin.\n", stderr: "" });
  });

  test("open prints the address where stdout is no terminal", async () => {
    const config = join(folder, "own.yaml");
    await writeFile(
      config,
      "platform: own\nroles: {}\nalerting: { runbook_base_url: https://runbooks.example/pages/ }\n",
    );
    const url = "https://runbooks.example/pages/BloomCold.md";
    expect(await run(["runbook", "open", "bloomcold", "--config", config])).toEqual({
      code: 0,
      stdout: `${url}\n`,
      stderr: "",
    });
    const { stdout } = await run(["runbook", "open", "BloomCold", "--config", config, "--json"]);
    expect(JSON.parse(stdout)).toEqual({ mode: "BloomCold", url, opened: false });
  });

  test("build writes the pages as HTML, with the platform’s own thresholds", async () => {
    const config = join(folder, "strict.yaml");
    await writeFile(
      config,
      "platform: strict\nroles: {}\nthresholds: { BloomCold: { absent_ratio: 0.123 } }\n",
    );
    const out = join(folder, "new", "site");
    const { code, stdout, stderr } = await run(["runbook", "build", "--out", out, "--config", config]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(`${modes.length + 2} pages; begin with ${join(out, "index.html")}\n`);
    const expected = ["index.html", "errors.html", ...modes.map(({ id }) => `${id}.html`)];
    expect((await readdir(out)).toSorted()).toEqual(expected.toSorted());
    expect(await readFile(join(out, "BloomCold.html"), "utf8")).toContain("&gt; 0.123");
    expect(await readFile(join(out, "index.html"), "utf8")).toContain("<title>Runbooks of strict</title>");
    const refused = await run(["runbook", "build", "--out", join(config, "below")]);
    expect(refused.code).toBe(64);
  });
});

describe("with a platform", { timeout: patience }, () => {
  let platform: SmallPlatform;

  beforeAll(async () => {
    platform = await startSmallPlatform();
  }, patience);

  afterAll(() => platform?.close());

  /** Generous to a busy machine. */
  const exporter = { probe_timeout: "4s" };

  async function shown(mode: string, config: string, ...words: string[]) {
    const { code, stdout, stderr } = await platform.run([
      "runbook",
      "show",
      mode,
      "--config",
      config,
      "--json",
      ...words,
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return JSON.parse(stdout) as ShownPage;
  }

  test("the mode’s value, limit and the role’s row are filled in, and change with the platform", async () => {
    const config = await platform.configure({ exporter, thresholds: { BloomCold: { absent_ratio: 0.2 } } });
    const healthy = await shown("BloomCold", config);
    expect(healthy.thresholds).toMatchObject({ absent_ratio: 0.2 });
    expect(healthy.page).toContain("> 0.2)");
    expect(healthy.live).toMatchObject({
      platform: "small",
      source: "probes",
      holds: false,
      findings: [{ labels: { role: "dedup" }, value: 0, holds: false }],
      rows: [{ role: "dedup", state: "ok" }],
      problems: [],
    });
    await platform.redis.dedup.restart({ empty: true });
    try {
      expect((await shown("BloomCold", config)).live).toMatchObject({
        holds: true,
        findings: [{ value: 1, holds: true }],
        rows: [{ role: "dedup", state: "degraded", modes: [{ id: "BloomCold" }] }],
      });
      const { stdout } = await platform.run(["runbook", "show", "BloomCold", "--config", config]);
      const block = /\nNOW, ON small\n(.*?)\n\n/s.exec(stdout)?.[1] ?? "";
      expect(block).toMatch(/^ {2}BloomCold +holds, says a probe$/m);
      expect(block).toMatch(/^ {2}holds when +the value is > 0\.2$/m);
      expect(block).toMatch(/^ {2}value +role dedup: 1, holds$/m);
      expect(block).toMatch(/absent_ratio 0\.2 \(default 0\.05\)/);
      expect(block).toMatch(
        /^ {2}dedup +127\.0\.0\.1:\d+ {2}degraded; BloomCold; .*known-sent ids absent 100\.0 % of 200/m,
      );
      // First what to do, then what is, then the page.
      expect(stdout.indexOf("redisops recover bloom")).toBeLessThan(stdout.indexOf("NOW, ON"));
      expect(stdout.indexOf("NOW, ON")).toBeLessThan(stdout.indexOf("\nWHAT IT MEANS\n"));
    } finally {
      await platform.fillFilter();
    }
  });

  test("--offline does not look at the platform, and still has its thresholds", async () => {
    const config = await platform.configure({ thresholds: { BloomCold: { absent_ratio: 0.3 } } });
    const { live, thresholds } = await shown("BloomCold", config, "--offline");
    expect(live).toBeNull();
    expect(thresholds).toMatchObject({ absent_ratio: 0.3 });
  });

  test("a platform that does not answer is said to, and the page is printed", async () => {
    const config = await platform.configure({
      exporter,
      roles: {
        dedup: {
          topology: "standalone",
          address: `127.0.0.1:${await platform.workspace.port()}`,
          filter: { engine: "bitmap", capacity: 1000 },
        },
      },
    });
    const { live } = await shown("BloomCold", config);
    expect(live).toMatchObject({ source: "none", holds: null, findings: [], rows: [{ state: "refused" }] });
    expect(live?.problems).toEqual([expect.stringContaining("does not answer")]);
    const { code, stdout } = await platform.run(["runbook", "show", "BloomCold", "--config", config]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}BloomCold +not known$/m);
    expect(stdout).toContain("\nDECIDE\n");
  });

  test("what only Prometheus knows is asked there, and its alert is shown", async () => {
    const activeAt = new Date(Date.now() - 600_000).toISOString();
    const alert = {
      labels: { alertname: "ExporterDown" },
      annotations: {},
      state: "firing",
      activeAt,
      value: "1",
    };
    const { url } = await startLoopbackHttp(platform.workspace, "prometheus", (request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? "", "http://127.0.0.1");
      if (pathname === "/api/v1/alerts")
        response.end(JSON.stringify({ status: "success", data: { alerts: [alert] } }));
      else if (pathname === "/api/v1/query" && searchParams.get("query")?.includes("up{")) {
        const result = [{ metric: { job: "redisops" }, value: [Date.now() / 1000, "0"] }];
        response.end(JSON.stringify({ status: "success", data: { resultType: "vector", result } }));
      } else response.writeHead(404).end();
    });
    const { live } = await shown("ExporterDown", await platform.configure({ exporter, prometheus: { url } }));
    expect(live).toMatchObject({
      source: "prometheus",
      holds: true,
      alerts: [{ state: "firing", since: activeAt }],
    });
  });

  test("a Prometheus that is away is a line, and not the end", async () => {
    const url = `http://127.0.0.1:${await platform.workspace.port()}`;
    const config = await platform.configure({ exporter, prometheus: { url } });
    const { live } = await shown("ExporterDown", config);
    expect(live).toMatchObject({ source: "none", holds: null });
    expect(live?.problems).toEqual([expect.stringMatching(/^Prometheus at http.*ECONNREFUSED/)]);
    const missing = await shown("ExporterDown", await platform.configure({ exporter }));
    expect(missing.live?.problems).toEqual([expect.stringContaining("prometheus.url")]);
  });
});
