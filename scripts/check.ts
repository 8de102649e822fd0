import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allowedSkips } from "../test/allowed-skips.ts";
import { failures, skippedTests } from "./vitest-report.ts";

/** One check of `make test`: a command, and what else must hold after it. */
interface Check {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly env?: NodeJS.ProcessEnv;
  readonly after?: () => string | undefined;
  /** What to say about a command that failed, once more at the end of the log. */
  readonly failures?: () => string;
}

const folder = mkdtempSync(join(tmpdir(), "redisops-check-"));

/** Every skipped test must be on the explicit list. */
function unexpectedSkips(report: string): string | undefined {
  const unexpected = skippedTests(report).filter(
    (name) => !allowedSkips.some((allowed) => name.includes(allowed)),
  );
  if (unexpected.length === 0) return undefined;
  return `skipped without being on the list in test/allowed-skips.ts:\n  ${unexpected.join("\n  ")}`;
}

/** `words` are further options of vitest. */
function vitest(
  name: "unit" | "integration" | "package" | "chaos" | "drills",
  words: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Check {
  const report = join(folder, `${name}.json`);
  return {
    name,
    command: [
      "vitest",
      "run",
      "--project",
      name,
      ...words,
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
    ],
    env,
    after: () => unexpectedSkips(report),
    failures: () => failures(report),
  };
}

const checks: readonly Check[] = [
  { name: "format and lint", command: ["npm", "run", "--silent", "lint"] },
  { name: "types", command: ["npm", "run", "--silent", "types"] },
  { name: "import rules", command: ["npm", "run", "--silent", "imports"] },
  { name: "unused code", command: ["npm", "run", "--silent", "unused"] },
  { name: "generated output", command: ["npm", "run", "--silent", "verify"] },
  // With all worlds as Prometheus 3 reads them: npm run test:alerts.
  { name: "promtool and amtool", command: ["npm", "run", "--silent", "test:alerts", "--", "--short"] },
  vitest("unit"),
  // Most of their time the tests wait for servers. All of their long series: npm run test:long.
  vitest("integration", ["--maxWorkers=3"]),
  vitest("package"),
  // Two kills in each recovery, always the same draws. Two hundred, by new draws: npm run test:chaos.
  vitest("chaos", [], { REDISOPS_CHAOS_KILLS: "12", REDISOPS_CHAOS_SEED: "6" }),
  // All of them: npm run test:runbooks.
  vitest("drills", [], { REDISOPS_DRILLS_SHORT: "1" }),
];

const failed: { readonly name: string; readonly complaint: string }[] = [];
for (const { name, command, env, after, failures: told } of checks) {
  process.stdout.write(`\n== ${name}\n`);
  const started = performance.now();
  const [program, ...words] = command;
  const { status } = spawnSync(program, words, { stdio: "inherit", env: { ...process.env, ...env } });
  const complaint = status === 0 ? after?.() : `exit code ${status}`;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (complaint !== undefined) {
    failed.push({ name, complaint: status === 0 ? complaint : (told?.() ?? `  ${complaint}`) });
    process.stdout.write(`${complaint}\n`);
  }
  process.stdout.write(`== ${name}: ${complaint === undefined ? "passed" : "FAILED"} in ${seconds} s\n`);
}
rmSync(folder, { recursive: true });

if (failed.length > 0) {
  process.stdout.write(`\nfailed checks: ${failed.map(({ name }) => name).join(", ")}\n`);
  for (const { name, complaint } of failed) process.stdout.write(`\n${name}:\n${complaint}\n`);
}
process.stdout.write(`\n${checks.length - failed.length} passed, ${failed.length} failed\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
