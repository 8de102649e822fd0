/**
 * `npm run test:alerts`: holds the committed rules against promtool, as Prometheus 2 and as Prometheus 3 read ranges, and
 * the committed Alertmanager configuration against amtool. Prints what was asserted. With `--short` only the worlds in
 * which a mode's alert fires, one of each mode, are read as Prometheus 3 does; `make test` does that.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parse } from "yaml";
import { inhibitRules } from "../alerts/alertmanager.ts";
import { defaultRuleOptions } from "../alerts/defaults.ts";
import { ruleTestFile } from "../alerts/rule-tests.ts";
import { alertSeverities, ruleLabels } from "../alerts/rules.ts";
import { modes } from "../catalog/modes.ts";
import { findProgram } from "../lab/binaries.ts";
import { assertionsOn } from "../test/closure/alerts.ts";
import { committedRuleTests } from "../test/closure/committed.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const rules = join(root, "alerts/rules/redisops.rules.yml");
const alertmanager = join(root, "alerts/alertmanager/alertmanager.yml");

/** Longest time for one program, in milliseconds. */
const deadline = 600_000;

const exec = promisify(execFile);

/** Runs a program; rejects with what it says. */
async function run(program: string, ...words: readonly string[]): Promise<string> {
  try {
    const { stdout } = await exec(findProgram(program), words, {
      // promtool makes a database for each world and throws it away: with less collecting it takes a fifth less.
      env: { ...process.env, GOGC: "500" },
      timeout: deadline,
      maxBuffer: 2 ** 26,
    });
    return stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${words.join(" ")} failed:\n${stdout}${stderr}`);
  }
}

/**
 * The rules with every range a millisecond shorter: Prometheus 3 leaves out a sample that is exactly as old as the range
 * is long, Prometheus 2 takes it. On samples at whole seconds both then see the same.
 */
function withoutLeftEnds(text: string): string {
  const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
  return text.replace(
    /\[(\d+)([smhd])(?=[\]:])/g,
    (_, amount: string, unit: keyof typeof units) => `[${Number(amount) * units[unit] - 1}ms`,
  );
}

type World = ReturnType<typeof ruleTestFile>["tests"][number];

/** One of each mode: the world that its alert's example is of. */
const examples = (worlds: readonly World[]) => worlds.filter((world) => "alert_rule_test" in world);

/**
 * Runs worlds on rules in as many promtools as there are processors for. The worlds are those of the catalog, of which
 * `npm run verify` proves that they are the committed ones.
 */
async function testWorlds(
  folder: string,
  passes: readonly { readonly rules: string; readonly worlds: readonly World[] }[],
): Promise<void> {
  const all = passes.flatMap((pass) => pass.worlds.map((world) => ({ rules: pass.rules, world })));
  const shares = availableParallelism();
  const files = Array.from({ length: shares }, (_, share) =>
    passes.map(({ rules: ruleFile }, pass) => {
      const tests = all
        .filter(({ rules }, index) => rules === ruleFile && index % shares === share)
        .map(({ world }) => world);
      const file = join(folder, `worlds-${share}-${pass}.yml`);
      // JSON is YAML, and far quicker written.
      writeFileSync(file, JSON.stringify({ rule_files: [ruleFile], evaluation_interval: "1m", tests }));
      return file;
    }),
  );
  await Promise.all(files.map((own) => run("promtool", "test", "rules", ...own)));
}

/** Runs the worlds on the committed rules as they are, and as Prometheus 3 reads them. Returns how many that were. */
async function testRules(folder: string, short: boolean): Promise<{ two: number; three: number }> {
  const asThree = join(folder, "rules.yml");
  writeFileSync(asThree, withoutLeftEnds(readFileSync(rules, "utf8")));
  const { tests: worlds } = ruleTestFile(rules, defaultRuleOptions());
  const three = short ? examples(worlds) : worlds;
  await testWorlds(folder, [
    { rules, worlds },
    { rules: asThree, worlds: three },
  ]);
  return { two: worlds.length, three: three.length };
}

/** Routes every alert that there can be; returns how many. */
async function testRoutes(): Promise<number> {
  const alerts = modes.flatMap((mode) =>
    alertSeverities(mode).map((severity) => ({
      labels: { alertname: mode.id, role: "registry", ...ruleLabels(mode, severity) },
      receiver: severity === "none" ? "watchdog" : severity,
    })),
  );
  for (const { labels, receiver } of alerts) {
    const matchers = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
    await run(
      "amtool",
      ...["config", "routes", "test", `--config.file=${alertmanager}`, `--verify.receivers=${receiver}`],
      ...matchers,
    );
  }
  return alerts.length;
}

const print = (line: string) => process.stdout.write(`${line}\n`);

const folder = mkdtempSync(join(tmpdir(), "redisops-test-alerts-"));
try {
  await run("promtool", "check", "rules", rules);
  const { groups } = parse(readFileSync(rules, "utf8")) as { groups: { rules: object[] }[] };
  const all = groups.flatMap((group) => group.rules);
  const alerts = all.filter((rule) => "alert" in rule).length;
  print(`rules: ${alerts} alerts of ${modes.length} modes, ${all.length - alerts} recordings`);

  const tests = committedRuleTests();
  const { two, three } = await testRules(folder, process.argv.includes("--short"));
  if (two !== tests.length)
    throw new Error("alerts/tests is not what the catalog says: run npm run generate");
  const counts = modes.map(({ id }) => assertionsOn(id, tests)).sort((a, b) => a - b);
  const queries = tests.reduce(
    (sum, test) => sum + test.promql_expr_test.length + (test.alert_rule_test?.length ?? 0),
    0,
  );
  const healthy = tests.filter(({ name }) => name.startsWith("healthy: ")).length;
  print(
    `promtool: ${two} worlds, ${healthy} of them healthy; ${queries} assertions with ranges as in Prometheus 2; ${three} of the worlds with ranges as in Prometheus 3`,
  );
  print(
    `assertions of each alert in its own worlds: ${counts[0]} at least, ${counts[Math.floor(counts.length / 2)]} in the median`,
  );

  await run("amtool", "check-config", alertmanager);
  const targets = inhibitRules.reduce(
    (sum, { target_matchers }) => sum + (target_matchers[0]?.split("|").length ?? 0),
    0,
  );
  print(`amtool: ${targets} inhibitions in ${inhibitRules.length} rules, ${await testRoutes()} routes`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
