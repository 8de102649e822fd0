import type { FaultSeries } from "./mode.ts";

/** A series that leaves its healthy value in the third minute, for so many minutes, and then has it again. */
export function during(
  minutes: number,
  metric: FaultSeries["metric"],
  labels: FaultSeries["labels"],
  healthy: number,
  faulty: number | "stale",
): FaultSeries {
  return {
    metric,
    labels,
    runs: [
      { value: healthy, samples: 3 },
      { value: faulty, samples: minutes },
      { value: healthy, samples: 10 },
    ],
  };
}

/** The usual length of it: from the third to the tenth minute. */
export function episode(
  metric: FaultSeries["metric"],
  labels: FaultSeries["labels"],
  healthy: number,
  faulty: number | "stale",
): FaultSeries {
  return during(7, metric, labels, healthy, faulty);
}
