import type { DegradationMode } from "../mode.ts";

export const PendingDeliveriesBacklog: DegradationMode = {
  id: "PendingDeliveriesBacklog",
  title: "Messages wait although their recipients are connected",
  role: "registry",
  board: "redisops-postgres",
  severity: "page",
  nature: "symptom",
  origin:
    "After a registry outage the delivery workers drain pending_deliveries. Rows of people who are offline wait there in normal operation; rows of people who are connected must not.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_pending_deliveries_deliverable_ratio", where: { role: "registry" } },
    aggregate: "max",
    by: ["role"],
    comparison: ">",
    limit: "deliverable_ratio",
    and: {
      kind: "threshold",
      measure: { metric: "redisops_pending_deliveries", where: { role: "registry" } },
      aggregate: "max",
      by: ["role"],
      comparison: ">",
      limit: "min_depth",
    },
  },
  thresholds: {
    for: {
      value: "5m",
      unit: "duration",
      reason:
        "The burst after a registry outage is expected and drains by itself; five minutes mean that it does not.",
    },
    deliverable_ratio: {
      value: 0.1,
      unit: "ratio",
      reason:
        "Only rows older than a minute count, so working delivery shows 0. The share is that of the age band where it is highest, among bands with at least 10 sampled rows; a tenth leaves room for people who have just come online.",
    },
    min_depth: {
      value: 100,
      unit: "count",
      reason: "A tenth of a handful of rows is one person reconnecting.",
    },
  },
  summary:
    "{{ $value | humanizePercentage }} of the waiting messages are for people who are connected, in the worst age band",
  description:
    "The registry answers and shows the recipients of {{ $value | humanizePercentage }} of the sampled waiting messages as connected, in the age band where that share is highest, yet their messages stay in pending_deliveries: the delivery workers do not keep up or do not run.",
  userImpact: "People who are online wait for messages that could be delivered now.",
  containment: "The messages are safe in Postgres and keep their order.",
  aggravators: [
    "Truncating the table: messages would be lost.",
    "A long-running transaction in Postgres: dead rows pile up and the drain slows down.",
    "Draining while the registry lacks its entries: everybody looks offline, and nothing is handed over. The command refuses it (REGISTRY_COLD).",
  ],
  normal:
    "redisops_pending_deliveries_deliverable_ratio is 0, whatever the depth: offline people’s messages wait there.",
  frequency:
    "For some minutes after a long registry outage; otherwise only when the delivery workers have a problem.",
  prevention:
    "Size the delivery workers for several times the normal message rate, so that a backlog drains faster than it grew.",
  topologies: {
    standalone:
      "After a restart without its data the registry shows nobody as connected, and this ratio is 0 however much waits: RegistryCold is the alert then.",
    cluster:
      "Rows of the people whose shard is down count as not connected. When the shard is back, they are a backlog of one share of the users.",
  },
  diagnosis: [
    {
      command: "redisops status --role registry",
      shows: [
        "registry  127.0.0.1:…  degraded  PendingDeliveriesBacklog  …  redisops recover pending…",
        "…pending depth …",
        "…deliverable now … % in the worst age band…",
        "  PendingDeliveriesBacklog: Messages wait although their recipients are connected",
      ],
      branches: [
        {
          observed: "state neither “ok” nor “degraded”",
          conclusion: "RegistryDown comes first; the backlog is its consequence.",
        },
        {
          observed: "“pending depth” falls between two calls",
          conclusion: "The drain works. Estimate its end from the two depths and wait.",
        },
        {
          observed:
            "“pending depth at least …” (the bound of the count), but “oldest waits” or “deliverable now” falls between two calls",
          conclusion:
            "The drain works: at its bound (exporter.pending_count_limit) the depth does not move, so judge by the age of the oldest. Wait until the depth is below the bound.",
        },
        {
          observed:
            "“pending depth” is steady or grows; at its bound, neither “oldest waits” nor “deliverable now” falls",
          conclusion:
            "The delivery workers stand still. Drain with the command below; it needs none of them. Then find out why: do they run, do they reach the registry, what is in their log?",
        },
      ],
    },
    {
      command: "redisops status --role postgres",
      shows: ["…connections … of …"],
      branches: [
        {
          observed: "“oldest transaction” of many minutes",
          conclusion:
            "It keeps the rows that were delivered from being removed, and each pass reads past them. Find out whose it is and end it (pg_terminate_backend).",
        },
        {
          observed: "“connections” at their limit, or clients wait for PgBouncer",
          conclusion:
            "The workers get no connection: each takes one for every user it delivers to at the same time, and one more. PostgresPoolSaturated first.",
        },
        {
          observed: "neither",
          conclusion:
            "Postgres is not the cause. On the board, “pending-drained” tells workers that are refused by a connection server from workers that do nothing.",
        },
      ],
    },
  ],
  remedy: {
    kind: "command",
    command: "redisops recover pending",
    planShows: [
      "  waiting messages  …",
      "  connected         … of … sampled",
      "  delivery          endpoint http://{server_id}/deliveries",
      "Nothing was changed. To carry it out: redisops recover pending --execute…",
    ],
    executeShows: [
      "Done in … s. Verification holds:",
      "  handed over    … messages, by this process",
      "  still waiting  of messages that waited when the run began: 0 recipients who are connected,…",
      "  modes          PendingDeliveriesBacklog does not hold:…",
    ],
    proof:
      "redisops_pending_deliveries_deliverable_ratio returns to 0 and redisops_pending_deliveries falls.",
    within: "one scrape after the run ends; it ends when nobody who is connected has messages waiting",
    rollback:
      "None is needed: a message leaves the table only after its acknowledgement. Delivery workers may run or be restarted at any time, also beside the drain: nobody is served by two at once.",
    whenItFails:
      "CONFIG_INCOMPLETE: redisops does not know how to hand messages over (recovery.pending.delivery); restart or scale out the delivery workers instead. REGISTRY_COLD: redisops recover registry first. DELIVERY_FAILED: the connection servers do not take them; their log says why. Too slow: start redisops recover join <run> on further machines, or find the long transaction in Postgres (PostgresPoolSaturated shows idle_in_transaction) and end it. Messages that are refused five times are set aside with the reason and hold nobody up.",
  },
  drill: {
    kind: "lab",
    inject: ["kill --role delivery-worker", "kill --role registry --for 20s"],
    alsoFires: {
      RegistryDown: "The registry is away for 20 s, so that messages wait for people who are connected.",
      RedisDown: "The same, by its cause.",
      RedisErrorRateHigh: "Calls of the registry fail meanwhile.",
      RegistryCold: "Killed, it comes back without its entries.",
      DegradedDecisionsBudgetBurn: "Those lookups are answered by a fallback.",
    },
    limits:
      "What came in while the registry was away counts from its second minute on; the alert needs five minutes more.",
  },
  inhibits: [],
  panels: ["pending-depth", "pending-oldest", "pending-deliverable", "messages-held", "pending-drained"],
  scenarios: [
    {
      name: "the delivery workers stand still after an outage, then drain",
      faults: [
        {
          metric: "redisops_pending_deliveries_deliverable_ratio",
          labels: { role: "registry" },
          runs: [
            { value: 0, samples: 3 },
            { value: 0.62, samples: 12 },
            { value: 0, samples: 10 },
          ],
        },
        {
          metric: "redisops_pending_deliveries",
          labels: { role: "registry" },
          runs: [
            { value: 2000, samples: 3 },
            { value: 90000, samples: 12 },
            { value: 2000, samples: 10 },
          ],
        },
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "7m", firing: [] },
        { at: "9m", firing: ["PendingDeliveriesBacklog"] },
        { at: "17m", firing: [] },
      ],
    },
    {
      name: "the burst after a registry outage drains within four minutes",
      faults: [
        {
          metric: "redisops_pending_deliveries_deliverable_ratio",
          labels: { role: "registry" },
          runs: [
            { value: 0, samples: 3 },
            { value: 0.9, samples: 4 },
            { value: 0, samples: 10 },
          ],
        },
        {
          metric: "redisops_pending_deliveries",
          labels: { role: "registry" },
          runs: [
            { value: 2000, samples: 3 },
            { value: 300_000, samples: 4 },
            { value: 2000, samples: 10 },
          ],
        },
      ],
      expect: [
        { at: "6m", firing: [] },
        { at: "9m", firing: [] },
      ],
    },
    {
      name: "millions of messages wait for people who are offline",
      faults: [
        {
          metric: "redisops_pending_deliveries",
          labels: { role: "registry" },
          runs: [{ value: 3_000_000, samples: 30 }],
        },
      ],
      expect: [{ at: "25m", firing: [] }],
    },
    {
      name: "three messages wait, one for a person who has just connected",
      faults: [
        {
          metric: "redisops_pending_deliveries_deliverable_ratio",
          labels: { role: "registry" },
          runs: [{ value: 0.33, samples: 30 }],
        },
        {
          metric: "redisops_pending_deliveries",
          labels: { role: "registry" },
          runs: [{ value: 3, samples: 30 }],
        },
      ],
      expect: [{ at: "25m", firing: [] }],
    },
  ],
  example: {
    labels: { role: "registry" },
    summary: "62% of the waiting messages are for people who are connected, in the worst age band",
    description:
      "The registry answers and shows the recipients of 62% of the sampled waiting messages as connected, in the age band where that share is highest, yet their messages stay in pending_deliveries: the delivery workers do not keep up or do not run.",
  },
};
