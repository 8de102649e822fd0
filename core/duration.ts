const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** What a duration looks like: one or more numbers with a unit, largest first, as in `500ms`, `1m30s`, `24h`. */
export const durationPattern = /^(?=.)(?:\d+d)?(?:\d+h)?(?:\d+m(?!s))?(?:\d+s)?(?:\d+ms)?$/;

/** Reads a duration such as `1m30s`. Returns milliseconds; throws a RangeError on anything else. */
export function parseDuration(text: string): number {
  if (!durationPattern.test(text)) {
    throw new RangeError(`Expected a duration such as 30s or 1m30s, got "${text}"`);
  }
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|[smhd])/g)) {
    total += Number(amount) * units[unit as keyof typeof units];
  }
  return total;
}

/** Writes milliseconds for a reader: `0.8 s`, `42 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatDuration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
