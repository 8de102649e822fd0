import { performance } from "node:perf_hooks";
import { parseDuration } from "../../core/duration.ts";
import type { WebConfig } from "./schema.ts";

/** The toolkit's `rate_limit`: a bucket of `burst` requests that gains one every `interval`. */
export class RateLimit {
  #section: WebConfig["rate_limit"];
  #tokens = 0;
  #at = 0;

  /** Whether a request may be served now. A changed section begins with a full bucket. */
  allows(section: WebConfig["rate_limit"], now = performance.now()): boolean {
    if (section === undefined || section.interval === 0) return true;
    const interval = parseDuration(section.interval);
    if (interval === 0) return true;
    if (this.#section?.interval !== section.interval || this.#section.burst !== section.burst) {
      this.#section = section;
      this.#tokens = section.burst;
    } else this.#tokens = Math.min(section.burst, this.#tokens + (now - this.#at) / interval);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
