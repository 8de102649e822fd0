import { describeKills } from "./kills.ts";
import { tokenBucketsWorld } from "./worlds/token-buckets.ts";

describeKills("token-buckets", tokenBucketsWorld);
