import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { exitCodes } from "../../core/error-codes.ts";

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");

/** A run of the program that ends with a code: in a transcript, or else in a test that says so. */
type Shown =
  | { readonly transcript: string; readonly command: string }
  | { readonly situation: string; readonly command: string; readonly test: string; readonly says: string };

const shown: Readonly<Record<keyof typeof exitCodes, Shown>> = {
  done: { transcript: "recover-bloom", command: "redisops recover bloom --execute" },
  failed: { transcript: "server-gone", command: "redisops recover bloom" },
  planHasChanges: { transcript: "recover-bloom", command: "redisops recover bloom" },
  stale: { transcript: "recover-stale-plan", command: "redisops recover apply plan.json" },
  notConfirmed: { transcript: "drill", command: "redisops drill run RedisHung --target small.yaml" },
  resumable: {
    situation: "the primary is exchanged while the filter is built",
    command: "redisops recover bloom --execute",
    test: "test/integration/recovery-faults-bloom.test.ts",
    says: "expect(code).toBe(5)",
  },
  lockHeld: { transcript: "recover-locked", command: "redisops recover token-buckets --execute" },
  verificationFailed: {
    situation: "ids are in Postgres that the new filter was not given",
    command: "redisops recover bloom --execute",
    test: "test/integration/recover-verification.test.ts",
    says: "expect(outcome.code).toBe(7)",
  },
  notOverwritten: {
    transcript: "init",
    command: "redisops init --non-interactive --redis 127.0.0.1:22222 --out draft.yaml",
  },
  usage: { transcript: "config", command: "redisops config check --config wrong.yaml" },
  denied: {
    situation: "Grafana rejects the token",
    command: "redisops dashboards push",
    test: "test/cli/dashboards.test.ts",
    says: "expect(denied.code).toBe(77)",
  },
  webConfig: { transcript: "exporter", command: "redisops exporter --web.config.file missing.yml" },
  interrupted: {
    situation: "Ctrl-C",
    command: "redisops status --watch",
    test: "test/cli/watch.test.ts",
    says: "expect((await child.outcome).code).toBe(130)",
  },
};

/** How a command ended in a transcript; undefined where it is not in it. */
function endIn(transcript: string, command: string): number | undefined {
  const [, runs = ""] = transcript.split(`$ ${command}\n`);
  const [, code] = /^exit (\d+)$/m.exec(runs) ?? [];
  return code === undefined ? undefined : Number(code);
}

test.each(Object.entries(exitCodes))("a run of the program ends with the exit code %s", (name, code) => {
  const run = shown[name as keyof typeof exitCodes];
  if ("transcript" in run) {
    expect(endIn(read(`test/cli/outputs/${run.transcript}.txt`), run.command)).toBe(code);
  } else {
    const text = read(run.test);
    expect(run.says).toMatch(new RegExp(`\\b${code}\\b`));
    expect(text).toContain(run.says);
    for (const word of run.command.split(" ").slice(1, 3)) expect(text.toLowerCase()).toContain(word);
  }
});

test("docs/errors.md has every exit code with a meaning", () => {
  const rows = [...read("docs/errors.md").matchAll(/^\| `(\d+)` +\| (\S.*?) *\|$/gm)];
  expect(rows.map(([, code]) => Number(code))).toEqual(Object.values(exitCodes).toSorted((a, b) => a - b));
});

test("the end of a command is found in a transcript, and no other command’s", () => {
  const transcript = "$ redisops a\nexit 2\n\n$ redisops a --execute\nDone\nexit 0\n";
  expect(endIn(transcript, "redisops a")).toBe(2);
  expect(endIn(transcript, "redisops a --execute")).toBe(0);
  expect(endIn(transcript, "redisops b")).toBeUndefined();
});
