import type { IncomingMessage, ServerResponse } from "node:http";
import type { Workspace } from "../workspace.ts";
import { startLoopbackHttp } from "./loopback-http.ts";

/** A message as the drain posts it. */
export interface PostedMessage {
  readonly idempotency_key: string;
  readonly message_id: string;
  readonly user_id: string;
  readonly conversation_id: string;
  readonly body: string;
}

interface PostedBatch {
  readonly version: number;
  readonly server_id: string;
  readonly messages: readonly PostedMessage[];
}

/** What the endpoint says to a message; `hang` answers the whole batch never. */
export type EndpointAnswer = "acknowledged" | "offline" | "hang" | { readonly refused: string };

/** A stand-in for connection servers that take batches of messages by docs/recover-pending.md. */
export interface DeliveryEndpoint {
  /** URL with the placeholder of the server id. */
  readonly url: string;
  /** Message ids that each user was given, in order and as often. */
  readonly received: ReadonlyMap<string, string[]>;
  readonly batches: readonly {
    readonly serverId: string;
    readonly size: number;
    readonly key: string | undefined;
  }[];
  /** Decides on each message; acknowledges unless set. */
  answer: (message: PostedMessage) => EndpointAnswer | Promise<EndpointAnswer>;
  /** Status of the answer to a batch, 200 unless set. */
  status: (batch: PostedBatch, request: IncomingMessage) => number;
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** Starts the endpoint on 127.0.0.1 as a member of the workspace. */
export async function startDeliveryEndpoint(workspace: Workspace): Promise<DeliveryEndpoint> {
  const received = new Map<string, string[]>();
  const batches: { serverId: string; size: number; key: string | undefined }[] = [];

  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const batch = JSON.parse(await textOf(request)) as PostedBatch;
    const key = request.headers["idempotency-key"];
    batches.push({
      serverId: batch.server_id,
      size: batch.messages.length,
      key: Array.isArray(key) ? key[0] : key,
    });
    const status = endpoint.status(batch, request);
    if (status !== 200) {
      response.writeHead(status).end();
      return;
    }
    const stopped = new Set<string>();
    const results: unknown[] = [];
    for (const message of batch.messages) {
      const answer = stopped.has(message.user_id) ? "skipped" : await endpoint.answer(message);
      if (answer === "hang") return; // the connection ends when the client gives up or the endpoint stops
      if (answer === "acknowledged") {
        const list = received.get(message.user_id) ?? [];
        list.push(message.message_id);
        received.set(message.user_id, list);
      } else stopped.add(message.user_id);
      results.push(answer);
    }
    response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify({ results }));
  };

  const server = await startLoopbackHttp(workspace, "delivery endpoint", (request, response) => {
    take(request, response).catch(() => response.destroy());
  });
  const endpoint: DeliveryEndpoint = {
    url: `${server.url}/deliver/{server_id}`,
    received,
    batches,
    answer: () => "acknowledged",
    status: () => 200,
  };
  return endpoint;
}
