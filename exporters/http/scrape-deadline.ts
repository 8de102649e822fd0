/** Deadline without Prometheus's header, in milliseconds: half a second below its default scrape timeout of 10 s. */
const defaultDeadline = 9_500;
/** What is left to Prometheus's timeout for rendering and the way back, in milliseconds. */
const margin = 500;

/** Milliseconds that a scrape may take, from Prometheus's `X-Prometheus-Scrape-Timeout-Seconds`. */
export function scrapeDeadline(header: string | string[] | undefined): number {
  const seconds = Number(Array.isArray(header) ? header[0] : header);
  if (!Number.isFinite(seconds) || seconds <= 0) return defaultDeadline;
  const milliseconds = seconds * 1000;
  return milliseconds > 2 * margin ? milliseconds - margin : milliseconds / 2;
}
