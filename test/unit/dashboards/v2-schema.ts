import { z } from "zod";

const json = z.record(z.string(), z.unknown());

const dataQuery = z.strictObject({
  kind: z.literal("DataQuery"),
  group: z.literal("prometheus"),
  version: z.literal("v0"),
  datasource: z.strictObject({ name: z.literal("$datasource") }),
  spec: json,
});

const option = z.strictObject({
  selected: z.boolean().optional(),
  text: z.union([z.string(), z.array(z.string())]),
  value: z.union([z.string(), z.array(z.string())]),
});

const fieldConfig = z.strictObject({
  defaults: z.strictObject({
    unit: z.string().optional(),
    decimals: z.number().optional(),
    min: z.number().optional(),
    max: z.number().optional(),
    noValue: z.string().optional(),
    custom: json.optional(),
    color: z.strictObject({ mode: z.string(), fixedColor: z.string().optional() }).optional(),
    mappings: z
      .array(
        z.strictObject({
          type: z.literal("value"),
          options: z.record(
            z.string(),
            z.strictObject({ text: z.string(), color: z.string(), index: z.number() }),
          ),
        }),
      )
      .optional(),
    thresholds: z
      .strictObject({
        mode: z.literal("absolute"),
        steps: z.array(z.strictObject({ value: z.number().nullable(), color: z.string() })).min(1),
      })
      .optional(),
  }),
  overrides: z.array(
    z.strictObject({
      matcher: z.strictObject({ id: z.string(), options: z.unknown() }),
      properties: z.array(z.strictObject({ id: z.string(), value: z.unknown() })),
    }),
  ),
});

const panel = z.strictObject({
  kind: z.literal("Panel"),
  spec: z.strictObject({
    id: z.int().positive(),
    title: z.string(),
    description: z.string(),
    links: z.array(z.strictObject({ title: z.string(), url: z.string(), targetBlank: z.boolean() })),
    data: z.strictObject({
      kind: z.literal("QueryGroup"),
      spec: z.strictObject({
        queries: z.array(
          z.strictObject({
            kind: z.literal("PanelQuery"),
            spec: z.strictObject({ refId: z.string(), hidden: z.boolean(), query: dataQuery }),
          }),
        ),
        transformations: z.array(z.never()),
        queryOptions: z.strictObject({}),
      }),
    }),
    vizConfig: z.strictObject({
      kind: z.literal("VizConfig"),
      group: z.enum(["timeseries", "state-timeline", "stat", "text"]),
      version: z.string(),
      spec: z.strictObject({ options: json, fieldConfig }),
    }),
  }),
});

const row = z.strictObject({
  kind: z.literal("RowsLayoutRow"),
  spec: z.strictObject({
    title: z.string(),
    collapse: z.boolean(),
    hideHeader: z.boolean().optional(),
    layout: z.strictObject({
      kind: z.literal("GridLayout"),
      spec: z.strictObject({
        items: z.array(
          z.strictObject({
            kind: z.literal("GridLayoutItem"),
            spec: z.strictObject({
              x: z.int().min(0).max(23),
              y: z.int().min(0),
              width: z.int().min(1).max(24),
              height: z.int().min(1),
              element: z.strictObject({ kind: z.literal("ElementReference"), name: z.string() }),
            }),
          }),
        ),
      }),
    }),
  }),
});

const named = {
  name: z.string(),
  label: z.string(),
  description: z.string(),
  hide: z.enum(["dontHide", "hideVariable"]),
  skipUrlSync: z.boolean(),
  current: option,
};
const listed = {
  regex: z.string(),
  options: z.array(option),
  multi: z.boolean(),
  includeAll: z.boolean(),
  allowCustomValue: z.boolean(),
};

const variable = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("DatasourceVariable"),
    spec: z.strictObject({ ...named, ...listed, pluginId: z.literal("prometheus"), refresh: z.string() }),
  }),
  z.strictObject({
    kind: z.literal("QueryVariable"),
    spec: z.strictObject({
      ...named,
      ...listed,
      refresh: z.literal("onTimeRangeChanged"),
      sort: z.literal("alphabeticalAsc"),
      query: dataQuery,
      definition: z.string(),
      allValue: z.string(),
    }),
  }),
  z.strictObject({
    kind: z.literal("ConstantVariable"),
    spec: z.strictObject({ ...named, query: z.string() }),
  }),
]);

/**
 * The part of Grafana's v2 schema that our manifests use, without room for anything else; after the types of the SDK's
 * `dashboardv2` module, which come from Grafana's own definition.
 */
export const v2Schema = z.strictObject({
  apiVersion: z.literal("dashboard.grafana.app/v2"),
  kind: z.literal("Dashboard"),
  metadata: z.strictObject({ name: z.string().max(40) }),
  spec: z.strictObject({
    title: z.string(),
    description: z.string(),
    tags: z.array(z.string()),
    editable: z.literal(false),
    cursorSync: z.enum(["Crosshair", "Tooltip", "Off"]),
    preload: z.boolean(),
    liveNow: z.boolean(),
    links: z.array(
      z.strictObject({
        title: z.string(),
        type: z.enum(["link", "dashboards"]),
        icon: z.string(),
        tooltip: z.string(),
        url: z.string().optional(),
        tags: z.array(z.string()),
        asDropdown: z.boolean(),
        targetBlank: z.boolean(),
        includeVars: z.boolean(),
        keepTime: z.boolean(),
      }),
    ),
    timeSettings: z.strictObject({
      timezone: z.string(),
      from: z.string(),
      to: z.string(),
      autoRefresh: z.string(),
      autoRefreshIntervals: z.array(z.string()),
      hideTimepicker: z.boolean(),
      fiscalYearStartMonth: z.number(),
    }),
    variables: z.array(variable),
    annotations: z.array(
      z.strictObject({
        kind: z.literal("AnnotationQuery"),
        spec: z.strictObject({
          query: dataQuery,
          enable: z.boolean(),
          hide: z.boolean(),
          iconColor: z.string(),
          name: z.string(),
          builtIn: z.boolean(),
          legacyOptions: json,
        }),
      }),
    ),
    elements: z.record(z.string(), panel),
    layout: z.strictObject({ kind: z.literal("RowsLayout"), spec: z.strictObject({ rows: z.array(row) }) }),
  }),
});

export type V2Board = z.output<typeof v2Schema>;
