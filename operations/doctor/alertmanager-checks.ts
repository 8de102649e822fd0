import { parse } from "yaml";
import { z } from "zod";
import { inhibitRules } from "../../alerts/alertmanager.ts";
import { alertSeverities, ruleLabels } from "../../alerts/rules.ts";
import { modes } from "../../catalog/modes.ts";
import { askAlertmanager } from "../../core/alertmanager.ts";
import type { Config } from "../../core/config/schema.ts";
import { RedisopsError } from "../../core/errors.ts";
import { type Destination, destinationsOf, routeSchema } from "./alert-routes.ts";
import { type Check, checked, failure, requestDeadline } from "./check.ts";
import { isOlder } from "./versions.ts";

/** What docs/alerts.md promises of the configuration that is generated. */
const oldestAlertmanager = "0.25";

/** A dead man's switch that hears less often than this cannot tell a dead Prometheus soon; in minutes. */
const longestHeartbeat = 15;

const statusReply = z.object({
  versionInfo: z.object({ version: z.string() }),
  config: z.object({ original: z.string() }),
});

/** What Alertmanager runs on, its secrets left out by itself. Several keys of a receiver end so: `slack_configs`. */
const configuration = z.object({
  route: routeSchema,
  receivers: z.array(z.looseObject({ name: z.coerce.string() })),
  inhibit_rules: z.array(z.looseObject({})).default([]),
});

type Configuration = z.output<typeof configuration>;

function readConfiguration(url: string, original: string): Configuration {
  try {
    return configuration.parse(parse(original));
  } catch (error) {
    throw new RedisopsError(
      "ALERTMANAGER_UNAVAILABLE",
      `Alertmanager at ${url}: its configuration cannot be read`,
      {
        target: url,
        cause: error,
      },
    );
  }
}

/** Whether a receiver tells anybody. */
function tells({ receivers }: Configuration, name: string): boolean {
  const found = receivers.find((each) => each.name === name);
  return (
    found !== undefined &&
    Object.entries(found).some(
      ([key, value]) => key.endsWith("_configs") && Array.isArray(value) && value.length > 0,
    )
  );
}

/** The alerts of a severity as they reach Alertmanager. */
function alertsOf(severity: "page" | "ticket", { platform }: Config): Readonly<Record<string, string>>[] {
  return modes
    .filter((mode) => mode.nature !== "heartbeat" && alertSeverities(mode).includes(severity))
    .map((mode) => ({ alertname: mode.id, role: "registry", platform, ...ruleLabels(mode, severity) }));
}

const fixOf = (severity: "page" | "ticket" | "watchdog", path: string) =>
  [
    `alerting.receivers.${severity} in redisops.yaml, then redisops generate alerts --config ${path} --out DIR and DIR/alertmanager.yml`,
    `or in your own alertmanager.yml a route with matchers: ['${severity === "watchdog" ? 'alertname="Watchdog"' : `severity="${severity}"`}'] to a receiver that tells somebody`,
  ].join("\n");

function severityCheck(
  severity: "page" | "ticket",
  found: Configuration,
  config: Config,
  path: string,
): Check {
  const id = `alertmanager.routes.${severity}`;
  const alerts = alertsOf(severity, config);
  const routed = alerts.map((labels) => ({
    alert: labels.alertname ?? "",
    receivers: destinationsOf(found.route, labels).map(({ receiver }) => receiver),
  }));
  const lost = routed.filter(({ receivers }) => !receivers.some((receiver) => tells(found, receiver)));
  const names = [...new Set(routed.flatMap(({ receivers }) => receivers))].join(", ");
  if (lost.length === 0) return checked(id, "ok", `all ${alerts.length} go to ${names}`);
  const which = lost.length === alerts.length ? "every one" : lost.map(({ alert }) => alert).join(", ");
  const silent = [...new Set(lost.flatMap(({ receivers }) => receivers))].join(", ");
  return checked(id, "failed", `${which} goes to ${silent}, which tells nobody`, fixOf(severity, path));
}

/** Minutes of an interval as Alertmanager writes it, `4h`, `50s`. */
function minutesOf(interval: string): number {
  const units: Readonly<Record<string, number>> = {
    ms: 1 / 60_000,
    s: 1 / 60,
    m: 1,
    h: 60,
    d: 1440,
    w: 10_080,
    y: 525_600,
  };
  return [...interval.matchAll(/(\d+)(ms|[smhdwy])/g)].reduce(
    (sum, [, amount = "0", unit = ""]) => sum + Number(amount) * (units[unit] ?? 0),
    0,
  );
}

function watchdogCheck(found: Configuration, { platform }: Config, path: string): Check {
  const id = "alertmanager.routes.watchdog";
  const watchdog = modes.find(({ nature }) => nature === "heartbeat");
  if (watchdog === undefined) return checked(id, "skipped", "the catalog has no heartbeat");
  const labels = { alertname: watchdog.id, platform, ...ruleLabels(watchdog) };
  const told = destinationsOf(found.route, labels).filter(({ receiver }) => tells(found, receiver));
  if (told.length === 0) {
    return checked(
      id,
      "failed",
      `${watchdog.id} reaches nobody: that Prometheus or Alertmanager died is noticed by nobody`,
      fixOf("watchdog", path),
    );
  }
  // Alertmanager's own default is 4h.
  const minutes = (destination: Destination) => minutesOf(destination.repeatInterval ?? "4h");
  const soonest = told.toSorted((a, b) => minutes(a) - minutes(b))[0];
  if (soonest !== undefined && minutes(soonest) > longestHeartbeat) {
    return checked(
      id,
      "warning",
      `${watchdog.id} is told every ${soonest.repeatInterval ?? "4h"} only: a dead man's switch notices late`,
      "repeat_interval: 50s and group_interval: 20s   # on the route of Watchdog",
    );
  }
  return checked(id, "ok", `goes to ${told.map(({ receiver }) => receiver).join(", ")}`);
}

const textOf = (rule: unknown) => {
  const { source_matchers, target_matchers, equal } = rule as Readonly<Record<string, unknown>>;
  const all = (value: unknown) => (Array.isArray(value) ? value.map(String).toSorted() : []);
  return JSON.stringify([all(source_matchers), all(target_matchers), all(equal)]);
};

function inhibitionCheck(found: Configuration, path: string): Check {
  const id = "alertmanager.inhibitions";
  const loaded = new Set(found.inhibit_rules.map(textOf));
  const missing = inhibitRules.filter((rule) => !loaded.has(textOf(rule)));
  if (missing.length === 0) return checked(id, "ok", `all ${inhibitRules.length} are there`);
  const sources = [
    ...new Set(missing.map(({ source_matchers: [first = ""] }) => /"(.+)"/.exec(first)?.[1] ?? first)),
  ];
  return checked(
    id,
    "warning",
    `${missing.length} of ${inhibitRules.length} are missing: alerts also come for what ${sources.slice(0, 5).join(", ")}${sources.length > 5 ? " and others" : ""} causes`,
    `redisops generate alerts --config ${path} --out DIR   # inhibit_rules of DIR/alertmanager.yml`,
  );
}

/** What is checked of Alertmanager: version, and whether every alert reaches somebody. `path` is the configuration's, for the fix. */
export async function alertmanagerChecks(config: Config, path: string): Promise<Check[]> {
  const { alertmanager } = config;
  const id = "alertmanager.reach";
  if (alertmanager === undefined) {
    return [
      checked(
        id,
        "skipped",
        "redisops.yaml names no Alertmanager",
        "alertmanager: { url: http://ALERTMANAGER:9093 }   # in redisops.yaml",
      ),
    ];
  }
  const { url } = alertmanager;
  try {
    const { versionInfo, config: own } = await askAlertmanager(
      url,
      "api/v2/status",
      requestDeadline,
      statusReply,
    );
    const { version } = versionInfo;
    const old = isOlder(version, oldestAlertmanager);
    const found = readConfiguration(url, own.original);
    return [
      checked(id, "ok", `${url} answers`),
      checked(
        "alertmanager.version",
        old ? "failed" : "ok",
        old ? `${version}: the configuration needs ${oldestAlertmanager} or later` : version,
        old ? "Upgrade Alertmanager." : undefined,
      ),
      severityCheck("page", found, config, path),
      severityCheck("ticket", found, config, path),
      watchdogCheck(found, config, path),
      inhibitionCheck(found, path),
    ];
  } catch (error) {
    return [failure(id, error)];
  }
}
