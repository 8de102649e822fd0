import type { FaultSeries } from "../mode.ts";

/** A series of a healthy platform, one sample a minute. */
export type HealthySeries = Pick<FaultSeries, "metric" | "labels"> & {
  readonly value: number;
  /** A counter's increase per minute. */
  readonly increase?: number;
};
