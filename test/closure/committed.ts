import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

const root = fileURLToPath(new URL("../../", import.meta.url));

const text = (path: string) => readFileSync(join(root, path), "utf8");

/** An alert rule of the committed rule file. */
export interface AlertRule {
  readonly alert: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A test of the committed promtool file. */
export interface RuleTest {
  readonly name: string;
  readonly promql_expr_test: readonly {
    readonly expr: string;
    readonly eval_time: string;
    readonly exp_samples: readonly { readonly labels: string; readonly value: number }[];
  }[];
  readonly alert_rule_test?: readonly {
    readonly alertname: string;
    readonly eval_time: string;
    readonly exp_alerts?: readonly unknown[];
  }[];
}

/** The alert rules, of all groups, without the recording rules among them. */
export function committedRules(): AlertRule[] {
  const file = parse(text("alerts/rules/redisops.rules.yml")) as {
    groups: { rules: (AlertRule | { readonly record: string })[] }[];
  };
  return file.groups.flatMap(({ rules }) => rules.filter((rule) => "alert" in rule));
}

/** The tests of the rules. */
export function committedRuleTests(): RuleTest[] {
  // The series are left out: they are most of the file, and thousands of references to those of the healthy platform.
  const tests = text("alerts/tests/redisops.test.yml").replace(/^ {4}input_series:\n(?: {6}.*\n)*/gm, "");
  return (parse(tests) as { tests: RuleTest[] }).tests;
}

/** The runbook pages by file name. */
export function committedPages(): Map<string, string> {
  const names = readdirSync(join(root, "runbooks")).filter((name) => name.endsWith(".md"));
  return new Map(names.map((name) => [name, text(join("runbooks", name))]));
}

/** The numbers of the panels on the committed boards, headings left out. */
export function committedPanelNumbers(): Set<number> {
  const boards = readdirSync(join(root, "dashboards/dist"))
    .filter((name) => name.endsWith(".json"))
    .map(
      (name) =>
        JSON.parse(text(join("dashboards/dist", name))) as {
          panels: { id: number; type: string }[];
        },
    );
  return new Set(
    boards.flatMap(({ panels }) => panels.filter(({ type }) => type !== "row").map(({ id }) => id)),
  );
}

/** The names of the files in catalog/modes, without their ending. */
export function modeFiles(): string[] {
  return readdirSync(join(root, "catalog/modes")).map((name) => name.replace(/\.ts$/, ""));
}

/** The titles of the panels on the committed boards. */
export function committedPanelTitles(): Set<string> {
  const titles = readdirSync(join(root, "dashboards/dist"))
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) => [...text(join("dashboards/dist", name)).matchAll(/"title": "([^"]+)"/g)]);
  return new Set(titles.map(([, title = ""]) => title));
}
