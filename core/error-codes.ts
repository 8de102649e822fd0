/** Exit codes of the CLI; docs/errors.md lists them. */
export const exitCodes = {
  done: 0,
  failed: 1,
  planHasChanges: 2,
  stale: 3,
  notConfirmed: 4,
  resumable: 5,
  lockHeld: 6,
  verificationFailed: 7,
  notOverwritten: 8,
  usage: 64,
  denied: 77,
  webConfig: 78,
  interrupted: 130,
} as const;

interface ErrorCode {
  readonly meaning: string;
  /** What to do next, when the place that raises the error knows nothing better. */
  readonly next: string;
  readonly exitCode: number;
}

const { failed, usage, webConfig, interrupted, verificationFailed, notOverwritten, denied } = exitCodes;
const { stale, notConfirmed, resumable, lockHeld } = exitCodes;

/** Every error that redisops reports. Codes are stable: scripts may depend on them. */
export const errorCodes = {
  USAGE: {
    meaning: "The command line is not valid.",
    next: "Run the command with --help.",
    exitCode: usage,
  },
  CONFIG_NOT_FOUND: {
    meaning: "There is no configuration file at the given or default place.",
    next: "Name it with --config or REDISOPS_CONFIG, or let redisops init draft one.",
    exitCode: usage,
  },
  INIT_NOTHING_FOUND: {
    meaning: "None of the servers that redisops init was told of answered, so there is nothing to draft.",
    next: "Correct the addresses and references of the command, or run it where it can reach them.",
    exitCode: failed,
  },
  CONFIG_EXISTS: {
    meaning: "There is a configuration already where redisops init would write one.",
    next: "Write the draft elsewhere with --out and compare, or overwrite the file with --force.",
    exitCode: notOverwritten,
  },
  CONFIG_SYNTAX: {
    meaning: "The configuration file is not valid YAML.",
    next: "Mend the named line, then run redisops config check.",
    exitCode: usage,
  },
  CONFIG_INVALID: {
    meaning: "The configuration holds a value or a key that redisops does not understand.",
    next: "Mend the named lines; docs/configuration.md lists what is allowed.",
    exitCode: usage,
  },
  CONFIG_INCOMPLETE: {
    meaning: "The command needs a part of the configuration that is not there.",
    next: "Add the named part to redisops.yaml.",
    exitCode: usage,
  },
  WEB_CONFIG_INVALID: {
    meaning: "The file of --web.config.file cannot be used: it, or a certificate or key that it names.",
    next: "Mend the named lines; docs/exporter.md lists what is allowed.",
    exitCode: webConfig,
  },
  SECRET_UNRESOLVED: {
    meaning: "A secret refers to an environment variable or a file that cannot be read.",
    next: "Set the variable, or make the file readable for this user.",
    exitCode: usage,
  },
  REDIS_REFUSED: {
    meaning: "Nothing listens at the Redis address.",
    next: "Start the server, or correct the address in redisops.yaml.",
    exitCode: failed,
  },
  REDIS_TIMEOUT: {
    meaning: "Redis accepted the connection or the command, and did not answer before the deadline.",
    next: "Look at the server’s CPU, disk and slow log before restarting it.",
    exitCode: failed,
  },
  REDIS_UNREACHABLE: {
    meaning: "The Redis address does not resolve, or the connection was ended.",
    next: "Check the name and the network between here and the server.",
    exitCode: failed,
  },
  REDIS_AUTH: {
    meaning: "Redis rejects the credentials, or the user may not run the command.",
    next: "Compare username, password and ACL with docs/security.md.",
    exitCode: failed,
  },
  REDIS_LOADING: {
    meaning: "Redis is reading its data set and serves nothing yet.",
    next: "Wait until it has finished, then run the command again.",
    exitCode: failed,
  },
  REDIS_READONLY: {
    meaning: "A replica answered where a primary was expected.",
    next: "Wait for the failover to end, or correct the address.",
    exitCode: failed,
  },
  REDIS_OUT_OF_MEMORY: {
    meaning: "Redis refuses writes at its memory limit.",
    next: "Raise maxmemory or free memory, then run the command again.",
    exitCode: failed,
  },
  REDIS_WRITE_REFUSED: {
    meaning: "Redis refuses writes: it cannot save its data set, or too few replicas are attached.",
    next: "MISCONF: free disk space or mend the folder of the snapshots. NOREPLICAS: bring a replica back.",
    exitCode: failed,
  },
  REDIS_CLUSTER_DOWN: {
    meaning: "The Redis Cluster does not serve the slot.",
    next: "Wait for the shard’s failover, or bring one of its nodes back.",
    exitCode: failed,
  },
  REDIS_ERROR: {
    meaning: "Redis answered with an error.",
    next: "Read the server’s message.",
    exitCode: failed,
  },
  POSTGRES_REFUSED: {
    meaning: "Nothing listens at the Postgres address.",
    next: "Start the server, or correct postgres.address in redisops.yaml.",
    exitCode: failed,
  },
  POSTGRES_TIMEOUT: {
    meaning: "Postgres did not answer before the deadline, or a statement ran into its timeout.",
    next: "Look for long transactions, locks and missing indexes.",
    exitCode: failed,
  },
  POSTGRES_AUTH: {
    meaning: "Postgres rejects the credentials, or the user lacks a privilege.",
    next: "Compare user, password and grants with docs/security.md.",
    exitCode: failed,
  },
  POSTGRES_CONNECTIONS_EXHAUSTED: {
    meaning: "Postgres, or the user’s own limit, has no connection left.",
    next: "End idle connections, or raise the limit; docs/security.md says how redisops gets a reserved one.",
    exitCode: failed,
  },
  POSTGRES_RELATION_MISSING: {
    meaning: "A configured table or column does not exist.",
    next: "Correct its name under postgres.tables in redisops.yaml.",
    exitCode: failed,
  },
  POSTGRES_LOST: {
    meaning: "The connection to Postgres ended, or never came about.",
    next: "Check that Postgres is up, then run the command again.",
    exitCode: failed,
  },
  POSTGRES_ERROR: {
    meaning: "Postgres answered with an error.",
    next: "Read the server’s message.",
    exitCode: failed,
  },
  KAFKA_UNREACHABLE: {
    meaning: "No Kafka broker can be reached.",
    next: "Check kafka.brokers in redisops.yaml, and the network between here and the brokers.",
    exitCode: failed,
  },
  KAFKA_TIMEOUT: {
    meaning: "A Kafka broker did not answer before the deadline.",
    next: "Look at the broker’s load and disk, then run the command again.",
    exitCode: failed,
  },
  KAFKA_AUTH: {
    meaning: "Kafka rejects the credentials, or the user may not read the topic.",
    next: "Compare username, password and mechanism with the brokers’, and the ACLs with docs/security.md.",
    exitCode: failed,
  },
  KAFKA_TOPIC_MISSING: {
    meaning: "A configured topic does not exist.",
    next: "Correct its name under kafka in redisops.yaml.",
    exitCode: failed,
  },
  KAFKA_ERROR: {
    meaning: "Kafka answered with an error.",
    next: "Read the broker’s message.",
    exitCode: failed,
  },
  PGBOUNCER_UNAVAILABLE: {
    meaning: "PgBouncer’s console did not give a usable answer.",
    next: "Check that PgBouncer runs, and postgres.pgbouncer in redisops.yaml: its user has to be one of PgBouncer’s stats_users.",
    exitCode: failed,
  },
  DELIVERY_FAILED: {
    meaning: "Waiting messages were not taken by what recovery.pending.delivery names.",
    next: "Check that it is up and takes messages, then run the command again.",
    exitCode: failed,
  },
  REGISTRY_COLD: {
    meaning: "The registry does not have the entries of the live connections.",
    next: "Run redisops recover registry first.",
    exitCode: failed,
  },
  MESSAGE_NOT_ACCEPTED: {
    meaning: "A message could be neither delivered nor stored; it must not be acknowledged to its sender.",
    next: "Let the sender send it again, under the same message id; look at Postgres with redisops status.",
    exitCode: failed,
  },
  PROBE_TIMEOUT: {
    meaning: "A probe did not end before its deadline.",
    next: "Look at the named server; raise exporter.probe_timeout only if it is slow by design.",
    exitCode: failed,
  },
  PROVIDER_UNAVAILABLE: {
    meaning: "A provider did not answer its probe, or rejected the credentials.",
    next: "Check base_url and the account’s credentials in redisops.yaml, and the provider’s status page.",
    exitCode: failed,
  },
  PROVIDER_BLOCKS: {
    meaning: "The provider still blocks every account whose bucket is to be filled.",
    next: "Wait until the provider takes requests again; --force-blocked fills the buckets all the same.",
    exitCode: failed,
  },
  PROMETHEUS_UNAVAILABLE: {
    meaning: "Prometheus did not give a usable answer.",
    next: "Check prometheus.url in redisops.yaml.",
    exitCode: failed,
  },
  ALERTMANAGER_UNAVAILABLE: {
    meaning: "Alertmanager did not give a usable answer.",
    next: "Check alertmanager.url in redisops.yaml.",
    exitCode: failed,
  },
  GRAFANA_UNAVAILABLE: {
    meaning: "Grafana did not give a usable answer in time.",
    next: "Check grafana.url in redisops.yaml, and that Grafana is up; then run the command again: boards that are there already stay as they are.",
    exitCode: failed,
  },
  GRAFANA_DENIED: {
    meaning: "Grafana rejects the token, or the token may not do this.",
    next: "Give the service account of grafana.token the role Editor, or the permissions folders:create, dashboards:create and dashboards:write.",
    exitCode: denied,
  },
  GRAFANA_REFUSED: {
    meaning: "Grafana does not accept what it was asked to save.",
    next: "Read Grafana’s message.",
    exitCode: failed,
  },
  GRAFANA_BOARD_KEPT: {
    meaning:
      "Boards in Grafana were left as they are: redisops did not make them, somebody has changed them since, or Grafana reads them from files or keeps them in the v2 schema.",
    next: "Compare with redisops dashboards diff; --force overwrites those that redisops did not make and those that were changed, and what was changed by hand is in Grafana’s list of versions.",
    exitCode: notOverwritten,
  },
  FILTER_ENGINE_UNSUPPORTED: {
    meaning: "The configured filter engine is redisbloom, and the server has no BF commands.",
    next: "Load the RedisBloom module or use Redis 8; or set roles.dedup.filter.engine to bitmap.",
    exitCode: failed,
  },
  FILTER_SOURCE_EMPTY: {
    meaning: "The table of sent notifications has rows, and none of them is within the deduplication window.",
    next: "Check postgres.tables.sent_notifications.window and sent_at_column.",
    exitCode: failed,
  },
  FILTER_TOO_SMALL: {
    meaning:
      "The source holds more ids than the filter is sized for; filled with them it would suppress real notifications.",
    next: "Raise roles.dedup.filter.capacity, or shorten postgres.tables.sent_notifications.window.",
    exitCode: failed,
  },
  FILTER_REPLICA_BEHIND: {
    meaning:
      "A replica does not hold the new filter as the primary does, so the new filter was not put in place.",
    next: "Look at the replica’s replication link and its version of the module, then run the command again.",
    exitCode: failed,
  },
  CANARY_WRONG: {
    meaning: "A value of redisops’ own did not come back from Redis as it was written, or not at all.",
    next: "The server answers but does not keep what it is given: look for a restart, a failover to a replica that lagged, or eviction.",
    exitCode: failed,
  },
  FILTER_WRONG_TYPE: {
    meaning: "A key of the filter holds something that is not such a filter.",
    next: "Check roles.dedup.filter.key and engine; redisops does not overwrite foreign data.",
    exitCode: failed,
  },
  MEMORY_SHORT: {
    meaning: "The new filter does not fit beside the live one under the server’s maxmemory.",
    next: "Raise maxmemory for the time of the rebuild.",
    exitCode: failed,
  },
  JOURNAL_UNWRITABLE: {
    meaning: "The journal of the run cannot be written, so its next step was not begun.",
    next: "Free disk space or set state_dir in redisops.yaml to a writable folder, then go on.",
    exitCode: failed,
  },
  PLAN_INVALID: {
    meaning: "The file is not a plan that redisops saved, or it is of another platform or version.",
    next: "Save a new one: redisops recover <name> --out <file>.",
    exitCode: usage,
  },
  PLAN_STALE: {
    meaning: "What the plan or the run rests on has changed since: its source or its target is another one.",
    next: "Make a new plan, and read it before it is carried out.",
    exitCode: stale,
  },
  NOT_CONFIRMED: {
    meaning: "The action is severe and was not confirmed by naming platform and role.",
    next: "Read the plan’s risks; then add --confirm=<platform>/<role>.",
    exitCode: notConfirmed,
  },
  DRILL_REFUSED: {
    meaning:
      "The drill is not run on this platform: its fault has no undo there, or would cost more than a drill may.",
    next: "Rehearse it on the lab: redisops drill run <mode>.",
    exitCode: failed,
  },
  LOCK_HELD: {
    meaning: "Another run works on the same role.",
    next: "Wait for it: redisops recover list shows it. A run that was killed frees the role within ten seconds.",
    exitCode: lockHeld,
  },
  LOCK_UNAVAILABLE: {
    meaning: "The lock of the role cannot be taken: its tables or its folder cannot be written.",
    next: "Grant what docs/recovery-runs.md lists, or set state_dir in redisops.yaml to a writable folder.",
    exitCode: failed,
  },
  FENCED_OFF: {
    meaning: "Another run has taken the role over, so this one writes nothing any more.",
    next: "Look at redisops recover list; the run that has the role goes on.",
    exitCode: stale,
  },
  TARGET_OVERLOADED: {
    meaning: "The target’s load went above the limit at which a recovery ends.",
    next: "Let it calm down, then resume with a lower --max-rate; recovery.limits in redisops.yaml has the limits.",
    exitCode: resumable,
  },
  TARGET_CHANGED: {
    meaning: "The target restarted or failed over during the run: what was written before may be gone.",
    next: "Resume the run: it begins anew on the new target.",
    exitCode: resumable,
  },
  RUN_UNKNOWN: {
    meaning: "There is no run of that id, neither on this machine nor in Postgres.",
    next: "redisops recover list shows those that are known.",
    exitCode: usage,
  },
  RUN_FINISHED: {
    meaning: "The run is finished: there is nothing to resume, to join or to throttle.",
    next: "Make a new plan where there is more to do.",
    exitCode: usage,
  },
  EXPOSURES_UNAVAILABLE: {
    meaning: "The folder in which notifications are recorded that were sent on assumption cannot be used.",
    next: "Name a folder that is there and that this user may read, and for a worker also write.",
    exitCode: failed,
  },
  AUDIT_NO_SPACE: {
    meaning: "The audit cannot keep the ids of what was sent in the temporary folder.",
    next: "Free disk space, or set TMPDIR to a folder with room for the ids of the span and its window.",
    exitCode: failed,
  },
  ONCALL_PAYLOAD_INVALID: {
    meaning: "What should be a notification of Alertmanager is none, or is larger than one is.",
    next: "Give the JSON that Alertmanager posts to a webhook (its format 4), as a file or on stdin with -.",
    exitCode: usage,
  },
  LISTEN_FAILED: {
    meaning: "The exporter, or the receiver of redisops oncall, cannot listen on its address.",
    next: "Choose another exporter.listen, or end what uses the port.",
    exitCode: failed,
  },
  LAB_MISSING: {
    meaning: "The lab is not part of the published package.",
    next: "Run the command in a checkout of redisops: git clone, make bootstrap, npx redisops lab up.",
    exitCode: failed,
  },
  LAB_RUNNING: {
    meaning: "A lab of this name runs already.",
    next: "redisops lab status shows it, redisops lab down ends it; --name starts another one beside it.",
    exitCode: failed,
  },
  LAB_DOWN: {
    meaning: "There is no lab of this name, or its supervisor is gone.",
    next: "Start it with redisops lab up.",
    exitCode: failed,
  },
  LAB_FAILED: {
    meaning: "The lab could not do what it was asked to.",
    next: "Read the message; the logs are in the folder that redisops lab status names.",
    exitCode: failed,
  },
  VERIFICATION_FAILED: {
    meaning: "The recovery was carried out, and its verification does not hold.",
    next: "Run the command again: doing it twice is safe. If the same figure is off again, what the recovery works from is: check its source and its size in redisops.yaml.",
    exitCode: verificationFailed,
  },
  INTERRUPTED: {
    meaning: "The command was interrupted: before its next step, or at once at the second Ctrl-C.",
    next: "Run the command again when you are ready: what it has done already stays, and doing it twice is safe.",
    exitCode: interrupted,
  },
  INTERNAL: {
    meaning: "A defect in redisops.",
    next: "Report it with the output of the same command under REDISOPS_DEBUG=1.",
    exitCode: failed,
  },
} as const satisfies Record<string, ErrorCode>;

export type ErrorCodeName = keyof typeof errorCodes;
