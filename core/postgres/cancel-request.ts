import { connect } from "node:net";
import type pg from "pg";

const cancelRequestCode = 80_877_102;
/** Longest time for the request to be handed in, in milliseconds. */
const deadline = 1_000;

/**
 * Asks the server, or the PgBouncer before it, to cancel what runs on a connection (CancelRequest of the Postgres protocol),
 * on a connection of its own, without waiting: ending the connection alone leaves the statement running. The protocol
 * takes such requests unencrypted and answers nothing.
 */
export function cancelStatement(client: pg.ClientBase, host: string, port: number): void {
  const { processID, secretKey } = client as unknown as {
    processID: number | null;
    secretKey: number | null;
  };
  if (processID === null || secretKey === null) return;
  const request = Buffer.alloc(16);
  request.writeInt32BE(16, 0);
  request.writeInt32BE(cancelRequestCode, 4);
  request.writeInt32BE(processID, 8);
  request.writeInt32BE(secretKey, 12);
  const socket = connect({ host, port }, () => socket.end(request));
  socket.setTimeout(deadline, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  socket.unref();
}
