import type { KeySample } from "./key-sample.ts";

/** An estimated number, and how far it may be off. */
export interface Estimate {
  readonly value: number;
  /** Standard error; 0 where the number was counted. */
  readonly standardError: number;
}

const exactly = (value: number): Estimate => ({ value, standardError: 0 });

/**
 * `total` times the share of `hits` among `tries`. The error is the binomial one of the share with one more hit and one
 * more miss (Laplace's rule of succession), so that a sample of hits alone does not claim to be certain.
 */
function share(total: number, hits: number, tries: number): Estimate {
  const smoothed = (hits + 1) / (tries + 2);
  return {
    value: (total * hits) / tries,
    standardError: total * Math.sqrt((smoothed * (1 - smoothed)) / tries),
  };
}

/** How many of the keys are the role's: counted where all were drawn, else by their share among those drawn. */
export function roleKeys(sample: KeySample): Estimate {
  if (sample.keys === 0 || sample.drawn === 0) return exactly(0);
  if (sample.distinct >= sample.keys) return exactly(sample.distinctMatching);
  return share(sample.keys, sample.matching, sample.drawn);
}

/**
 * How many of the role's keys have no time to live. The server knows how many keys have none; whose they are is told by
 * those that were met, or, where none was met yet, by the share of the role's among all keys drawn.
 */
export function roleKeysWithoutTtl(sample: KeySample): Estimate {
  const { withoutTtl, witnesses, witnessesMatching } = sample;
  if (withoutTtl === 0) return exactly(0);
  if (witnesses >= withoutTtl) return exactly(witnessesMatching);
  if (witnesses > 0) return share(withoutTtl, witnessesMatching, witnesses);
  if (sample.drawn === 0) return exactly(0);
  const { value } = share(withoutTtl, sample.matching, sample.drawn);
  // Nothing is known of these keys themselves, so that the error does not shrink with the number of keys drawn.
  const smoothed = (sample.matching + 1) / (sample.drawn + 2);
  return { value, standardError: withoutTtl * Math.sqrt(smoothed * (1 - smoothed)) };
}

/** The sum of independent estimates. */
export function sumOf(estimates: readonly Estimate[]): Estimate {
  return {
    value: estimates.reduce((sum, { value }) => sum + value, 0),
    standardError: Math.hypot(...estimates.map(({ standardError }) => standardError)),
  };
}
