import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { boards } from "../../catalog/boards.ts";
import { findProgram } from "../../lab/binaries.ts";
import { printedError, run } from "./run.ts";

const webhook = "http://127.0.0.1:9/hook/3f9c-distinctive";
const env = { PAGE_WEBHOOK: webhook };

const config = `platform: test
roles: {}
thresholds:
  BloomCold: { absent_ratio: 0.123, for: 7s }
  ProviderThrottled: { window: 9m }
alerting:
  runbook_base_url: https://runbooks.example/pages/
  dashboard_base_url: https://grafana.example
  receivers: { page: { webhook: "\${PAGE_WEBHOOK}" } }
`;

const alertFiles = [
  "redisops.rules.yml",
  "redisops.prometheusrule.yaml",
  "redisops.tmpl",
  "alertmanager.yml",
];

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "redisops-generate-"));
  path = join(folder, "redisops.yaml");
  await writeFile(path, config);
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const generate = (kind: string, out: string, ...words: string[]) =>
  run(["generate", kind, "--config", path, "--out", out, ...words], env);

const accessOf = async (file: string) => ((await stat(file)).mode & 0o777).toString(8);

const tool = (name: string, ...words: string[]) =>
  execFileSync(findProgram(name), words, { encoding: "utf8", stdio: "pipe" });

test("alerts are rules that promtool and a configuration that amtool accepts, with this platform’s values", async () => {
  const out = join(folder, "new", "alerts");
  const { code, stdout, stderr } = await generate("alerts", out);
  const [rules, alertmanager] = [join(out, "redisops.rules.yml"), join(out, "alertmanager.yml")];
  const files = alertFiles.map((name) => join(out, name));
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${files.join("\n")}\n`, stderr: "" });
  expect((await readdir(out)).toSorted()).toEqual(alertFiles.toSorted());

  expect(tool("promtool", "check", "rules", rules)).toContain("SUCCESS");
  expect(tool("amtool", "check-config", alertmanager)).toContain("SUCCESS");
  const text = await readFile(rules, "utf8");
  expect(text).toMatch(/alert: BloomCold\n +expr: .*> 0\.123\).*\n +for: 7s/);
  expect(text).toContain("rate(redisops_provider_throttled_total[9m])");
  expect(text).toContain("runbook_url: https://runbooks.example/pages/BloomCold.md");
  expect(text).toContain("dashboard_url: https://grafana.example/d/redisops-dedup?from=now-1h&to=now");
  expect(await readFile(alertmanager, "utf8")).toContain(`url: ${webhook}`);
  for (const file of files.slice(0, -1)) expect(await readFile(file, "utf8"), file).not.toContain(webhook);
  expect(await readFile(join(out, "redisops.prometheusrule.yaml"), "utf8")).toMatch(
    /> 0\.123\).*\n +for: 7s/,
  );
});

test("dashboards draw this platform’s limits and link to its pages", async () => {
  const out = join(folder, "dashboards");
  const { code, stdout, stderr } = await generate("dashboards", out);
  const files = Object.keys(boards).map((uid) => join(out, `${uid}.json`));
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${files.join("\n")}\n`, stderr: "" });
  const text = await readFile(join(out, "redisops-dedup.json"), "utf8");
  expect(JSON.parse(text)).toHaveProperty("uid", "redisops-dedup");
  expect(text).toContain("12.3 %");
  expect(text).toContain("https://runbooks.example/pages/BloomCold.md");
});

test.each(["alerts", "dashboards"])(
  "%s can be read by others only where they hold no secret, whoever could read the ones before",
  async (kind) => {
    const out = join(folder, kind);
    await generate(kind, out);
    const files = (await readdir(out)).map((name) => join(out, name));
    const expected = (file: string) => (file.endsWith("alertmanager.yml") ? "600" : "644");
    for (const file of files) expect(await accessOf(file), file).toBe(expected(file));

    for (const file of files) {
      await writeFile(file, "old");
      await chmod(file, 0o666);
    }
    expect((await generate(kind, out)).code).toBe(0);
    for (const file of files) {
      expect(await accessOf(file), file).toBe(expected(file));
      expect(await readFile(file, "utf8")).not.toBe("old");
    }
    expect(await readdir(out)).toHaveLength(files.length);
  },
);

test("--json lists the files, and neither form tells a secret", async () => {
  const out = join(folder, "out");
  const outcome = await generate("alerts", out, "--json");
  expect({ code: outcome.code, document: JSON.parse(outcome.stdout) }).toEqual({
    code: 0,
    document: { files: alertFiles.map((name) => join(out, name)) },
  });
  const plain = await generate("alerts", out);
  expect(outcome.stdout + outcome.stderr + plain.stdout + plain.stderr).not.toContain("distinctive");
});

test("a folder that cannot be written to is told, and nothing is left there", async () => {
  await writeFile(join(folder, "file"), "");
  const { code, stdout, stderr } = await generate("alerts", join(folder, "file", "out"));
  expect({ code, stdout }).toEqual({ code: 64, stdout: "" });
  expect(stderr).toMatch(/^error USAGE {2}Cannot write to the folder ".*\/file\/out": ENOTDIR/);
  expect(stderr).toContain("next: Name a folder that can be written to with --out.");

  const taken = join(folder, "taken");
  await mkdir(join(taken, "redisops.rules.yml"), { recursive: true });
  const outcome = await generate("alerts", taken, "--json");
  expect(outcome.code).toBe(64);
  expect(printedError(outcome).message).toContain(`Cannot write to the folder "${taken}"`);
  expect(await readdir(taken)).toEqual(["redisops.rules.yml"]);
});

test("a webhook that cannot be read stops everything before anything is written", async () => {
  const out = join(folder, "out");
  const { code, stderr } = await run(["generate", "alerts", "--config", path, "--out", out]);
  expect(code).toBe(64);
  expect(stderr).toContain(
    "alerting.receivers.page.webhook: The environment variable PAGE_WEBHOOK is not set",
  );
  expect(await readdir(folder)).toEqual(["redisops.yaml"]);
});

test("kubernetes writes manifests with references to secrets and no secret, whatever is in the environment", async () => {
  const out = join(folder, "k8s");
  const { code, stdout, stderr } = await generate("kubernetes", out, "--namespace", "messaging", "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const files = (await readdir(out)).toSorted();
  const document = JSON.parse(stdout) as { files: string[] };
  expect(document.files.toSorted()).toEqual(files.map((name) => join(out, name)));
  expect(files).toContain("kustomization.yaml");
  for (const name of files) {
    const text = await readFile(join(out, name), "utf8");
    expect(text).not.toContain("3f9c-distinctive");
    if (name !== "kustomization.yaml") expect(text).toContain("namespace: messaging");
  }
});

test.each([
  ["--namespace", "Not A Name"],
  ["--secret", "-x"],
  ["--image", "$(reboot)"],
  ["--pods", "0"],
  ["--pods", "many"],
])("kubernetes refuses %s %s and writes nothing", async (option, value) => {
  const out = join(folder, "refused");
  const error = printedError(await generate("kubernetes", out, `${option}=${value}`, "--json"));
  expect(error).toMatchObject({ code: "USAGE", message: expect.stringContaining(option) });
  await expect(readdir(out)).rejects.toThrow("ENOENT");
});
