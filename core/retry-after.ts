/** Response headers by name, whatever the case; a `Headers` object is one. */
export interface HeaderSource {
  get(name: string): string | null;
}

const days = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)";
const months = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)";
/** The three forms of HTTP-date (RFC 9110, section 5.6.7). Date.parse alone takes “-5” and “1.5” for dates as well. */
const httpDate = new RegExp(
  `^(?:${days}, \\d{2} ${months} \\d{4} \\d{2}:\\d{2}:\\d{2} GMT` +
    `|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, \\d{2}-${months}-\\d{2} \\d{2}:\\d{2}:\\d{2} GMT` +
    `|${days} ${months} [ \\d]\\d \\d{2}:\\d{2}:\\d{2} \\d{4})$`,
);

/** Seconds below this are a span from now: as a time they would lie before September 2001. */
const earliestTime = 1_000_000_000;
/** From here on a time is in milliseconds: in seconds it would lie beyond the year 5000. */
const earliestMilliseconds = 100_000_000_000;

/** A header's number: decimal digits, with decimals at most. Undefined for everything else. */
export function headerNumber(value: string | null | undefined): number | undefined {
  const text = value?.trim() ?? "";
  return /^\d{1,15}(?:\.\d{1,9})?$/.test(text) ? Number(text) : undefined;
}

/**
 * When a limit starts anew, in seconds since 1970: vendors give it as seconds from now, as a time in seconds or in
 * milliseconds. Undefined where the header has none of these.
 *
 * @param now milliseconds since 1970
 */
export function resetSeconds(value: string | null | undefined, now: number): number | undefined {
  const number = headerNumber(value);
  if (number === undefined) return undefined;
  if (number < earliestTime) return now / 1000 + number;
  return number < earliestMilliseconds ? number : number / 1000;
}

/** `Retry-After` as seconds or as a date, in seconds from now; undefined where it is absent or neither. */
function retryAfter(value: string | null, now: number): number | undefined {
  const text = value?.trim() ?? "";
  if (/^\d{1,9}$/.test(text)) return Number(text);
  if (!httpDate.test(text)) return undefined;
  // A date without a zone is in GMT, too, but Date.parse takes it for local time.
  const at = Date.parse(text.endsWith("GMT") ? text : `${text} GMT`);
  return Number.isFinite(at) ? Math.max(0, (at - now) / 1000) : undefined;
}

/** Seconds that a 429 asks to wait: `Retry-After` as seconds or date, or SendGrid's `X-RateLimit-Reset`; 0 if unsaid. */
export function retryAfterSeconds(headers: HeaderSource, now: number): number {
  const asked = retryAfter(headers.get("retry-after"), now);
  if (asked !== undefined) return asked;
  const reset = resetSeconds(headers.get("x-ratelimit-reset"), now);
  return reset === undefined ? 0 : Math.max(0, reset - now / 1000);
}
