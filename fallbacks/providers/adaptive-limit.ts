/**
 * Share of the present rate that is kept after a 429 (the multiplicative decrease). Between TCP's halves (RFC 5681: 0.5;
 * CUBIC, RFC 9438: 0.7): what is given away is climbed back in about twelve seconds.
 */
export const keptShare = 0.7;
/** Requests per second that each accepted request adds (the additive increase): at full use 3 % of the rate a second. */
export const raise = 0.03;
/** Most that one accepted request adds, as a share of the rate: a slow sender meets one overload in 60 requests at most. */
const maxRaiseShare = 0.005;
/**
 * So many times as much where the bucket granted the request and the limit was learned without the bucket: what was then
 * one process's guess at its share is now known. At full use 30 % a second.
 */
const bucketFactor = 10;
/** Slowest rate that is learned, in requests per second: below it nothing would be left to learn from. */
const slowest = 1;
/**
 * Where a process begins that has sent little or nothing before its first 429, as a share of the configured limit: what
 * it achieved says nothing then. Fifty of them may begin at once.
 */
const firstShare = 0.02;
/** How much may be sent at once after a pause, in seconds' worth of the rate, and in requests at least. */
const burstSeconds = 0.1;
const minBurst = 2;

/** The last second's accepted requests are counted in so many slots. */
const slots = 10;
const slotMs = 100;

/** Counts what was accepted within the last second, in constant memory. */
class RecentCount {
  readonly #counts = new Array<number>(slots).fill(0);
  #latest = Number.NEGATIVE_INFINITY;

  add(now: number): void {
    const slot = this.#advance(now) % slots;
    this.#counts[slot] = (this.#counts[slot] ?? 0) + 1;
  }

  total(now: number): number {
    this.#advance(now);
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  #advance(now: number): number {
    const current = Math.floor(now / slotMs);
    for (let slot = Math.max(this.#latest + 1, current - slots + 1); slot <= current; slot += 1) {
      this.#counts[slot % slots] = 0;
    }
    this.#latest = Math.max(this.#latest, current);
    return current;
  }
}

/**
 * What one process allows itself on one account, learned from the provider's answers alone: after a 429 a share of what it
 * just achieved, then slowly more (additive increase, multiplicative decrease). Processes that share an account find
 * their shares without talking to one another.
 *
 * Nothing is learned until the first 429, and nothing any more once the configured limit is reached again. The constants
 * are measured in docs/providers.md.
 *
 * `now` is a monotonic time in milliseconds everywhere.
 */
export class AdaptiveLimit {
  readonly #configured: number;
  readonly #accepted = new RecentCount();
  #learned: number | undefined;
  #learnedAlone = false;
  #lastCut = Number.NEGATIVE_INFINITY;
  #acceptedSinceCut = true;
  #tokens: number;
  #updated = Number.NEGATIVE_INFINITY;

  /** `configured`: requests per second that the account grants to all processes together. */
  constructor(configured: number) {
    this.#configured = configured;
    this.#tokens = this.#burst;
  }

  /** Whether the provider's 429s hold this process below the configured limit. */
  get binding(): boolean {
    return this.#learned !== undefined;
  }

  /** Requests per second that this process allows itself. */
  get perSecond(): number {
    return this.#learned ?? this.#configured;
  }

  /**
   * Takes the right to send one request, unless fewer than `reserveShare` (0..1) of a burst would be left. Answers 0 when
   * taken, else the milliseconds until it may be.
   */
  take(now: number, reserveShare: number): number {
    const rate = this.perSecond;
    const burst = this.#burst;
    const elapsed = Math.max(0, now - this.#updated) / 1_000;
    this.#tokens = Math.min(burst, this.#tokens + elapsed * rate);
    this.#updated = now;
    const lacking = 1 + Math.min(reserveShare * burst, burst - 1) - this.#tokens;
    if (lacking > 0) return (lacking / rate) * 1_000;
    this.#tokens -= 1;
    return 0;
  }

  /** What was taken is not used. */
  giveBack(): void {
    this.#tokens += 1;
  }

  /** The provider accepted a request, which the account's bucket had granted or not. */
  accepted(now: number, byBucket: boolean): void {
    this.#accepted.add(now);
    this.#acceptedSinceCut = true;
    if (this.#learned === undefined) return;
    const factor = byBucket && this.#learnedAlone ? bucketFactor : 1;
    this.#setLearned(this.#learned + factor * Math.min(raise, this.#learned * maxRaiseShare));
  }

  /**
   * The provider answered 429 to a request that was sent at `sentAt`, granted by the account's bucket or not. All 429s of
   * one overload count once; and an account that accepts nothing at all says nothing about the rate that it will accept
   * later, so those count once as well.
   */
  refused(sentAt: number, now: number, byBucket: boolean): void {
    if (sentAt < this.#lastCut || !this.#acceptedSinceCut) return;
    this.#lastCut = now;
    this.#acceptedSinceCut = false;
    this.#learnedAlone = !byBucket;
    const kept = keptShare * (this.#learned ?? Math.min(this.#configured, this.#accepted.total(now)));
    const least = this.#learned === undefined ? this.#configured * firstShare : 0;
    this.#setLearned(Math.max(slowest, least, kept));
  }

  #setLearned(perSecond: number): void {
    this.#learned = perSecond < this.#configured ? perSecond : undefined;
  }

  get #burst(): number {
    return Math.max(minBurst, this.perSecond * burstSeconds);
  }
}
