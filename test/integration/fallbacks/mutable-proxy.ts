import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { Workspace } from "../../../lab/workspace.ts";

/** A way to a server on which the answers can be lost. */
export interface MutableProxy {
  /** host:port */
  readonly address: string;
  /** From now on requests arrive and answers do not. */
  mute(): void;
  /** Cuts all connections; new ones are whole again. */
  cut(): void;
}

/** Starts a proxy to the port on loopback; it ends with the workspace. */
export async function startMutableProxy(workspace: Workspace, port: number): Promise<MutableProxy> {
  const sockets = new Set<Socket>();
  let muted = false;
  const server = createServer((client) => {
    const upstream = connect({ host: "127.0.0.1", port });
    client.pipe(upstream);
    upstream.on("data", (chunk) => {
      if (!muted) client.write(chunk);
    });
    for (const [own, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(own);
      own.on("error", () => undefined);
      own.on("close", () => {
        sockets.delete(own);
        other.destroy();
      });
    }
  });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  workspace.register({
    name: "mutable proxy",
    stop: async () => {
      cut();
      server.close();
    },
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    mute() {
      muted = true;
    },
    cut() {
      muted = false;
      cut();
    },
  };
}
