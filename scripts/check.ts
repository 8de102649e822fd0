import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allowedSkips } from "../test/allowed-skips.ts";

/** One check of `make test`: a command, and what else must hold after it. */
interface Check {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly after?: () => string | undefined;
}

const folder = mkdtempSync(join(tmpdir(), "redisops-check-"));

interface VitestReport {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** Every skipped test must be on the explicit list. */
function unexpectedSkips(report: string): string | undefined {
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as VitestReport;
  const skipped = testResults
    .flatMap((file) => file.assertionResults)
    .filter(({ status }) => status !== "passed" && status !== "failed")
    .map(({ fullName }) => fullName);
  const unexpected = skipped.filter((name) => !allowedSkips.some((allowed) => name.includes(allowed)));
  if (unexpected.length === 0) return undefined;
  return `skipped without being on the list in test/allowed-skips.ts:\n  ${unexpected.join("\n  ")}`;
}

function vitest(name: "unit" | "integration" | "drills"): Check {
  const report = join(folder, `${name}.json`);
  return {
    name,
    command: [
      "vitest",
      "run",
      "--project",
      name,
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
    ],
    after: () => unexpectedSkips(report),
  };
}

const checks: readonly Check[] = [
  { name: "format and lint", command: ["npm", "run", "--silent", "lint"] },
  { name: "types", command: ["npm", "run", "--silent", "types"] },
  { name: "import rules", command: ["npm", "run", "--silent", "imports"] },
  { name: "unused code", command: ["npm", "run", "--silent", "unused"] },
  { name: "generated output", command: ["npm", "run", "--silent", "verify"] },
  { name: "promtool and amtool", command: ["npm", "run", "--silent", "test:alerts"] },
  vitest("unit"),
  vitest("integration"),
  vitest("drills"),
];

const failed: string[] = [];
for (const { name, command, after } of checks) {
  process.stdout.write(`\n== ${name}\n`);
  const started = performance.now();
  const [program, ...words] = command;
  const { status } = spawnSync(program, words, { stdio: "inherit" });
  const complaint = status === 0 ? after?.() : `exit code ${status}`;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (complaint !== undefined) {
    failed.push(name);
    process.stdout.write(`${complaint}\n`);
  }
  process.stdout.write(`== ${name}: ${complaint === undefined ? "passed" : "FAILED"} in ${seconds} s\n`);
}
rmSync(folder, { recursive: true });

if (failed.length > 0) process.stdout.write(`\nfailed checks: ${failed.join(", ")}\n`);
process.stdout.write(`\n${checks.length - failed.length} passed, ${failed.length} failed\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
