import type { BoardId } from "../catalog/boards.ts";
import type { ThresholdOverrides } from "../core/config/thresholds-section.ts";
import { boardSpecs } from "./boards.ts";
import type { Presence } from "./panel.ts";

/** A panel's query as Prometheus gets it when a board is opened with everything selected. */
export interface BoardQuery {
  readonly board: BoardId;
  readonly panel: string;
  readonly expression: string;
  /** Whether it has series on a healthy platform with traffic, or when else. */
  readonly present: Presence;
}

/** Grafana's variables as it fills them in when everything is selected. */
const variables = { $job: ".+", $instance: ".+", $__rate_interval: "1m", $__range: "3h" } as const;

/** Puts values into an expression's variables. `window` stands for `$__rate_interval`: four scrapes at least. */
export function filledIn(expression: string, window: string = variables.$__rate_interval): string {
  return Object.entries({ ...variables, $__rate_interval: window }).reduce(
    (text, [name, value]) => text.replaceAll(name, value),
    expression,
  );
}

/** Every query of every panel of every board; a panel on two boards is there twice. */
export function panelQueries({
  thresholds = {},
  window,
}: {
  readonly thresholds?: ThresholdOverrides;
  readonly window?: string;
} = {}): BoardQuery[] {
  return boardSpecs(thresholds).flatMap(({ uid, rows }) =>
    rows.flatMap(({ panels }) =>
      panels.flatMap((panel) =>
        panel.kind === "text"
          ? []
          : panel.queries.map(({ expression, present = "always" }) => ({
              board: uid,
              panel: panel.id,
              expression: filledIn(expression, window),
              present,
            })),
      ),
    ),
  );
}
