import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Notification, NotificationOutcome } from "../../lab/apps/notification.ts";
import { NotificationLoad } from "../../lab/apps/notification-load.ts";
import { waitUntil } from "../../lab/wait.ts";

let outcomeOf: (notification: Notification) => NotificationOutcome;
const worker = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const batch = JSON.parse(Buffer.concat(chunks).toString()) as Notification[];
  response.end(JSON.stringify(batch.map(outcomeOf)));
});
beforeEach(() => new Promise<void>((resolve) => worker.listen(0, "127.0.0.1", resolve)));
afterEach(() => new Promise((resolve) => worker.close(resolve)));

function load(): NotificationLoad {
  const { port } = worker.address() as AddressInfo;
  const app = { name: "notification-worker", kind: "notification-worker", port, folder: "" } as const;
  const sizes = { clientsPerServer: 1, people: 10, optedOutEvery: 10, seed: 1 };
  const rates = { messages: 0, notifications: 0 };
  return new NotificationLoad(
    { ...sizes, configFile: "", pgbouncer: "", kafka: [], rates, apps: [app] },
    () => 1,
  );
}

test("what is outstanding is counted from what is kept, wherever it is, and nothing gets lost", async () => {
  const produced = 30;
  const outcomes = ["failed", "shed", "sent", "opted_out", "suppressed"] as const;
  outcomeOf = ({ number, redelivered }) => {
    const first = outcomes[number % outcomes.length] ?? "failed";
    return redelivered ? "sent" : first;
  };
  const notifications = load();
  for (let n = 0; n < produced; n += 1) notifications.produce();
  expect(notifications.counts.outstanding).toBe(produced);
  notifications.dispatch();
  expect(notifications.counts.outstanding).toBe(produced); // with the worker
  await waitUntil(() => notifications.counts.shed > 0, { what: "the worker's answer", deadlineMs: 30_000 });
  const each = produced / outcomes.length;
  expect(notifications.counts).toMatchObject({
    sent: each,
    optedOut: each,
    missed: each,
    outstanding: 2 * each,
  });
  await waitUntil(
    () => {
      notifications.dispatch();
      return notifications.counts.sent === 3 * each;
    },
    { what: "the rest to be handed out again", deadlineMs: 30_000 },
  );
  expect(notifications.counts).toMatchObject({ produced, outstanding: 0, sentTwice: 0, givenUp: 0 });
});
