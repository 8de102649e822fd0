import { modes } from "../../catalog/modes.ts";
import { loadConfig } from "../../core/config/load.ts";
import { announceDrill } from "../../operations/drills/announce-drill.ts";
import type { Drill } from "../../operations/drills/drill.ts";
import { alone } from "../../operations/drills/schedule.ts";
import type { DrillBooks, DrillNotification, DrillTarget } from "../../operations/drills/target.ts";
import { type Books, readBooks } from "../platform/books.ts";
import { rebuildFilter } from "../platform/rebuild-filter.ts";
import type { ReceivedNotification } from "../servers/webhook-receiver.ts";
import { drillCondition } from "./condition.ts";
import { drillOverrides } from "./drill-thresholds.ts";
import { faultOf } from "./fault-words.ts";
import { runPageCommand } from "./page-command.ts";
import { instantQuery } from "./promql.ts";
import { concerns, laneOf } from "./schedule.ts";
import type { Stage } from "./stage.ts";
import { stageVersions } from "./versions.ts";

/** How the lab is asked to undo its faults. */
const byHand = (name: string) =>
  `redisops lab inject heal --name ${name}; or redisops lab down --name ${name}, which ends the lab`;

function notificationOf({ path, receivedAt, notification }: ReceivedNotification): DrillNotification {
  const firing = notification.alerts.filter(({ status }) => status === "firing").map(({ labels }) => labels);
  return { receivedAt, receiver: path.slice(1), firing };
}

/** The books that a drill's lane changes: while lanes run beside one another, duplicates come from the filter's alone. */
function booksOf(drill: Drill, { messages, notifications }: Books): DrillBooks | undefined {
  if (messages === null || notifications === null || messages.lost === null) return undefined;
  const lane = laneOf(drill);
  return {
    messagesLost: messages.lost,
    outOfOrder: lane === "registry" || lane === "counters" ? messages.outOfOrder : null,
    unaccounted: notifications.unaccounted,
    duplicates: lane === "filter" || lane === alone ? notifications.sentTwice : null,
    exposures: lane === "cluster" || lane === alone ? notifications.sentAgainstOptOut : null,
  };
}

/** What was sent while the filter was away is not in it: filled again as on-call would, unless the drill has done it. */
async function refill({ prometheus, configFile }: Stage, drill: Drill): Promise<void> {
  const [cold] = modes.filter(({ id }) => id === "BloomCold");
  if (laneOf(drill) !== "filter" || cold === undefined) return;
  if ((await instantQuery(prometheus, drillCondition(cold))).length > 0) await rebuildFilter(configFile);
}

/** The lab as what drills are run on; `name` is the lab's. */
export function labTarget(stage: Stage, name: string): DrillTarget {
  const { platform, faults, configFile, prometheus, alertmanager } = stage;
  return {
    name: "lab",
    prometheus,
    alertmanager,
    thresholds: drillOverrides(modes),
    rateWindow: "10s",
    versions: async () => ({ ...(await stageVersions(stage)) }),
    faultsOf: ({ inject }) =>
      inject.map((words) => {
        const request = faultOf(words);
        return {
          what: words,
          byHand: byHand(name),
          async cause() {
            const undo = await faults.cause(request);
            return { what: words, undo };
          },
        };
      }),
    laneOf,
    concerns,
    notReady: async (drill) => {
      if (laneOf(drill) !== "filter") return undefined;
      const canaries = await instantQuery(prometheus, "redisops_bloom_canary_absent_ratio");
      return canaries.length > 0 ? undefined : "no id is known to be sent for a minute yet";
    },
    books: async (drill) => booksOf(drill, await readBooks(platform.settings, platform.postgres)),
    notifications: () => platform.webhooks.received.map(notificationOf),
    run: (command, signal) => runPageCommand(command, configFile, signal),
    announce: (drill) => announceDrill(loadConfig(configFile), drill, () => undefined),
    settle: (drill) => refill(stage, drill),
  };
}
