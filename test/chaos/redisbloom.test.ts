import { startRedisBloom } from "../fixtures/redisbloom-server.ts";
import { describeKills } from "./kills.ts";
import { bloomWorld } from "./worlds/bloom.ts";

describeKills("bloom on live RedisBloom", () => bloomWorld("redisbloom"), startRedisBloom !== undefined);
