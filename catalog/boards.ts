/** The Grafana boards by the uid under which they are linked, with their titles. */
export const boards = {
  "redisops-overview": "Overview",
  "redisops-registry": "Connection registry",
  "redisops-rate-limit": "Rate limiting",
  "redisops-sequence": "Sequence counters",
  "redisops-preferences": "Preferences cache",
  "redisops-dedup": "Deduplication filter",
  "redisops-token-buckets": "Provider token buckets",
  "redisops-topology": "Redis servers and topology",
  "redisops-postgres": "Postgres and pending deliveries",
  "redisops-providers": "Providers",
  "redisops-recoveries": "Recoveries and drills",
  "redisops-exporter": "Exporter",
} as const;

export type BoardId = keyof typeof boards;
