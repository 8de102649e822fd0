import { describeKills } from "./kills.ts";
import { preferencesWorld } from "./worlds/preferences.ts";

describeKills("preferences", preferencesWorld);
