/**
 * Share of arrivals that find all places taken in a queue with random arrivals, random service, `servers` servers and
 * `places` places in all: the M/M/c/K queue (Kleinrock, Queueing Systems I, chapter 3). With as many places as servers it
 * is Erlang's loss formula.
 *
 * @param load arrivals per service time: the offered load in erlangs
 */
export function turnedAway(load: number, servers: number, places: number): number {
  // Weights relative to the largest so far, which keeps hundreds of places within the range of numbers.
  let weight = 1;
  let sum = 1;
  for (let inside = 1; inside <= places; inside += 1) {
    weight *= load / Math.min(inside, servers);
    sum += weight;
    if (weight > 1e100) {
      sum /= weight;
      weight = 1;
    }
  }
  return weight / sum;
}

/** Share of the load that is served at most, whatever the queue: what there is divided by what is asked for. */
export function servedAtMost(load: number, capacity: number): number {
  return load <= 0 ? 1 : Math.min(1, capacity / load);
}

/**
 * Seconds until a cache answers the given share of reads, when each of `users` is as likely as the others, and Postgres
 * answers `capacity` of the `load` reads a second. While more is missed than Postgres serves, entries come at its
 * capacity; from then on each miss is served and the rest follows an exponential.
 */
export function secondsToWarm(users: number, load: number, capacity: number, share: number): number {
  const byCapacity = Math.max(0, 1 - capacity / load);
  if (share <= byCapacity) return (share * users) / capacity;
  const rest = (1 - byCapacity) / (1 - share);
  return (byCapacity * users) / capacity + (users / load) * Math.log(rest);
}

/**
 * Notifications that are decided without preferences until the cache answers everything that Postgres does not: the area
 * between the misses and Postgres's capacity.
 */
export function defaultedWhileWarming(users: number, load: number, capacity: number): number {
  const byCapacity = Math.max(0, 1 - capacity / load);
  const end = (byCapacity * users) / capacity;
  return ((load - capacity) * end) / 2;
}

/** Seconds that a backlog takes to drain: at least when nobody joins it, at most when everybody does; infinite if it grows. */
export function drainSeconds(
  backlog: number,
  drain: number,
  arrivals: number,
): { readonly least: number; readonly most: number } {
  return {
    least: backlog / drain,
    most: drain > arrivals ? backlog / (drain - arrivals) : Number.POSITIVE_INFINITY,
  };
}

/**
 * A sender that keeps `kept` of its rate at each overload and climbs by `growth` (a share of it per second) in between:
 * seconds between two overloads, and the mean share of the limit that it uses (the sawtooth of additive increase and
 * multiplicative decrease).
 */
export function sawtooth(
  kept: number,
  growth: number,
): { readonly seconds: number; readonly meanShare: number } {
  return { seconds: Math.log(1 / kept) / growth, meanShare: (1 - kept) / Math.log(1 / kept) };
}

/** Share of a conversation's messages that arrive within so many seconds after another one, when they come at random. */
export function within(seconds: number, perSecond: number): number {
  return 1 - Math.exp(-perSecond * seconds);
}

/** Bytes of a Bloom filter for so many ids: `n ln(1/p) / ln(2)²` bits (Bloom 1970). */
export function filterBytes(ids: number, falsePositives: number): number {
  return (ids * Math.log(1 / falsePositives)) / Math.LN2 ** 2 / 8;
}
