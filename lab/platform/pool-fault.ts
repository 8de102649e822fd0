import { messageOf } from "../../core/errors.ts";
import { waitUntil } from "../wait.ts";
import { type HeldConnections, holdConnections } from "./hold-connections.ts";
import type { Done } from "./injection.ts";
import type { Stores } from "./stores.ts";

/** As `lab/servers` configure PgBouncer and Postgres. */
const poolSize = 20;
const maxConnections = 100;
/** Connections of Postgres that stay free. */
const connectionsLeft = 8;

/** PgBouncer takes up to 15 s to see that a Postgres is back, and a restarted Postgres a moment more, in milliseconds. */
const deadlineMs = 30_000;

/** Takes so many connections, as far as they come about in time. Rejects when not a single one does. */
async function takeAll(
  address: Parameters<typeof holdConnections>[0],
  wanted: number,
): Promise<HeldConnections> {
  const held: HeldConnections[] = [];
  const count = () => held.reduce((sum, each) => sum + each.count, 0);
  let complaint = "";
  const take = async (): Promise<boolean> => {
    await holdConnections(address, wanted - count()).then(
      (taken) => held.push(taken),
      (error: unknown) => {
        complaint = messageOf(error);
      },
    );
    return count() >= wanted;
  };
  await waitUntil(take, { what: "connections", deadlineMs, intervalMs: 500 }).catch(() => undefined);
  if (held.length === 0) throw new Error(complaint);
  return {
    count: count(),
    async release() {
      await Promise.all(held.map((each) => each.release()));
    },
  };
}

/** First the pool, whose connections are Postgres's too; then what is left of those. */
export async function fillPool({ postgres, pgbouncer }: Stores): Promise<Done> {
  const pool = await takeAll(pgbouncer.connection, poolSize);
  const rest = await holdConnections(postgres.connection, maxConnections - poolSize - connectionsLeft).catch(
    async (error: unknown) => {
      await pool.release();
      throw error;
    },
  );
  return {
    target: "postgres",
    members: ["postgres", "pgbouncer"],
    what: `${pool.count} connections of PgBouncer's pool and ${rest.count} of Postgres's own are taken`,
    async undo() {
      await Promise.all([pool.release(), rest.release()]);
    },
  };
}
