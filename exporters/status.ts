import type { DegradationMode } from "../catalog/mode.ts";
import { modes } from "../catalog/modes.ts";
import { type Role, redisRoles } from "../catalog/roles.ts";
import type { ThresholdOverrides } from "../core/config/thresholds-section.ts";
import { formatDuration } from "../core/duration.ts";
import type { ErrorReport } from "../core/errors.ts";
import type { ActiveAlert } from "../core/prometheus.ts";
import type { Sample } from "../core/samples.ts";
import { evaluateSignal } from "../core/signal/evaluate.ts";
import { effectiveThresholds } from "../core/signal/thresholds.ts";
import type { Probe, ProbeResult } from "./probe.ts";
import { accountFacts, unprobedAccounts } from "./status/account-facts.ts";
import { jobFacts } from "./status/job-facts.ts";
import { postgresFacts } from "./status/postgres-facts.ts";
import { preferencesFacts } from "./status/preferences-facts.ts";
import type { Read } from "./status/read.ts";
import { recoveryFacts } from "./status/recovery-facts.ts";
import { contractFacts, redisFacts } from "./status/redis-facts.ts";

/** A mode that holds now. */
export interface HeldMode {
  readonly id: string;
  readonly title: string;
  /** When its alert's condition began to hold, as Prometheus knows it. */
  readonly since: string | undefined;
  /** What ends it; undefined where no command does. */
  readonly command: string | undefined;
  /** What to do where no command ends it. */
  readonly instead: string | undefined;
}

/** What on-call is shown of one role, or of one provider account. */
export interface StatusRow {
  readonly role: Role;
  /** Where the role's server is, or provider/account. */
  readonly target: string;
  /** `ok`, `degraded`, `error`, or the way in which the server fails to answer (refused, timeout, ...). */
  readonly state: string;
  /** Modes that hold now, worst first as in the catalog. */
  readonly modes: readonly HeldMode[];
  /** What was observed, one fact each. */
  readonly observed: readonly string[];
  readonly errors: readonly ErrorReport[];
}

/** The roles that have a row, in the order of the rows. */
const statusRoles = [...redisRoles, "postgres"] as const satisfies readonly Role[];

const number = (value: number) => value.toLocaleString("en-US", { maximumFractionDigits: 1 });
const percent = (ratio: number) => `${(ratio * 100).toFixed(1)} %`;

function reader(samples: readonly Sample[]): Read {
  return (metric, labels = {}) =>
    samples.find(
      (sample) =>
        sample.metric === metric &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    )?.value;
}

/** The bound up to which waiting rows were counted; infinite where it is not known. */
function countLimit(results: readonly ProbeResult[]): number {
  for (const { probe } of results) {
    if ("countLimit" in probe && typeof probe.countLimit === "number") return probe.countLimit;
  }
  return Number.POSITIVE_INFINITY;
}

/** Facts in the words that the runbooks use. */
function observations(role: Role, read: Read, limit: number, now: number): string[] {
  const facts: string[] = [];
  const add = (value: number | undefined, text: (value: number) => string) => {
    if (value !== undefined) facts.push(text(value));
  };
  add(
    read("redisops_role_response_seconds", { role }),
    (seconds) => `answers in ${(seconds * 1000).toFixed(1)} ms`,
  );
  if (role === "registry") {
    add(
      read("redisops_pending_deliveries"),
      (depth) => `pending depth ${depth >= limit ? "at least " : ""}${number(depth)}`,
    );
    add(
      read("redisops_pending_deliveries_oldest_timestamp_seconds"),
      (oldest) => `oldest waits ${formatDuration(now - oldest * 1000)}`,
    );
    add(
      // Of nothing that waits there is no share.
      read("redisops_pending_deliveries") === 0
        ? undefined
        : read("redisops_pending_deliveries_deliverable_ratio"),
      (ratio) => `deliverable now ${percent(ratio)} in the worst age band`,
    );
  }
  if (role === "dedup") {
    add(
      read("redisops_bloom_canary_absent_ratio"),
      (ratio) =>
        `known-sent ids absent ${percent(ratio)} of ${number(read("redisops_bloom_canary_ids") ?? 0)}`,
    );
    add(
      read("redisops_bloom_estimated_ids"),
      (ids) => `estimated ids ${number(ids)} of capacity ${number(read("redisops_bloom_capacity_ids") ?? 0)}`,
    );
    add(
      read("redisops_bloom_false_positive_ratio"),
      (ratio) => `false positives about ${(ratio * 100).toFixed(3)} %`,
    );
  }
  if (role === "preferences") facts.push(...preferencesFacts(read));
  if (role === "postgres") facts.push(...postgresFacts(read, now));
  return facts;
}

const remedyOf = ({ remedy }: DegradationMode): Pick<HeldMode, "command" | "instead"> =>
  remedy.kind === "command" && remedy.first === undefined
    ? { command: remedy.command, instead: undefined }
    : { command: undefined, instead: remedy.kind === "command" ? remedy.first : remedy.instead };

/** A probe's address without the role, which the row names anyway: `127.0.0.1:6379`, `Cluster at ...`. */
function placeOf({ role, address }: Probe): string {
  const kind = role === "postgres" ? "Postgres " : `${role} Redis `;
  const place = address.startsWith(kind) ? address.slice(kind.length) : address;
  return place.startsWith("at ") ? place.slice("at ".length) : place;
}

/** Two probes that meet the same failure report it once. */
function distinctErrors(results: readonly ProbeResult[]): ErrorReport[] {
  const reports = results.flatMap(({ error }) => (error === undefined ? [] : [error.toJSON()]));
  return [...new Map(reports.map((report) => [`${report.code} ${report.message}`, report])).values()];
}

/** A mode that holds, and for what. */
interface Holding {
  readonly mode: DegradationMode;
  readonly role: string | undefined;
  /** As provider/account, where the signal has them. */
  readonly account: string | undefined;
  readonly since: string | undefined;
}

/**
 * Which modes hold. What the look has values of is judged by them; the rest, which only applications report or only a
 * history shows, by whether its alert fires.
 */
function holdingModes(
  samples: readonly Sample[],
  thresholds: ThresholdOverrides,
  alerts: readonly ActiveAlert[],
): Holding[] {
  return modes.flatMap((mode) => {
    // A heartbeat's alert always fires.
    if (mode.nature === "heartbeat") return [];
    const holding = (labels: Readonly<Record<string, string>>, alert: ActiveAlert | undefined): Holding => ({
      mode,
      role: mode.role === "any" ? labels.role : mode.role,
      account: labels.account === undefined ? undefined : `${labels.provider}/${labels.account}`,
      since: alert?.activeAt.toISOString(),
    });
    const own = alerts.filter(({ labels }) => labels.alertname === mode.id);
    const findings = evaluateSignal(mode.signal, samples, effectiveThresholds(mode, thresholds)) ?? [];
    if (findings.length === 0) {
      return own.filter(({ state }) => state === "firing").map((alert) => holding(alert.labels, alert));
    }
    const alertOf = (labels: Readonly<Record<string, string>>) =>
      own.find((alert) => Object.entries(labels).every(([label, value]) => alert.labels[label] === value));
    return findings.filter(({ holds }) => holds).map(({ labels }) => holding(labels, alertOf(labels)));
  });
}

/** Turns what the probes observed into rows, in the catalog's order of roles. */
export function platformStatus(
  results: readonly ProbeResult[],
  thresholds: ThresholdOverrides,
  alerts: readonly ActiveAlert[],
  now: number,
): StatusRow[] {
  const samples = results.flatMap((result) => result.samples);
  const read = reader(samples);
  const holding = holdingModes(samples, thresholds, alerts);
  const modesOf = (role: Role, account: string | undefined): HeldMode[] =>
    heldModes(holding.filter((each) => each.role === role && each.account === account));

  const row = (
    role: Role,
    target: string,
    account: string | undefined,
    own: readonly ProbeResult[],
    observed: string[],
  ): StatusRow => {
    const held = modesOf(role, account);
    const failure = samples.find(
      (sample) =>
        account === undefined &&
        sample.metric === "redisops_role_failure" &&
        sample.labels.role === role &&
        sample.value === 1,
    );
    const errors = distinctErrors(own);
    const state =
      failure?.labels.error_class ?? (held.length > 0 ? "degraded" : errors.length > 0 ? "error" : "ok");
    return { role, target, state, modes: held, observed, errors };
  };

  const rowOfRole = (role: Role) => {
    const own = results.filter(({ probe }) => probe.role === role && probe.name !== "provider");
    const first = own[0];
    return first === undefined
      ? []
      : [
          row(role, placeOf(first.probe), undefined, own, [
            ...redisFacts(role, own),
            ...observations(role, read, countLimit(own), now),
            ...jobFacts(role, read, samples),
            ...contractFacts(role, own),
            ...recoveryFacts(role, read, samples, now),
          ]),
        ];
  };
  const rowOfAccount = (role: Role, target: string, own: readonly ProbeResult[]) => {
    const [provider = "", account = ""] = target.split("/");
    return row(role, target, target, own, accountFacts(read, { provider, account }));
  };
  const rowsOfAccounts = (role: Role) => {
    const probed = results.filter(({ probe }) => probe.role === role && probe.name === "provider");
    const others = role === "token_bucket" ? unprobedAccounts(results) : [];
    return [
      ...probed.map((result) => rowOfAccount(role, result.probe.target, [result])),
      ...others.map((target) => rowOfAccount(role, target, [])),
    ];
  };
  const rows = statusRoles.flatMap((role) => [...rowOfRole(role), ...rowsOfAccounts(role)]);
  const shown = new Set(rows.flatMap((each) => each.modes.map(({ id }) => id)));
  const others = heldModes(holding.filter(({ mode }) => !shown.has(mode.id)));
  return others.length === 0 ? rows : [...rows, alertsRow(others)];
}

/** Modes that only Prometheus knows of, and that are about nothing that was looked at: redisops itself, for example. */
const alertsRow = (held: readonly HeldMode[]): StatusRow => ({
  role: "self",
  target: "alerts of Prometheus",
  state: "degraded",
  modes: held,
  observed: [],
  errors: [],
});

/** One line per mode: it may hold for several shards or rules of the role. */
function heldModes(holding: readonly Holding[]): HeldMode[] {
  return [...Map.groupBy(holding, ({ mode }) => mode)].map(([mode, each]) => ({
    id: mode.id,
    title: mode.title,
    since: each.flatMap(({ since }) => since ?? []).sort()[0],
    ...remedyOf(mode),
  }));
}

/** The recoveries and drills that are under way, and those that failed last, one fact each. */
export function underWay(results: readonly ProbeResult[], now: number): string[] {
  const samples = results.flatMap((result) => result.samples);
  return statusRoles.flatMap((role) => recoveryFacts(role, reader(samples), samples, now));
}
