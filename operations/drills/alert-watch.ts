import { setTimeout as sleep } from "node:timers/promises";
import { type HeldAlert, heldAlerts } from "../../core/alertmanager.ts";
import { type ActiveAlert, activeAlerts } from "../../core/prometheus.ts";

type Labels = Readonly<Record<string, string>>;

/** A span of time, in milliseconds since the epoch. */
interface Span {
  readonly from: number;
  to: number;
}

/** An alert as it was seen over time. */
export interface WatchedAlert {
  readonly alert: string;
  readonly labels: Labels;
  /** In Prometheus. */
  readonly spans: (Span & { readonly state: "pending" | "firing" })[];
  /** In Alertmanager: held back because of an alert that inhibits it, or not. */
  readonly held: (Span & { readonly inhibited: boolean })[];
}

/** Milliseconds between two looks, and for each of them. */
const interval = 1_000;
const deadline = 10_000;

const keyOf = (labels: Labels) => JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Alertmanager may have more labels than the alert has in Prometheus: those of `external_labels`. */
const isSame = (own: Labels, { labels }: HeldAlert) =>
  Object.entries(own).every(([name, value]) => labels[name] === value);

/** Prolongs the last span if it is of the same kind and was seen at the last look, or begins a new one. */
function see<S extends Span>(spans: S[], span: S, sameKind: (last: S) => boolean, lastLook: number): void {
  const last = spans.at(-1);
  if (last !== undefined && last.to >= lastLook && sameKind(last)) last.to = span.to;
  else spans.push(span);
}

/** Looks once a second at the alerts that Prometheus and Alertmanager have, and remembers since when. */
export class AlertWatch {
  readonly #prometheus: string;
  readonly #alertmanager: string | undefined;
  readonly #history = new Map<string, WatchedAlert>();
  readonly #end = new AbortController();
  #current: { readonly active: readonly ActiveAlert[]; readonly held: readonly HeldAlert[] } | undefined;
  #next = Promise.withResolvers<void>();
  #lastLook = 0;

  constructor(prometheus: string, alertmanager: string | undefined) {
    this.#prometheus = prometheus;
    this.#alertmanager = alertmanager;
    void this.#watch();
  }

  /** The alerts of the last look; undefined while Prometheus or Alertmanager does not answer. */
  get current() {
    return this.#current;
  }

  /** Whether Alertmanager can be asked at all. */
  get seesNotifications(): boolean {
    return this.#alertmanager !== undefined;
  }

  /** Resolves after the next look. */
  next(): Promise<void> {
    return this.#next.promise;
  }

  /** What was seen at or after that moment (milliseconds since the epoch). */
  since(moment: number): WatchedAlert[] {
    return [...this.#history.values()].filter(({ spans }) => spans.some(({ to }) => to >= moment));
  }

  /** What Alertmanager has of an alert now. */
  heldNow(labels: Labels): HeldAlert | undefined {
    return this.#current?.held.find((held) => isSame(labels, held));
  }

  /** Ends the looking. */
  close(): void {
    this.#end.abort();
  }

  async #watch(): Promise<void> {
    while (!this.#end.signal.aborted) {
      await this.#look();
      const { resolve } = this.#next;
      this.#next = Promise.withResolvers();
      resolve();
      await sleep(interval, undefined, { signal: this.#end.signal }).catch(() => undefined);
    }
    this.#next.resolve();
  }

  async #look(): Promise<void> {
    try {
      const [active, held] = await Promise.all([
        activeAlerts(this.#prometheus, deadline),
        this.#alertmanager === undefined ? [] : heldAlerts(this.#alertmanager, deadline),
      ]);
      const now = Date.now();
      for (const { labels, state } of active) {
        const watched = this.#watched(labels);
        see(watched.spans, { state, from: now, to: now }, (last) => last.state === state, this.#lastLook);
        const notified = held.find((each) => isSame(labels, each));
        if (state !== "firing" || notified === undefined) continue;
        const inhibited = notified.inhibitedBy.length > 0;
        const span = { inhibited, from: now, to: now };
        see(watched.held, span, (last) => last.inhibited === inhibited, this.#lastLook);
      }
      this.#lastLook = now;
      this.#current = { active, held };
    } catch {
      this.#current = undefined;
    }
  }

  #watched(labels: Labels): WatchedAlert {
    const key = keyOf(labels);
    const known = this.#history.get(key);
    if (known !== undefined) return known;
    const watched: WatchedAlert = { alert: labels.alertname ?? "", labels, spans: [], held: [] };
    this.#history.set(key, watched);
    return watched;
  }
}
