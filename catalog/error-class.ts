/**
 * How a server failed to accept a real command. Bounded on purpose, because it is a label value.
 *
 * - `refused`: nothing listens there (the process is down).
 * - `timeout`: connected or connecting, but no answer before the deadline (hung, or the network drops packets).
 * - `unreachable`: the name does not resolve, or the network or the peer ended the connection.
 * - `auth`: the server answers, and rejects the credentials or the permission.
 * - `exhausted`: the server has no connection left.
 * - `loading`: the server is reading its data set and serves nothing yet.
 * - `readonly`: a replica answered where a primary was expected.
 * - `out_of_memory`: the server refuses writes at its memory limit.
 * - `write_refused`: the server refuses writes for another reason: it cannot save its data set, or lacks replicas.
 * - `cluster_down`: the cluster does not serve the slot.
 * - `other`: the server answered with any other error.
 */
export const errorClasses = [
  "refused",
  "timeout",
  "unreachable",
  "auth",
  "exhausted",
  "loading",
  "readonly",
  "out_of_memory",
  "write_refused",
  "cluster_down",
  "other",
] as const;

export type ErrorClass = (typeof errorClasses)[number];
