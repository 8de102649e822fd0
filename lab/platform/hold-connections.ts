import { Client } from "pg";
import { messageOf } from "../../core/errors.ts";

/** How long a connection may take to come about, in milliseconds; a full pool lets it wait. */
const connectDeadlineMs = 5_000;

/** How one of the connections is opened. */
type Address = ConstructorParameters<typeof Client>[0];

/** Connections that are taken and not given back. */
export interface HeldConnections {
  readonly count: number;
  release(): Promise<void>;
}

/**
 * Opens connections to Postgres and keeps them, each in an open transaction, until as many as wanted are there or no
 * further one comes about.
 */
export async function holdConnections(address: Address, wanted: number): Promise<HeldConnections> {
  const held: Client[] = [];
  let complaint = "";
  const take = async (): Promise<void> => {
    const client = new Client({
      ...(address as object),
      connectionTimeoutMillis: connectDeadlineMs,
      query_timeout: connectDeadlineMs,
      application_name: "redisops-lab-fault",
    });
    client.on("error", () => undefined); // the server may be killed meanwhile
    try {
      await client.connect();
      await client.query("BEGIN");
      await client.query("SELECT 1");
      held.push(client);
    } catch (error) {
      complaint = messageOf(error);
      client.connection.stream.destroy();
    }
  };
  await Promise.all(Array.from({ length: wanted }, take));
  if (held.length === 0) throw new Error(`not a single connection could be taken: ${complaint}`);
  return {
    count: held.length,
    async release() {
      for (const client of held) client.connection.stream.destroy();
    },
  };
}
