/**
 * How much of the time for which a message has waited its recipient was connected, in milliseconds. By that connection's
 * own beginning, so that an outage of the registry, which hides it, does not shorten the delay. Where the clocks of this
 * process and of the connection server differ, so does the result, but it is never negative and never above the wait.
 */
export function deliveryDelay(waitedMs: number, connectedAtMs: number, nowMs = Date.now()): number {
  return Math.max(0, Math.min(waitedMs, nowMs - connectedAtMs));
}
