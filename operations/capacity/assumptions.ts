import { parseDuration } from "../../core/duration.ts";
import type { Figure, FigureName, Figures, ProviderFigures } from "./figures.ts";

type Known = Readonly<Partial<Record<FigureName, Figure>>>;
type Assumption = (known: Known) => { readonly value: number; readonly why: string } | undefined;

/** Notifications a second that one worker is taken to make. */
const perWorker = 10_000;

const fixed =
  (value: number, why: string): Assumption =>
  () => ({ value, why });

/**
 * What is assumed where nobody says. There is nothing here for the platform's own size: a model of a platform of unknown size
 * says nothing.
 */
const assumptions: Partial<Record<FigureName, Assumption>> = {
  outage_seconds: fixed(parseDuration("10m") / 1_000, "ten minutes until somebody has mended it"),
  workers: ({ notifications_per_second: rate }) =>
    rate === undefined
      ? undefined
      : {
          value: Math.ceil(rate.value / perWorker),
          why: `${perWorker.toLocaleString("en-US")} a second each`,
        },
  cache_hit_ratio: fixed(0.99, "one read in a hundred misses"),
  opted_out_ratio: fixed(0.05, "one notification in twenty"),
  preferences_shards: fixed(1, "one server"),
  postgres_read_seconds: fixed(0.001, "by primary key, from memory"),
  warm_reads_per_second: ({ postgres_reads_per_second: capacity }) =>
    capacity === undefined
      ? undefined
      : { value: capacity.value / 4, why: "recovery.preferences.read_share, a quarter unless set" },
  repeated_ratio: fixed(0.001, "one in a thousand"),
  filter_error_ratio: fixed(0.01, "the filter's default"),
  rebuild_ids_per_second: fixed(1_000_000, "one process, on the 2 cores of the benchmarks"),
  drain_messages_per_second: fixed(40_000, "one process, on the 2 cores of the benchmarks"),
  registry_entries_per_second: fixed(100_000, "one process, on the 2 cores of the benchmarks"),
  connected_ratio: fixed(1, "the worst case: all of them"),
  sequence_peak_per_second: fixed(10, "the usual limit of one sender"),
  failover_window_seconds: fixed(10, "recovery.sequence's default"),
};

/** Adds what may be assumed to what is known. */
export function withAssumptions(known: Known): Known {
  const all: Partial<Record<FigureName, Figure>> = { ...known };
  for (const [name, assume] of Object.entries(assumptions) as [FigureName, Assumption][]) {
    const assumed = all[name] === undefined ? assume(all) : undefined;
    if (assumed !== undefined) all[name] = { value: assumed.value, from: "assumed", how: assumed.why };
  }
  return all;
}

const said = (value: number, how: string): Figure => ({ value, from: "example", how });
const guess = (value: number, how: string): Figure => ({ value, from: "assumed", how });

/**
 * The platform that redisops was made for, as far as its description has figures; the others are marked as assumed.
 * `given` goes before both.
 */
export function exampleFigures(given: Known = {}): Figures {
  const providers: ProviderFigures[] = [
    {
      provider: "twilio",
      load: guess(3_000, "half as much again as two accounts take"),
      limits: [1_000, 1_000],
    },
  ];
  const values = withAssumptions({
    notifications_per_second: said(5_000_000, "5 million notifications a second"),
    postgres_reads_per_second: said(50_000, "a well-tuned Postgres"),
    preferences_shards: said(6, "a cluster of six shards"),
    notified_people: guess(100_000_000, "a hundred million people"),
    sent_ids: guess(10_000_000_000, "ten billion notifications a day"),
    filter_capacity_ids: guess(12_000_000_000, "a day's ids and a fifth"),
    messages_per_second: guess(1_000_000, "a million messages a second"),
    connected_ratio: guess(0.7, "seven of ten recipients are connected"),
    recipients: guess(50_000_000, "fifty million connected people"),
    registry_entries: guess(50_000_000, "an entry for each of them"),
    drain_messages_per_second: guess(2_000_000, "fifty processes at 40,000 a second"),
    refused_per_second: guess(200, "a few senders at their limit"),
    ...given,
  });
  return { values, providers };
}
