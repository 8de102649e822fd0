/** Response headers by name, whatever the case; a `Headers` object is one. */
export interface HeaderSource {
  get(name: string): string | null;
}

/** Seconds that a 429 asks to wait: `Retry-After` as seconds or date, or SendGrid's `X-RateLimit-Reset`; 0 if unsaid. */
export function retryAfterSeconds(headers: HeaderSource, now: number): number {
  const after = headers.get("retry-after");
  if (after !== null) {
    const seconds = /^\d+$/.test(after.trim()) ? Number(after) : (Date.parse(after) - now) / 1000;
    if (Number.isFinite(seconds)) return Math.max(0, seconds);
  }
  const reset = Number(headers.get("x-ratelimit-reset") ?? Number.NaN);
  return Number.isFinite(reset) ? Math.max(0, reset - now / 1000) : 0;
}
