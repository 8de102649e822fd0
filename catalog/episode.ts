import type { FaultSeries } from "./mode.ts";

/** A series that leaves its healthy value from the third to the tenth minute, and then has it again. */
export function episode(
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
      { value: faulty, samples: 7 },
      { value: healthy, samples: 10 },
    ],
  };
}
