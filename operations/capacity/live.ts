import type { Config } from "../../core/config/schema.ts";
import { parseDuration } from "../../core/duration.ts";
import { messageOf } from "../../core/errors.ts";
import { quoteName } from "../../core/postgres/connect.ts";
import { instantQuery } from "../../core/prometheus.ts";
import type { Sample } from "../../core/samples.ts";
import { withPostgres } from "../../exporters/postgres-session.ts";
import { Probes } from "../../exporters/probes.ts";
import { type Figure, type FigureName, figureDefinition, figureNames } from "./figures.ts";

/** What was observed: the figures by name, and notifications a second by provider. */
export interface Live {
  readonly values: Readonly<Partial<Record<FigureName, Figure>>>;
  readonly sent: ReadonlyMap<string, Figure>;
}

type Warn = (message: string) => void;

/** Longest wait for Prometheus's answers, and for Postgres's, in milliseconds. */
const deadline = 3_000;
/** Rows of the last minute are counted up to this number. */
const mostRows = 2_000_000;

const sentQuery =
  "sum by (provider) (rate(redisops_provider_requests_total[5m])) + (sum by (provider) (rate(redisops_notifications_shed_total[5m])) or 0 * sum by (provider) (rate(redisops_provider_requests_total[5m])))";

function live(value: number | undefined, how: string, positive: boolean): Figure | undefined {
  if (value === undefined || !Number.isFinite(value) || value < 0 || (positive && value === 0))
    return undefined;
  return { value, from: "live", how };
}

/** Asks Prometheus for all that it may know. Rejects with PROMETHEUS_UNAVAILABLE. */
async function fromPrometheus(url: string): Promise<Live> {
  const values: Partial<Record<FigureName, Figure>> = {};
  const sent = new Map<string, Figure>();
  await Promise.all([
    ...figureNames.map(async (name) => {
      const { promql, positive } = figureDefinition(name);
      if (promql === undefined) return;
      const [sample] = await instantQuery(url, promql, deadline);
      const figure = live(sample?.value, promql, positive === true);
      if (figure !== undefined) values[name] = figure;
    }),
    instantQuery(url, sentQuery, deadline).then((samples) => {
      for (const { labels, value } of samples) {
        const figure = live(value, sentQuery, true);
        if (labels.provider !== undefined && figure !== undefined) sent.set(labels.provider, figure);
      }
    }),
  ]);
  return { values, sent };
}

function gaugeOf(name: FigureName, samples: readonly Sample[]): Figure | undefined {
  const { gauge, positive } = figureDefinition(name);
  if (gauge === undefined) return undefined;
  const found = samples.filter(
    (sample) =>
      sample.metric === gauge.metric &&
      Object.entries(gauge.labels ?? {}).every(([label, value]) => sample.labels[label] === value),
  );
  if (found.length === 0) return undefined;
  const values = found.map(({ value }) => value);
  const value = gauge.combine === "max" ? Math.max(...values) : values.reduce((sum, each) => sum + each, 0);
  return live(value, `${gauge.metric}, probed now`, positive === true);
}

async function rowsPerSecond(config: Config, name: FigureName): Promise<Figure | undefined> {
  const { rowsOf } = figureDefinition(name);
  const { postgres } = config;
  if (rowsOf === undefined || postgres === undefined) return undefined;
  const { sent_notifications: sent, messages } = postgres.tables;
  const [table, column] =
    rowsOf === "messages"
      ? [messages?.table, messages?.created_at_column]
      : [sent?.table, sent?.sent_at_column];
  if (table === undefined || column === undefined) return undefined;
  const { rows } = await withPostgres(postgres, deadline, (client) =>
    client.query<{ rows: number }>(
      `SELECT count(*)::float8 AS rows FROM
         (SELECT 1 FROM ${quoteName(table)} WHERE ${quoteName(column)} > now() - interval '60 s' LIMIT ${mostRows}) AS recent`,
    ),
  );
  return live((rows[0]?.rows ?? 0) / 60, `rows of the last minute in ${table}`, true);
}

/** Probes once and counts rows, for a platform without Prometheus. The providers are not asked: that counts against limits. */
async function fromProbes(config: Config, warn: Warn): Promise<Live> {
  const values: Partial<Record<FigureName, Figure>> = {};
  const [results] = await Promise.all([
    new Probes({ ...config, providers: {} }).run(),
    ...figureNames.map(async (name) => {
      const figure = await rowsPerSecond(config, name).catch((error: unknown) => {
        warn(`${messageOf(error)}; ${name} is not known from there`);
        return undefined;
      });
      if (figure !== undefined) values[name] = figure;
    }),
  ]);
  const samples = results.flatMap((result) => result.samples);
  for (const name of figureNames) {
    const figure = gaugeOf(name, samples);
    if (figure !== undefined) values[name] = figure;
  }
  for (const error of new Set(results.flatMap((result) => result.error?.message ?? []))) warn(error);
  return { values, sent: new Map() };
}

/** Observes the platform: by its Prometheus, else by itself. What cannot be reached is warned of and left out. */
export async function observe(config: Config, warn: Warn): Promise<Live> {
  if (config.prometheus !== undefined) {
    try {
      return await fromPrometheus(config.prometheus.url);
    } catch (error) {
      warn(`${messageOf(error)}; the platform is probed instead`);
    }
  }
  return fromProbes(config, warn);
}

/**
 * Measures how many preference reads a second Postgres serves, by the exporter's own short burst and on its conditions:
 * little load, fast reads, free connections. Undefined, with a warning, where they do not hold.
 */
export async function measureReads(config: Config, warn: Warn): Promise<Figure | undefined> {
  const { postgres } = config;
  const preferences = postgres?.tables.preferences;
  if (postgres === undefined || preferences === undefined || config.roles.preferences === undefined) {
    warn("nothing to measure: redisops.yaml has no roles.preferences or no postgres.tables.preferences");
    return undefined;
  }
  const { reads_per_second: _declared, ...undeclared } = preferences;
  const measured: Config = {
    ...config,
    postgres: { ...postgres, tables: { ...postgres.tables, preferences: undeclared } },
  };
  const probes = new Probes(measured);
  const run = () =>
    probes.runGroup("preferences", parseDuration(config.exporter.probe_timeout), "preferences");
  // The probe measures in its second run only, see PreferencesMemory.
  await run();
  const results = await run();
  const samples = results.flatMap((result) => result.samples);
  const found = samples.find(({ metric }) => metric === "redisops_preference_read_capacity");
  if (found !== undefined)
    return { value: found.value, from: "live", how: "--measure: a burst of 200 ms on 4 connections" };
  const why = results
    .flatMap((result) => [...result.trace, ...(result.error === undefined ? [] : [result.error.message])])
    .at(-1);
  warn(`Postgres's reads were not measured${why === undefined ? "" : `: ${why}`}`);
  return undefined;
}
