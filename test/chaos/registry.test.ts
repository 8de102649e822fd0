import { describeKills } from "./kills.ts";
import { registryWorld } from "./worlds/registry.ts";

describeKills("registry", registryWorld);
