import { seededRandom } from "../../core/seeded-random.ts";
import { changed, rateChange } from "../platform/settings.ts";
import { runApp } from "./app.ts";
import { MessageLoad } from "./message-load.ts";
import { NotificationLoad } from "./notification-load.ts";
import { Pace } from "./pace.ts";

/** Sends messages to the app servers and notifications to the workers, and keeps the books of both. */
await runApp(async ({ settings }) => {
  const random = seededRandom(settings.seed);
  const messages = new MessageLoad(settings, random);
  const notifications = new NotificationLoad(settings, random);
  const paces = {
    messages: new Pace(settings.rates.messages, () => messages.send()),
    notifications: new Pace(settings.rates.notifications, () => notifications.produce()),
  };
  // Batches of some milliseconds, as a queue's consumers get them.
  const dispatching = setInterval(() => notifications.dispatch(), 50);
  const rates = () => ({
    messages: paces.messages.perSecond,
    notifications: paces.notifications.perSecond,
  });

  return {
    routes: {
      "POST /rates": (body) => {
        const { messages: perSecond, notifications: sent } = changed(rates(), rateChange.parse(body));
        paces.messages.perSecond = perSecond;
        paces.notifications.perSecond = sent;
        return { status: 200, body: rates() };
      },
      "GET /accepted": () => ({ status: 200, body: messages.accepted.bytes }),
    },
    counters: () => ({ rates: rates(), messages: messages.counts, notifications: notifications.counts }),
    async stop() {
      clearInterval(dispatching);
      for (const pace of Object.values(paces)) pace.stop();
    },
  };
});
