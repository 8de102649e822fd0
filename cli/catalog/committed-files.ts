import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { panelNumber } from "../../dashboards/panel-number.ts";
import { packageFile } from "../package-file.ts";

/** The generated files of the package, as far as the catalog is held against them. */
export interface CommittedFiles {
  /** Severities of the alert rules by the alert's name. */
  readonly alerts: ReadonlyMap<string, readonly string[]>;
  /** The runbook pages' text, by mode. */
  readonly pages: ReadonlyMap<string, string>;
  /** The uids of the boards that have a panel, by its name in the catalog. */
  boardsOf(panel: string): readonly string[];
}

function alertRules(): Map<string, string[]> {
  const file = parse(readFileSync(packageFile("alerts/rules/redisops.rules.yml"), "utf8")) as {
    readonly groups: readonly {
      readonly rules: readonly {
        readonly alert?: string;
        readonly labels?: { readonly severity?: string };
      }[];
    }[];
  };
  const alerts = new Map<string, string[]>();
  for (const { alert, labels } of file.groups.flatMap(({ rules }) => rules)) {
    if (alert !== undefined) alerts.set(alert, [...(alerts.get(alert) ?? []), labels?.severity ?? ""]);
  }
  return alerts;
}

interface CommittedPanel {
  readonly id?: number;
  readonly type?: string;
  readonly panels?: readonly CommittedPanel[];
}

/** The numbers of the panels on each board, by the board's uid. */
function panelNumbers(): Map<string, ReadonlySet<number>> {
  const folder = packageFile("dashboards/dist");
  const boards = readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map(
      (name) =>
        JSON.parse(readFileSync(join(folder, name), "utf8")) as {
          readonly uid?: string;
          readonly panels?: readonly CommittedPanel[];
        },
    );
  const numbers = (panels: readonly CommittedPanel[]): number[] =>
    panels.flatMap(({ id, type, panels: inside = [] }) => [
      ...(id === undefined || type === "row" ? [] : [id]),
      ...numbers(inside),
    ]);
  return new Map(
    boards.flatMap(({ uid, panels }) =>
      uid === undefined || panels === undefined ? [] : [[uid, new Set(numbers(panels))]],
    ),
  );
}

/** Reads them, of a checkout or of the published package. */
export function committedFiles(): CommittedFiles {
  const boards = panelNumbers();
  const names = readdirSync(packageFile("runbooks")).filter((name) => /^[A-Z]\w+\.md$/.test(name));
  return {
    alerts: alertRules(),
    pages: new Map(
      names
        .filter((name) => name !== "README.md")
        .map((name) => [name.replace(/\.md$/, ""), readFileSync(packageFile(`runbooks/${name}`), "utf8")]),
    ),
    boardsOf: (panel) =>
      [...boards].filter(([, numbers]) => numbers.has(panelNumber(panel))).map(([uid]) => uid),
  };
}
