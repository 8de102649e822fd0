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
import { modes } from "../catalog/modes.ts";
import { colors } from "./colors.ts";
import { datasource } from "./datasource.ts";

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

function firingPages(): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name("Firing pages")
    .datasource(datasource)
    .enable(true)
    .iconColor(colors.page)
    .expr(
      `max by (alertname, role) (ALERTS{alertname=~"${pages.join("|")}",alertstate="firing",severity="page"})`,
    )
    .step("15s")
    .titleFormat("{{alertname}}")
    .textFormat("role {{role}}")
    .tagKeys("alertname,role");
}

/** A board without panels: its name, variables, annotations and links. */
export function boardFrame(
  uid: string,
  title: string,
  description: string,
  runbookBaseUrl: string,
): DashboardBuilder {
  return new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(["redisops"])
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
    .annotation(firingPages())
    .link(
      new DashboardLinkBuilder("Runbooks")
        .type(DashboardLinkType.Link)
        .icon("doc")
        .tooltip("One page per degradation mode")
        .url(runbookBaseUrl)
        .targetBlank(true),
    );
}
