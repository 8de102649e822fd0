import { describeKills } from "./kills.ts";
import { pendingWorld } from "./worlds/pending.ts";

describeKills("pending", pendingWorld);
