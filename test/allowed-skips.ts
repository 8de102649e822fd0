/**
 * Tests that may be skipped, by a part of their full name, with what they need. Any other skip fails `make test`.
 */
export const allowedSkips: readonly string[] = [
  // Needs a server that has the BF commands; REDISOPS_TEST_BLOOM_SERVER says how to start one, but for its port.
  "live RedisBloom",
  "the filter probe on RedisBloom",
  // Needs Linux: what a process that runs already may write is limited by prlimit.
  "a disk that is full",
  // Needs REDISOPS_TEST_GRAFANA_URL and REDISOPS_TEST_GRAFANA_TOKEN: a Grafana with a Prometheus data source.
  "a real Grafana",
];
