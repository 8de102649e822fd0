import { expect, test } from "vitest";
import { modes } from "../../catalog/modes.ts";
import type { MatrixRow } from "../../cli/catalog/matrix.ts";
import { printedError, run } from "./run.ts";

interface CatalogDocument {
  readonly closed: boolean;
  readonly modes: readonly MatrixRow[];
  readonly withoutMode: readonly string[];
  readonly derivedFrom: Readonly<Record<string, string>>;
}

test("the matrix has a line for each mode, and the exit code tells whether it is closed", async () => {
  const [text, json] = await Promise.all([run(["catalog"]), run(["catalog", "--json"])]);
  const document = JSON.parse(json.stdout) as CatalogDocument;
  expect(text.stderr + json.stderr).toBe("");
  expect([text.code, json.code]).toEqual(document.closed ? [0, 0] : [1, 1]);
  expect(document.modes.map(({ mode }) => mode)).toEqual(modes.map(({ id }) => id));
  const [head, ...lines] = text.stdout.split("\n");
  expect(head).toMatch(/^MODE +METRICS +PANELS ON BOARDS +ALERT +TESTED +PAGE +RECOVERY +DRILL +VERIFIED$/);
  expect(lines.slice(0, modes.length).map((line) => line.split(" ")[0])).toEqual(modes.map(({ id }) => id));
  const missing = document.modes.flatMap(({ gaps }) => gaps).length + document.withoutMode.length;
  expect(document.closed).toBe(missing === 0);
  expect(text.stdout).toContain(missing === 0 ? "nothing is missing" : `${missing} missing:`);
});

test("one mode is told with all there is of it, whatever the case of its name", async () => {
  const [text, json] = await Promise.all([
    run(["catalog", "--mode", "bloomcold"]),
    run(["catalog", "--mode", "BloomCold", "--json"]),
  ]);
  expect(text.stdout).toMatch(
    /^BloomCold\n {2}role +dedup, page\n {2}metrics +redisops_bloom_canary_absent_ratio, /,
  );
  expect(text.stdout).toContain("redisops lab inject restart-empty --role dedup");
  const { modes: rows } = JSON.parse(json.stdout) as CatalogDocument;
  expect(rows).toMatchObject([
    {
      mode: "BloomCold",
      alert: ["page"],
      runbook: "runbooks/BloomCold.md",
      recovery: { command: "redisops recover bloom" },
    },
  ]);
  expect(rows[0]?.alertTests.assertions).toBeGreaterThanOrEqual(4);
});

test("a mode that there is not is a mistake in the command line", async () => {
  const outcome = await run(["catalog", "--mode", "BloomCould", "--json"]);
  expect(outcome.code).toBe(64);
  expect(printedError(outcome).message).toBe("There is no mode called BloomCould. Did you mean BloomCold?");
});
