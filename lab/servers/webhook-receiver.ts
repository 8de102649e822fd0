import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";
import type { Workspace } from "../workspace.ts";
import { readBody, startLoopbackHttp } from "./loopback-http.ts";

const labels = z.record(z.string(), z.string());

const notification = z.looseObject({
  version: z.literal("4"),
  groupKey: z.string(),
  status: z.enum(["firing", "resolved"]),
  receiver: z.string(),
  groupLabels: labels,
  commonLabels: labels,
  commonAnnotations: labels,
  externalURL: z.string(),
  alerts: z.array(
    z.looseObject({
      status: z.enum(["firing", "resolved"]),
      labels,
      annotations: labels,
      startsAt: z.string(),
      endsAt: z.string(),
      generatorURL: z.string(),
      fingerprint: z.string(),
    }),
  ),
});

/** What Alertmanager posts to a webhook (version 4 of its format). */
export type Notification = z.infer<typeof notification>;

/** A notification with the path it was posted to and when it came (milliseconds since the epoch). */
export interface ReceivedNotification {
  readonly path: string;
  readonly receivedAt: number;
  readonly notification: Notification;
}

/** A sink for Alertmanager webhooks inside this process. */
export interface WebhookReceiver {
  readonly port: number;
  /** `http://127.0.0.1:<port>`; any path below it is accepted. */
  readonly url: string;
  /** What came, oldest first; the oldest are dropped past the limit. */
  readonly received: readonly ReceivedNotification[];
  /**
   * The first notification, received already or from now on, for which `predicate` holds.
   *
   * @throws Error naming what did come, when `deadlineMs` milliseconds pass or the receiver stops.
   */
  waitFor(
    predicate: (notification: Notification, path: string) => boolean,
    deadlineMs: number,
  ): Promise<ReceivedNotification>;
  stop(): Promise<void>;
}

interface Waiter {
  offer(item: ReceivedNotification): void;
  giveUp(why: string): void;
}

/** Starts the receiver. `limit` is how many notifications are kept, 1000 unless given. */
export async function startWebhookReceiver(
  workspace: Workspace,
  options: { readonly name?: string; readonly port?: number; readonly limit?: number } = {},
): Promise<WebhookReceiver> {
  const received: ReceivedNotification[] = [];
  const waiters = new Set<Waiter>();
  const limit = options.limit ?? 1000;

  const accept = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = notification.parse(JSON.parse(await readBody(request)));
    const item = { path: request.url ?? "/", receivedAt: Date.now(), notification: body };
    received.push(item);
    if (received.length > limit) received.shift();
    response.writeHead(200).end();
    for (const waiter of [...waiters]) waiter.offer(item);
  };

  const http = await startLoopbackHttp(
    workspace,
    options.name ?? "webhook receiver",
    (request, response) => {
      if (request.method !== "POST") {
        response.writeHead(405, { Allow: "POST" }).end();
        return;
      }
      accept(request, response).catch((error: unknown) => {
        if (!response.headersSent) response.writeHead(400);
        response.end(String(error));
      });
    },
    options.port,
  );

  return {
    port: http.port,
    url: http.url,
    received,
    async stop() {
      await http.stop();
      for (const waiter of waiters) waiter.giveUp("the receiver was stopped");
    },
    waitFor(predicate, deadlineMs) {
      const holds = (item: ReceivedNotification): boolean => predicate(item.notification, item.path);
      const already = received.find(holds);
      if (already !== undefined) return Promise.resolve(already);
      return new Promise((resolve, reject) => {
        const end = (): void => {
          clearTimeout(timer);
          waiters.delete(waiter);
        };
        const waiter: Waiter = {
          offer(item) {
            if (!holds(item)) return;
            end();
            resolve(item);
          },
          giveUp(why) {
            end();
            reject(new Error(`no such notification: ${why}; ${summary(received)}`));
          },
        };
        const timer = setTimeout(() => waiter.giveUp(`${deadlineMs / 1000} s passed`), deadlineMs);
        waiters.add(waiter);
      });
    },
  };
}

function summary(received: readonly ReceivedNotification[]): string {
  if (received.length === 0) return "none came at all";
  const lines = received.slice(-10).map(({ path, notification: { status, alerts } }) => {
    const names = alerts.map((alert) => alert.labels.alertname ?? "(no name)");
    return `${path} ${status}: ${names.join(", ")}`;
  });
  return `${received.length} came, the last: ${lines.join("; ")}`;
}
