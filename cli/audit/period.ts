import { durationPattern, parseDuration } from "../../core/duration.ts";
import { RedisopsError } from "../../core/errors.ts";

/** The options that say which time an audit is about. */
export interface PeriodOptions {
  readonly since?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** The time that an audit is about, in milliseconds since 1970; `to` does not belong to it. */
export interface Period {
  readonly from: number;
  readonly to: number;
  /** For a reader: "in the last 7d", or "from … to …". */
  readonly words: string;
}

const standard = "7d";
const iso = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/i;

/** A moment: in ISO 8601 with its zone, a day (its beginning in UTC), or a duration such as 2h for so long ago. */
function moment(option: string, text: string, now: number): number {
  const time = durationPattern.test(text)
    ? now - parseDuration(text)
    : iso.test(text)
      ? Date.parse(text)
      : Number.NaN;
  // A day that its month does not have would be taken for one of the next month.
  const rolled =
    iso.test(text) && new Date(`${text.slice(0, 10)}T00:00Z`).toJSON()?.slice(0, 10) !== text.slice(0, 10);
  if (Number.isNaN(time) || rolled) {
    throw new RedisopsError(
      "USAGE",
      `${option} expects a time with its zone such as 2026-11-21T09:00Z, a day, or a duration such as 2h for that long ago; got "${text}"`,
    );
  }
  if (time < 0) throw new RedisopsError("USAGE", `${option} reaches back further than 1970`);
  return time;
}

/** Reads the options. Throws USAGE. */
export function periodOf({ since, from, to }: PeriodOptions, now = Date.now()): Period {
  if (since !== undefined && (from !== undefined || to !== undefined)) {
    throw new RedisopsError("USAGE", "--since reaches until now: use it without --from and --to");
  }
  if (since !== undefined && !durationPattern.test(since)) {
    throw new RedisopsError("USAGE", `--since expects a duration such as 90m or 7d, got "${since}"`);
  }
  if (from === undefined && to === undefined) {
    const span = since ?? standard;
    return { from: moment("--since", span, now), to: now, words: `in the last ${span}` };
  }
  if (from === undefined) throw new RedisopsError("USAGE", "--to needs --from: say where the span begins");
  const begin = moment("--from", from, now);
  const end = to === undefined ? now : moment("--to", to, now);
  if (begin >= end) throw new RedisopsError("USAGE", "--from has to be before --to");
  const words = `from ${new Date(begin).toISOString()} to ${new Date(end).toISOString()}`;
  return { from: begin, to: end, words };
}
