import { RedisScript } from "../redis/script.ts";

/** The highest number that INCR can count to: counters are signed integers of 64 bits. */
export const highestCount = 9_223_372_036_854_775_807n;

/*
 * Both scripts take any number of keys, of one slot in a cluster, and compare in decimal digits: Lua's numbers are doubles
 * and exact up to 2^53 only. A key that INCR cannot count on from (another type, another text, more than 64 bits) is foreign;
 * it is left as it is.
 */
const prelude = `
local function counter(key)
  local live = redis.pcall('GET', key)
  if type(live) == 'table' then
    if string.sub(live.err, 1, 9) == 'WRONGTYPE' then return nil end
    return redis.call('GET', key)
  end
  if live and live ~= '0' and (not string.find(live, '^%-?[1-9]%d*$') or (#live > 19 and string.byte(live) ~= 45)) then
    return nil
  end
  return live
end
local function below(live, floor)
  return not live or #live < #floor or (#live == #floor and live < floor) or string.byte(live) == 45
end`;

/**
 * Raises counters to floors, each in one step, so that an INCR at the same time is neither lost nor undone. Arguments: the
 * keys' floors, as {@link canonicalCount} writes them. Answers how many were raised, the others being as high already, and
 * how many are foreign. A counter that is raised has no time to live afterwards: one that expires begins anew at 1.
 */
export const raiseScript = new RedisScript(`${prelude}
local raised, foreign = 0, 0
for i = 1, #KEYS do
  local live = counter(KEYS[i])
  if live == nil then
    foreign = foreign + 1
  elseif below(live, ARGV[i]) then
    redis.call('SET', KEYS[i], ARGV[i])
    raised = raised + 1
  end
end
return {raised, foreign}`);

/**
 * Holds counters against durable numbers and against floors above those, and changes nothing. Arguments: the keys' numbers,
 * then their floors, as {@link canonicalCount} writes them. Answers what {@link lookedAt} reads.
 */
export const lookScript = new RedisScript(`${prelude}
local behind, missing, short, foreign, furthest = 0, 0, 0, 0, 0
for i = 1, #KEYS do
  local live = counter(KEYS[i])
  if live == nil then
    foreign = foreign + 1
  elseif below(live, ARGV[i]) then
    behind = behind + 1
    if not live then missing = missing + 1 end
    furthest = math.max(furthest, tonumber(ARGV[i]) - tonumber(live or 0))
  elseif below(live, ARGV[#KEYS + i]) then
    short = short + 1
  end
end
return {behind, missing, short, foreign, math.min(furthest, 2 ^ 53)}`);

/** Counters in one call of a script: a hundred take a tenth of a millisecond and a tenth of the work of a hundred calls. */
export function countersPerCall(topology: "standalone" | "sentinel" | "cluster"): number {
  return topology === "cluster" ? 1 : 100;
}

/** How counters compare with what is durable. */
export interface CounterStates {
  /** Below a durable number, or gone. */
  readonly behind: number;
  /** Gone, of those. */
  readonly missing: number;
  /** Not below what is durable, but below the floor. */
  readonly short: number;
  /** Of another type, or no integer of 64 bits. */
  readonly foreign: number;
  /** The furthest that one is below a durable number. */
  readonly furthest: number;
}

/** What {@link lookScript} answered. */
export function lookedAt(answer: unknown): CounterStates {
  const [behind = 0, missing = 0, short = 0, foreign = 0, furthest = 0] = answer as number[];
  return { behind, missing, short, foreign, furthest };
}

/** A number of decimal digits as Redis writes it: without leading zeros. */
export function canonicalCount(digits: string): string {
  return digits.replace(/^0+(?=\d)/, "");
}

/** Whether one number, as {@link canonicalCount} writes it, is higher than another. */
export function isHigher(one: string, other: string): boolean {
  return one.length === other.length ? one > other : one.length > other.length;
}

/** A number, as {@link canonicalCount} writes it, and so many more. Must not go beyond {@link highestCount}. */
export function countAbove(count: string, more: number): string {
  // Doubles are exact here, and faster.
  return count.length <= 14 ? String(Number(count) + more) : String(BigInt(count) + BigInt(more));
}
