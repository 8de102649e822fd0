import { createHash } from "node:crypto";

type Json = Readonly<Record<string, unknown>>;

/** A panel as far as a reader sees it. */
export interface ProjectedPanel {
  readonly id: number;
  readonly title: string;
  readonly parts: Readonly<Record<string, unknown>>;
}

/** What of a board a person would change, and Grafana keeps as it was sent. */
export interface Projection {
  /** Everything but the panels. */
  readonly board: Readonly<Record<string, unknown>>;
  readonly panels: readonly ProjectedPanel[];
}

const asRecord = (value: unknown): Json =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
const asList = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.map(asRecord) : []);
const picked = (from: Json, ...names: readonly string[]): Json =>
  Object.fromEntries(names.flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]]])));

function panelParts(panel: Json): Readonly<Record<string, unknown>> {
  const { defaults, overrides } = asRecord(panel.fieldConfig);
  const field = asRecord(defaults);
  return {
    kind: panel.type,
    description: panel.description,
    place: picked(asRecord(panel.gridPos), "x", "y", "w", "h"),
    queries: asList(panel.targets).map((target) =>
      picked(target, "refId", "expr", "legendFormat", "instant"),
    ),
    unit: field.unit,
    range: picked(field, "min", "max", "decimals"),
    thresholds: asList(asRecord(field.thresholds).steps).map((step) => picked(step, "value", "color")),
    mappings: field.mappings,
    "empty state": field.noValue,
    overrides: asList(overrides),
    links: asList(panel.links).map((link) => picked(link, "title", "url")),
    content: asRecord(panel.options).content,
  };
}

/** Reduces a board in the classic schema to what a person would change. */
export function projection(board: Json): Projection {
  return {
    board: {
      title: board.title,
      description: board.description,
      tags: board.tags,
      variables: asList(asRecord(board.templating).list)
        .filter(({ type }) => type !== "constant")
        .map((variable) =>
          picked(variable, "type", "name", "label", "description", "definition", "allValue"),
        ),
      annotations: asList(asRecord(board.annotations).list)
        // Grafana adds its own.
        .filter(({ builtIn }) => builtIn !== 1)
        .map((annotation) => picked(annotation, "name", "expr", "iconColor", "titleFormat", "textFormat")),
      links: asList(board.links).map((link) =>
        picked(link, "title", "type", "url", "tags", "keepTime", "includeVars"),
      ),
      "time range": picked(asRecord(board.time), "from", "to"),
      refresh: board.refresh,
    },
    panels: asList(board.panels).map((panel) => ({
      id: Number(panel.id),
      title: String(panel.title ?? ""),
      parts: panelParts(panel),
    })),
  };
}

/** JSON in which the order of keys does not show, nor a key without a value: Grafana 12 and later leave out nulls. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === "object" && each !== null && !Array.isArray(each)
      ? Object.fromEntries(
          Object.entries(each)
            .filter(([, held]) => held !== null)
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        )
      : each,
  );
}

/** A short fingerprint of any JSON. */
export function fingerprint(value: unknown): string {
  return createHash("sha256").update(canonical(value)).digest("hex").slice(0, 16);
}
