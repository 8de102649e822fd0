/** What users feel, as a share of events that must go well. */
export interface Slo {
  /** What counts as an event, and what as a bad one. */
  readonly events: string;
  /** PromQL of the bad and of all events per second by the signal's labels; `$window` stands for the window. */
  readonly bad: string;
  readonly all: string;
}

export const slos = {
  decisions: {
    events: "A decision of a role's client; bad is one that a fallback made.",
    bad: "sum by (role) (rate(redisops_decisions_degraded_total[$window]))",
    all: "sum by (role) (rate(redisops_decisions_total[$window]))",
  },
  delivery: {
    events:
      "A message that its recipient’s connection server acknowledged; bad is one that took more than 30 seconds from the moment at which it was accepted and its recipient connected.",
    // Prometheus 3 writes the bound as 30.0.
    bad: 'sum by (role) (rate(redisops_delivery_delay_seconds_count[$window])) - sum by (role) (rate(redisops_delivery_delay_seconds_bucket{le=~"30|30.0"}[$window]))',
    all: "sum by (role) (rate(redisops_delivery_delay_seconds_count[$window]))",
  },
  notifications: {
    events:
      "A notification that is not bulk, or that an account answered: other than with 429, after which it goes on to the next account. Bad is one that was shed; bulk that is shed does not count, that is how the rest is kept going.",
    bad: `sum by (role, provider) (rate(redisops_notifications_shed_total{priority!="bulk"}[$window]))`,
    // `or` within the sum is a union: the two counters have different labels. A worker without a 429 may lack that counter.
    all: `sum by (role, provider) ((rate(redisops_provider_requests_total[$window]) - (rate(redisops_provider_throttled_total[$window]) or 0 * rate(redisops_provider_requests_total[$window]))) or rate(redisops_notifications_shed_total{priority!="bulk"}[$window]))`,
  },
} as const satisfies Record<string, Slo>;

export type SloId = keyof typeof slos;

/** Two windows that must both burn the error budget `factor` times as fast as it lasts for 30 days. */
export interface BurnRate {
  readonly severity: "page" | "ticket";
  readonly long: string;
  readonly short: string;
  readonly factor: number;
}

/** As Google's Site Reliability Workbook (chapter 5) derives them: 2 %, 5 %, 10 % and 10 % of a month's budget. */
export const burnRates: readonly BurnRate[] = [
  { severity: "page", long: "1h", short: "5m", factor: 14.4 },
  { severity: "page", long: "6h", short: "30m", factor: 6 },
  { severity: "ticket", long: "1d", short: "2h", factor: 3 },
  { severity: "ticket", long: "3d", short: "6h", factor: 1 },
];

/** Every window over which events are rated. */
export const sloWindows: readonly string[] = [
  ...new Set(burnRates.flatMap(({ long, short }) => [short, long])),
];
