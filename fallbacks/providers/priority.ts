/** How important a notification is; `critical` are one-time passwords and fraud alerts. */
export type Priority = "critical" | "high" | "normal" | "bulk";

/** All priorities, the least important last. */
export const priorities: readonly Priority[] = ["critical", "high", "normal", "bulk"];

/**
 * Share of a full bucket that each priority leaves to the ones above it, so that under pressure bulk is shed first and
 * critical last. In a bucket of one second's worth:
 *
 * - high leaves 50 ms of the account's rate, for one-time passwords that arrive together;
 * - normal leaves 150 ms, so that a transactional peak finds room beside everyday traffic;
 * - bulk leaves 300 ms: a campaign takes all the time it needs, and gives up a burst's third rather than anyone's place.
 */
export const reserveShares: Readonly<Record<Priority, number>> = {
  critical: 0,
  high: 0.05,
  normal: 0.15,
  bulk: 0.3,
};
