import {
  AnnotationQueryBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  VariableRefresh,
  VariableSort,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { boards } from "../catalog/boards.ts";
import { modes } from "../catalog/modes.ts";
import { colors } from "./colors.ts";
import { datasource } from "./datasource.ts";
import type { BoardSpec } from "./panel.ts";
import { maxBy, series } from "./series.ts";

const anyContractMetric = '__name__=~"redisops_.+"';

function labelVariable(
  name: string,
  label: string,
  description: string,
  query: string,
): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .description(description)
    .datasource(datasource)
    .query({ query, refId: `Variable-${name}`, qryType: 1 })
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue(".+")
    .current({ selected: true, text: ["All"], value: ["$__all"] });
}

const pages = modes.filter(({ severity }) => severity === "page").map(({ id }) => id);

interface Marks {
  readonly name: string;
  readonly color: string;
  readonly expression: string;
  readonly title: string;
  readonly text: string;
  readonly tags: string;
}

/** What is marked in every graph. */
const marks: readonly Marks[] = [
  {
    name: "Firing pages",
    color: colors.page,
    expression: `max by (alertname, role) (ALERTS{alertname=~"${pages.join("|")}",alertstate="firing",severity="page"})`,
    title: "{{alertname}}",
    text: "role {{role}}",
    tags: "alertname,role",
  },
  {
    name: "Failovers",
    color: colors.pending,
    // Two minutes hold a change of the epoch at any usual scrape interval.
    expression: `max by (role, shard) (changes(${series("redisops_shard_config_epoch")}[2m])) > 0`,
    title: "Failover",
    text: "role {{role}}, shard {{shard}}: another server is the primary",
    tags: "role,shard",
  },
  {
    name: "Recoveries",
    color: colors.undertaken,
    expression: `${maxBy(["role", "recovery"], "redisops_recovery_running")} == 1`,
    title: "Recovery {{recovery}}",
    text: "role {{role}}",
    tags: "role,recovery",
  },
  {
    name: "Drills",
    color: colors.unknown,
    expression: `${maxBy(["role", "mode"], "redisops_drill_running")} == 1`,
    title: "Drill {{mode}}",
    text: "role {{role}}: brought about on purpose",
    tags: "role,mode",
  },
];

function annotation({ name, color, expression, title, text, tags }: Marks): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name(name)
    .datasource(datasource)
    .enable(true)
    .iconColor(color)
    .expr(expression)
    .step("15s")
    .titleFormat(title)
    .textFormat(text)
    .tagKeys(tags);
}

/** The tag that all boards have, by which they are found. */
const boardTag = "redisops";

function overviewLink(): DashboardLinkBuilder {
  return new DashboardLinkBuilder(boards["redisops-overview"])
    .type(DashboardLinkType.Link)
    .icon("dashboard")
    .tooltip("All degradation modes, with the same time range")
    .url("/d/redisops-overview")
    .keepTime(true)
    .includeVars(true)
    .targetBlank(false);
}

/** A board without panels: its name, variables, annotations and links. */
export function boardFrame({ uid, description }: BoardSpec, runbookBaseUrl: string): DashboardBuilder {
  const board = new DashboardBuilder(`redisops / ${boards[uid]}`)
    .uid(uid)
    .description(description)
    .tags([boardTag])
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: "now-3h", to: "now" })
    .refresh("30s")
    .withVariable(
      new DatasourceVariableBuilder("datasource")
        .label("Data source")
        .description("The Prometheus that scrapes redisops and evaluates its rules.")
        .type("prometheus"),
    )
    .withVariable(
      labelVariable(
        "job",
        "Job",
        "Scrape jobs that expose redisops metrics: the exporter, and applications that emit the contract.",
        `label_values({${anyContractMetric}}, job)`,
      ),
    )
    .withVariable(
      labelVariable(
        "instance",
        "Instance",
        "Scraped processes of the chosen jobs.",
        `label_values({${anyContractMetric},job=~"$job"}, instance)`,
      ),
    )
    .annotations(marks.map(annotation));
  if (uid !== "redisops-overview") board.link(overviewLink());
  return board
    .link(
      new DashboardLinkBuilder("Boards")
        .type(DashboardLinkType.Dashboards)
        .icon("external link")
        .tooltip("The other boards of redisops, with the same time range")
        .tags([boardTag])
        .asDropdown(true)
        .keepTime(true)
        .includeVars(true)
        .targetBlank(false),
    )
    .link(
      new DashboardLinkBuilder("Runbooks")
        .type(DashboardLinkType.Link)
        .icon("doc")
        .tooltip("One page per degradation mode")
        .url(runbookBaseUrl)
        .targetBlank(true),
    );
}
