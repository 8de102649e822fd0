import { describeKills } from "./kills.ts";
import { sequenceWorld } from "./worlds/sequence.ts";

describeKills("sequence", sequenceWorld);
