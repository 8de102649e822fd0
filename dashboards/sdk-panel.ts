import {
  AxisPlacement,
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  ScaleDistribution,
  ScaleDistributionConfigBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from "@grafana/grafana-foundation-sdk/common";
import {
  DashboardLinkBuilder,
  DashboardLinkType,
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder as StatBuilder } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as StateTimelineBuilder } from "@grafana/grafana-foundation-sdk/statetimeline";
import { PanelBuilder as TextBuilder, TextMode } from "@grafana/grafana-foundation-sdk/text";
import { PanelBuilder as TimeseriesBuilder } from "@grafana/grafana-foundation-sdk/timeseries";
import { boards } from "../catalog/boards.ts";
import { modes } from "../catalog/modes.ts";
import { colors } from "./colors.ts";
import { datasource } from "./datasource.ts";
import type { GridPosition } from "./layout.ts";
import type { DataPanel, PanelQuery, PanelSpec, TextPanel, ThresholdStep } from "./panel.ts";
import { panelNumber } from "./panel-number.ts";
import { runbookUrl } from "./runbook-url.ts";
import { servedModes } from "./served-modes.ts";

type DataBuilder = TimeseriesBuilder | StateTimelineBuilder | StatBuilder;

const legend = (displayMode: LegendDisplayMode, ...calcs: string[]) =>
  new VizLegendOptionsBuilder()
    .showLegend(true)
    .displayMode(displayMode)
    .placement(LegendPlacement.Bottom)
    .calcs(calcs);

const tooltip = () =>
  new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending).hideZeros(false);

function builderFor({ kind, thresholds, stacked = false, logarithmic = false }: DataPanel): DataBuilder {
  switch (kind) {
    case "timeseries": {
      const line = thresholds === undefined ? GraphThresholdsStyleMode.Off : GraphThresholdsStyleMode.Dashed;
      const stacking = stacked ? StackingMode.Normal : StackingMode.None;
      const builder = new TimeseriesBuilder()
        .legend(legend(LegendDisplayMode.Table, "lastNotNull", "max"))
        .tooltip(tooltip())
        .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.PaletteClassicByName))
        .thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(line))
        .stacking(new StackingConfigBuilder().mode(stacking).group("A"))
        .lineWidth(1)
        .fillOpacity(stacked ? 30 : 10)
        .spanNulls(false);
      return logarithmic
        ? builder.scaleDistribution(new ScaleDistributionConfigBuilder().type(ScaleDistribution.Log).log(10))
        : builder;
    }
    case "state-timeline":
      return new StateTimelineBuilder()
        .legend(legend(LegendDisplayMode.List))
        .tooltip(tooltip())
        .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
        .rowHeight(0.8)
        .fillOpacity(80)
        .spanNulls(false)
        .disablePagination();
    case "stat":
      return new StatBuilder()
        .reduceOptions(new ReduceDataOptionsBuilder().values(false).calcs(["lastNotNull"]).fields(""))
        .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
        .colorMode(BigValueColorMode.Background)
        .graphMode(BigValueGraphMode.None)
        .textMode(BigValueTextMode.ValueAndName);
  }
}

/** `A`, `B`, … `Z`, `AA`, … */
function refId(index: number): string {
  const last = String.fromCharCode(65 + (index % 26));
  return index < 26 ? last : refId(Math.floor(index / 26) - 1) + last;
}

function target(query: PanelQuery, index: number, { kind }: DataPanel): DataqueryBuilder {
  const builder = new DataqueryBuilder()
    .refId(refId(index))
    .datasource(datasource)
    .expr(query.expression)
    .legendFormat(query.legend);
  return kind === "stat" ? builder.instant() : builder.range();
}

/** What sets one query's series apart from the panel's others. */
function queryProperties(query: PanelQuery, runbookBaseUrl: string): { id: string; value: unknown }[] {
  const properties: { id: string; value: unknown }[] = [];
  if (query.drawn === "reference") {
    properties.push(
      { id: "custom.stacking", value: { mode: StackingMode.None, group: "A" } },
      { id: "custom.fillOpacity", value: 0 },
      { id: "custom.lineStyle", value: { fill: "dash", dash: [10, 10] } },
      { id: "color", value: { mode: FieldColorModeId.Fixed, fixedColor: colors.reference } },
    );
  } else if (query.drawn !== undefined) {
    properties.push(
      { id: "unit", value: query.drawn.rightAxisUnit },
      { id: "custom.axisPlacement", value: AxisPlacement.Right },
      { id: "custom.thresholdsStyle", value: { mode: GraphThresholdsStyleMode.Off } },
      { id: "custom.fillOpacity", value: 0 },
      // Limits of the left axis mean nothing here.
      { id: "min", value: 0 },
      { id: "max", value: null },
    );
  }
  if (query.unit !== undefined) properties.push({ id: "unit", value: query.unit });
  if (query.decimals !== undefined) properties.push({ id: "decimals", value: query.decimals });
  if (query.thresholds !== undefined)
    properties.push({
      id: "thresholds",
      value: { mode: ThresholdsMode.Absolute, steps: stepsOf(query.thresholds) },
    });
  const mode = modes.find(({ id }) => id === query.mode);
  if (mode !== undefined) {
    const runbook = {
      title: `Runbook: ${mode.id}`,
      url: runbookUrl(runbookBaseUrl, mode.id),
      targetBlank: true,
    };
    const board = {
      title: `Board: ${boards[mode.board]}`,
      url: `/d/${mode.board}?\${__url_time_range}&\${__all_variables}`,
      targetBlank: false,
    };
    properties.push({ id: "links", value: [runbook, board] });
  }
  return properties;
}

function stepsOf(steps: readonly ThresholdStep[]): Threshold[] {
  return steps.map(({ from, color }) => ({ value: from ?? null, color }));
}

function thresholds(steps: readonly ThresholdStep[] | undefined): ThresholdsConfigBuilder {
  const own: readonly ThresholdStep[] = steps ?? [{ from: undefined, color: colors.healthy }];
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(stepsOf(own));
}

function dataPanel(spec: DataPanel, runbookBaseUrl: string): DataBuilder {
  const builder = builderFor(spec)
    .description(`${spec.meaning}\n\n**Normal:** ${spec.normal}`)
    .datasource(datasource)
    .unit(spec.unit)
    .thresholds(thresholds(spec.thresholds))
    .noValue(spec.empty)
    .targets(spec.queries.map((query, index) => target(query, index, spec)));
  if (spec.decimals !== undefined) builder.decimals(spec.decimals);
  if (spec.min !== undefined) builder.min(spec.min);
  if (spec.max !== undefined) builder.max(spec.max);
  if (spec.states !== undefined) {
    const options = spec.states.map(({ value, text, color }, index) => [`${value}`, { text, color, index }]);
    builder.mappings([{ type: MappingType.ValueToText, options: Object.fromEntries(options) }]);
  }
  for (const [index, query] of spec.queries.entries()) {
    const properties = queryProperties(query, runbookBaseUrl);
    if (properties.length > 0) builder.overrideByQuery(refId(index), properties);
  }
  return builder;
}

function textPanel({ meaning, content }: TextPanel): TextBuilder {
  return new TextBuilder()
    .mode(TextMode.Markdown)
    .content(content)
    .description(meaning)
    .datasource(datasource);
}

/** The SDK's builder of a panel, with a link to the runbook page of each mode that names the panel. */
export function sdkPanel(
  spec: PanelSpec,
  at: GridPosition,
  runbookBaseUrl: string,
): DataBuilder | TextBuilder {
  const links = servedModes(spec).map(({ id }) =>
    new DashboardLinkBuilder(`Runbook: ${id}`)
      .type(DashboardLinkType.Link)
      .url(runbookUrl(runbookBaseUrl, id))
      .targetBlank(true),
  );
  const builder = spec.kind === "text" ? textPanel(spec) : dataPanel(spec, runbookBaseUrl);
  return builder
    .id(panelNumber(spec.id))
    .title(spec.title)
    .links(links)
    .gridPos({ ...at });
}
