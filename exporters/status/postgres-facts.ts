import { formatDuration } from "../../core/duration.ts";
import type { Read } from "./read.ts";

const states = ["active", "idle", "idle_in_transaction", "other"];
const inWords = (state: string) => state.replaceAll("_", " ");

function connectionFacts(read: Read): string[] {
  const counts = states.map((state) => read("redisops_postgres_connections", { state }) ?? 0);
  const limit = read("redisops_postgres_connections_limit");
  const hidden = read("redisops_postgres_hidden_sessions") ?? 0;
  return [
    ...(limit === undefined ? [] : [`connections ${counts.reduce((a, b) => a + b, 0)} of ${limit}`]),
    ...states.flatMap((state, index) => (counts[index] ? [`${inWords(state)} ${counts[index]}`] : [])),
    ...(hidden > 0 ? [`${hidden} hide what they do (grant pg_monitor)`] : []),
  ];
}

function poolFacts(read: Read): string[] {
  const waiting = read("redisops_pgbouncer_clients", { state: "waiting" });
  if (waiting === undefined) return read("redisops_pgbouncer_up") === 0 ? ["PgBouncer does not answer"] : [];
  const lent = read("redisops_pgbouncer_servers", { state: "active" }) ?? 0;
  const longest = (read("redisops_pgbouncer_max_wait_seconds") ?? 0).toFixed(1);
  return [
    `PgBouncer lends ${lent} of ${read("redisops_pgbouncer_servers_limit") ?? 0}`,
    waiting === 0
      ? "no client waits"
      : `${waiting === 1 ? "1 client waits" : `${waiting} clients wait`}, up to ${longest} s`,
  ];
}

/** What on-call needs of Postgres and its pools, one fact each. `now` is in milliseconds since 1970. */
export function postgresFacts(read: Read, now: number): string[] {
  const waiters = read("redisops_postgres_lock_waiters") ?? 0;
  const oldest = states.flatMap((state) => {
    const began = read("redisops_postgres_oldest_transaction_timestamp_seconds", { state });
    return began === undefined ? [] : [{ state, began }];
  });
  const [first] = oldest.sort((a, b) => a.began - b.began);
  return [
    ...connectionFacts(read),
    ...(waiters > 0 ? [`${waiters} ${waiters === 1 ? "waits" : "wait"} for a lock`] : []),
    ...(first === undefined
      ? []
      : [`oldest transaction ${formatDuration(now - first.began * 1000)} (${inWords(first.state)})`]),
    ...poolFacts(read),
  ];
}
