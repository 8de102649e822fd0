/** What can be read off a filter without changing it. */
export interface FilterState {
  readonly exists: boolean;
  /** Bytes of the filter's bits. */
  readonly sizeBytes: number;
  /** Ids that the filter is sized for. */
  readonly capacity: number;
  /** False-positive ratio that it was sized for, 0..1. */
  readonly targetFalsePositiveRatio: number;
  /** Share of the bits that are set, 0..1. */
  readonly fillRatio: number;
  /** Standard error of the fill ratio; 0 when every bit was counted. */
  readonly fillStandardError: number;
  /** Distinct ids that it holds, as far as the engine can tell. */
  readonly estimatedIds: number;
  /** Estimated share of never-added ids that it would report as present, 0..1. */
  readonly falsePositiveRatio: number;
  /** When it was created or replaced, in milliseconds since 1970; undefined where the filter does not say. */
  readonly createdMs: number | undefined;
}

/** An id: a text stands for its UTF-8 bytes. */
export type FilterId = string | Buffer;

/**
 * A deduplication filter under one key (or one prefix of keys) on an open connection. Both engines behave alike;
 * their errors are RedisopsErrors.
 */
export interface Filter {
  /** Reads the filter's shape and fill; cheap enough for a scrape whatever the filter's size. */
  state(): Promise<FilterState>;
  /** For each id, whether the filter reports it as present. */
  has(ids: readonly FilterId[]): Promise<boolean[]>;
  /** Adds ids; adding one twice changes nothing. */
  add(ids: readonly FilterId[]): Promise<void>;
}
