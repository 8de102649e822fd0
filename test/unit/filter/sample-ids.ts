/** A deterministic 32-bit generator (Marsaglia's xorshift32), so that every run tests the same ids. */
export function xorshift32(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** A generator of ids shaped like random UUIDs. */
export function uuids(seed: number): () => string {
  const next = xorshift32(seed);
  const word = () => next().toString(16).padStart(8, "0");
  return () => {
    const middle = `${word()}${word()}`;
    return `${word()}-${middle.slice(0, 4)}-4${middle.slice(5, 8)}-${middle.slice(8, 12)}-${middle.slice(12)}${word()}`;
  };
}

/** A generator of consecutive message ids: msg:00000001, msg:00000002, ... */
export function sequential(): () => string {
  let count = 0;
  return () => {
    count++;
    return `msg:${String(count).padStart(8, "0")}`;
  };
}
