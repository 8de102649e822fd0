import type { RecordedSeriesName } from "../../catalog/recorded-series.ts";

/** A series that a process reports: what it gains each minute, or holds. */
export interface Reported {
  readonly series: string;
  readonly values: string;
}

/** What the recording rules make of a world in which nothing else is reported. */
export interface RecordingTest {
  readonly name: string;
  readonly reported: readonly Reported[];
  /** Value by labels, after `minutes`. */
  readonly recorded: Readonly<Partial<Record<RecordedSeriesName, Readonly<Record<string, number>>>>>;
  /** The account on which ProviderThrottled fires; none where it must stay silent. */
  readonly throttled?: string;
}

/** Long enough for the rates' window and for the alert's `for`. */
export const minutes = 20;

export const growing = (perMinute: number) => `0+${perMinute}x${minutes}`;
export const constant = (value: number) => `${value}x${minutes}`;
