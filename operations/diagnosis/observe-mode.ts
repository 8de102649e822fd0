import type { DegradationMode } from "../../catalog/mode.ts";
import type { Config } from "../../core/config/schema.ts";
import { messageOf } from "../../core/errors.ts";
import { type ActiveAlert, activeAlerts, instantQuery } from "../../core/prometheus.ts";
import { evaluateSignal, type Finding } from "../../core/signal/evaluate.ts";
import { type EffectiveThresholds, effectiveThresholds } from "../../core/signal/thresholds.ts";
import type { ProbeResult } from "../../exporters/probe.ts";
import { Probes } from "../../exporters/probes.ts";
import { platformStatus, type StatusRow } from "../../exporters/status.ts";
import { comparedValue, conditionsOf } from "../../runbooks/conditions.ts";

/** Longest wait for the platform, in milliseconds; a probe also ends at exporter.probe_timeout. */
const probeDeadline = 5_000;
/** Longest wait for an answer of Prometheus, in milliseconds. */
const prometheusDeadline = 2_000;

/** The value of a mode’s signal for one label set; null where the condition compares more than one number. */
export interface LiveFinding {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number | null;
  readonly holds: boolean;
}

/** What the user’s platform says of a mode at this moment. */
export interface LiveMode {
  readonly platform: string;
  /** Who gave the values: `none` where nobody could. */
  readonly source: "probes" | "prometheus" | "none";
  /** Whether the mode’s condition holds anywhere; null where it is not known. An alert waits for its `for` as well. */
  readonly holds: boolean | null;
  readonly findings: readonly LiveFinding[];
  /** The mode’s alert as Prometheus has it. */
  readonly alerts: readonly {
    readonly state: string;
    readonly since: string;
    readonly labels: Readonly<Record<string, string>>;
  }[];
  /** The rows of `redisops status` that the mode is about. */
  readonly rows: readonly StatusRow[];
  /** Why something is not known. */
  readonly problems: readonly string[];
}

interface FromPrometheus {
  readonly findings: readonly LiveFinding[] | undefined;
  readonly alerts: readonly ActiveAlert[];
  readonly problem: string | undefined;
}

const keyOf = (labels: Readonly<Record<string, string>>) =>
  JSON.stringify(
    Object.entries(labels)
      .filter(([label]) => label !== "__name__")
      .sort(),
  );

async function fromPrometheus(
  mode: DegradationMode,
  thresholds: EffectiveThresholds,
  { prometheus }: Config,
): Promise<FromPrometheus> {
  if (prometheus === undefined) return { findings: undefined, alerts: [], problem: undefined };
  const query = (promql: string) => instantQuery(prometheus.url, promql, prometheusDeadline);
  const compared = comparedValue(mode, thresholds);
  try {
    const [alerts, values, ...held] = await Promise.all([
      activeAlerts(prometheus.url, prometheusDeadline),
      compared === undefined ? [] : query(compared.promql),
      ...conditionsOf(mode, thresholds).map(({ promql }) => query(promql)),
    ]);
    const holding = new Map(held.flat().map((series) => [keyOf(series.labels), series]));
    const own = values.map(({ labels, value }) => ({ labels, value, holds: holding.has(keyOf(labels)) }));
    const known = new Set(own.map(({ labels }) => keyOf(labels)));
    const others = [...holding]
      .filter(([key]) => !known.has(key))
      .map(([, { labels }]) => ({ labels, value: null, holds: true }));
    return {
      findings: [...own, ...others],
      alerts: alerts.filter(({ labels }) => labels.alertname === mode.id),
      problem: undefined,
    };
  } catch (error) {
    return { findings: undefined, alerts: [], problem: messageOf(error) };
  }
}

/** Probed values that say whether a mode holds; undefined where only Prometheus could, or where nothing was measured. */
function fromProbes(
  mode: DegradationMode,
  thresholds: EffectiveThresholds,
  samples: Parameters<typeof evaluateSignal>[1],
): readonly Finding[] | undefined {
  const findings = evaluateSignal(mode.signal, samples, thresholds);
  return findings === undefined || findings.length === 0 ? undefined : findings;
}

function unknownReason(mode: DegradationMode, config: Config, rows: readonly StatusRow[]): string {
  if (config.prometheus === undefined && mode.signal.kind !== "threshold")
    return "only Prometheus can tell whether it holds: name it as prometheus.url in redisops.yaml";
  if (rows.length === 0 && mode.role !== "self")
    return "redisops.yaml describes nothing that this mode is about";
  if (rows.some(({ state }) => state !== "ok"))
    return "the platform does not answer with what its signal is made of; its state is below";
  return config.prometheus === undefined
    ? "no probe sees its signal, which the applications report: name Prometheus as prometheus.url in redisops.yaml"
    : "neither a probe nor Prometheus has a value of its signal";
}

/** What one look at the platform's servers gave. */
export interface PlatformLook {
  readonly results: readonly ProbeResult[];
  /** Why there is nothing, where the look itself failed. */
  readonly problem: string | undefined;
}

/** Probes the platform once. Never rejects. */
export async function lookAtPlatform(config: Config): Promise<PlatformLook> {
  try {
    return { results: await new Probes(config).run(probeDeadline), problem: undefined };
  } catch (error) {
    return { results: [], problem: messageOf(error) };
  }
}

/**
 * What the platform says of a mode: by its probes, and by Prometheus where it is configured. Never rejects: what is not
 * known is said. `look` is shared by those who ask for several modes at one moment.
 */
export async function observeMode(
  mode: DegradationMode,
  config: Config,
  look: Promise<PlatformLook> = lookAtPlatform(config),
): Promise<LiveMode> {
  const thresholds = effectiveThresholds(mode, config.thresholds);
  const [prometheus, { results, problem }] = await Promise.all([
    fromPrometheus(mode, thresholds, config),
    look,
  ]);
  const problems = [problem, prometheus.problem].filter((each) => each !== undefined);
  const probed = fromProbes(
    mode,
    thresholds,
    results.flatMap(({ samples }) => samples),
  );
  const rows = platformStatus(results, config.thresholds, prometheus.alerts, Date.now()).filter(
    ({ role }) => mode.role === "any" || role === mode.role,
  );
  // A condition of Prometheus alone that has no series does not hold; a probe’s signal without a value is not known.
  const asked = prometheus.findings;
  const answered = asked !== undefined && (mode.signal.kind !== "threshold" || asked.length > 0);
  const findings = probed ?? (answered ? asked : undefined);
  if (findings === undefined && prometheus.problem === undefined)
    problems.push(unknownReason(mode, config, rows));
  return {
    platform: config.platform,
    source: probed !== undefined ? "probes" : findings !== undefined ? "prometheus" : "none",
    holds: findings === undefined ? null : findings.some(({ holds }) => holds),
    findings: findings ?? [],
    alerts: prometheus.alerts.map(({ state, activeAt, labels }) => ({
      state,
      since: activeAt.toISOString(),
      labels,
    })),
    rows,
    problems,
  };
}
