/** Names in the catalog's texts that are not redisops' own: products, and what Redis, Postgres and PgBouncer call things. */
export const foreignNames: ReadonlySet<string> = new Set([
  "PgBouncer",
  "RedisBloom",
  "SendGrid",
  "OpenTelemetry",
  "WhatsApp",
  "GitLab",
  // Postgres
  "pg_terminate_backend",
  "pg_stat_activity",
  "application_name",
  "max_connections",
  "idle_in_transaction",
  "idle_in_transaction_session_timeout",
  "session_replication_role",
  "pg_hba",
  "state_change",
  "pg_blocking_pids",
  // PgBouncer
  "default_pool_size",
  // Redis
  "used_cpu_sys",
  "latest_fork_usec",
  // columns of tables that redisops makes, or reads under any name
  "account_id",
  "user_id",
  "error_code",
  "started_at",
  "redisops_runs",
]);
