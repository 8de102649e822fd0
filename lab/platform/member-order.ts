import type { Member } from "./member.ts";
import { appKinds } from "./settings.ts";

/** Names, or what they begin with: the stores, what works on them, what observes them. */
const order = [
  "registry",
  "rate-limit",
  "sequence",
  "cluster",
  "dedup",
  "sentinel",
  "postgres",
  "pgbouncer",
  "kafka",
  ...appKinds,
  "exporter",
  "prometheus",
  "alertmanager",
];

/** The members as `lab status` lists them: in the same order in every lab, whichever was ready first. */
export function inFixedOrder(members: readonly Member[]): Member[] {
  const place = ({ name }: Member) =>
    order.findIndex((start) => name === start || name.startsWith(`${start}-`));
  return members.toSorted(
    (a, b) => place(a) - place(b) || a.name.localeCompare(b.name, "en", { numeric: true }),
  );
}
