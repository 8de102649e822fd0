import { PercentUnit } from "@grafana/grafana-foundation-sdk/units";
import { redisRoles } from "../../catalog/roles.ts";
import { colors } from "../colors.ts";
import type { DataPanel } from "../panel.ts";
import { boardMatchers, maxBy, minBy } from "../series.ts";
import { statePanel } from "../state-panel.ts";

const upOf = (roles: readonly string[]) =>
  `max by (role) (redisops_role_up{${[`role=~"${roles.join("|")}"`, ...boardMatchers].join(",")}})`;

/** What leans on what: Redis first, Postgres where it fails, providers at the end. */
export const dependencyChain: DataPanel = statePanel(
  {
    id: "dependency-chain",
    title: "What leans on what",
    meaning:
      "From top to bottom the order in which load moves when something is lost: a Redis role that is down hands its work to Postgres (messages that wait, preferences that are read), and what workers send ends at the providers. Red in the first rows with green below is contained; red in Postgres is not, whatever Redis does. A provider is up when one of its accounts answers the probe.",
    normal: "every row up.",
    width: 14,
    height: 11,
    queries: [
      { expression: upOf(redisRoles), legend: "1 Redis: {{role}}" },
      { expression: upOf(["postgres"]), legend: "2 Postgres" },
      {
        expression: maxBy(["role"], "redisops_pgbouncer_up"),
        legend: "2 PgBouncer",
      },
      {
        expression: `max by (provider) (${minBy(["provider", "account"], "redisops_provider_up")})`,
        legend: "3 Provider: {{provider}}",
      },
    ],
    empty: "No data: no exporter was scraped, or redisops.yaml names no role.",
  },
  { zero: "down", one: "up", bad: 0, color: colors.page },
);

/** How much of each link of the chain is used up, all on one scale. */
export const chainLoad: DataPanel = {
  id: "dependency-load",
  kind: "timeseries",
  title: "What is left before the next thing gives way",
  meaning:
    "Each link’s load as a share of what it bears: connections of Postgres and of PgBouncer’s pools, requests of the busiest account against its limit, and reads of the preferences cache against what Postgres could serve in its place. A line that reaches 100 % is where the trouble goes next; the last of them may stand above it all day, which means that the loss of the cache would not be survived.",
  normal: "below 60 % at the peak, but for the last line, which depends on the platform.",
  width: 10,
  height: 11,
  unit: PercentUnit,
  min: 0,
  queries: [
    {
      expression: `sum by (role) (${maxBy(["role", "state"], "redisops_postgres_connections")}) / ${maxBy(["role"], "redisops_postgres_connections_limit")}`,
      legend: "connections of Postgres",
    },
    {
      expression: `sum by (role) (${maxBy(["role", "state"], "redisops_pgbouncer_servers")}) / ${maxBy(["role"], "redisops_pgbouncer_servers_limit")}`,
      legend: "connections of PgBouncer’s pools",
    },
    {
      expression: `max by (provider) (sum by (provider, account) (redisops:provider_responses:rate) / ${maxBy(["provider", "account"], "redisops_token_bucket_refill_per_second")})`,
      legend: "{{provider}}: busiest account",
    },
    {
      expression: "1 / min by (role) (redisops:preferences_headroom:ratio)",
      legend: "Postgres, if the preferences cache were lost",
    },
  ],
  empty: "No data: Postgres did not answer, no provider is configured, or no exporter was scraped.",
};
