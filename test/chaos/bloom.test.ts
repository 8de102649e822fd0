import { describeKills } from "./kills.ts";
import { bloomWorld } from "./worlds/bloom.ts";

describeKills("bloom", () => bloomWorld());
