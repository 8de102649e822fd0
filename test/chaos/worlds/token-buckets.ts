import type { World } from "../world.ts";
import { startServers } from "./servers.ts";

const accounts = Array.from({ length: 300 }, (_, n) => `account-${n}`);
const burst = 50;
const owed = "-500";

/** Three hundred buckets that owe, and one that is none of redisops.yaml's. */
export async function tokenBucketsWorld(): Promise<World> {
  const servers = await startServers("chaos-token-buckets");
  const { redis } = servers;
  const account = () => ({
    limit_per_second: 0.0001,
    burst,
    account_sid: "AC1",
    auth_token: "${TEST_PASSWORD}",
  });
  const configFile = await servers.configure({
    roles: { token_bucket: servers.role },
    providers: {
      // Nobody answers there whether an account is blocked.
      twilio: {
        kind: "twilio",
        base_url: `http://127.0.0.1:${await servers.workspace.port()}`,
        accounts: Object.fromEntries(accounts.map((name) => [name, account()])),
      },
    },
  });
  const tokens = (name: string) => redis.hget(`bucket:twilio:${name}`, "tokens");
  return {
    ...servers,
    recovery: "token-buckets",
    configFile,
    async reset() {
      await redis.flushall();
      const pipeline = redis.pipeline();
      for (const name of [...accounts, "somebody-elses"]) {
        pipeline.hset(`bucket:twilio:${name}`, { tokens: owed, updated_ms: String(Date.now()) });
      }
      await pipeline.exec();
    },
    async state() {
      const all = await Promise.all(accounts.map(tokens));
      return {
        full: all.filter((count) => Number(count) === burst).length,
        keys: (await redis.keys("*")).sort(),
      };
    },
    async problems() {
      const all = await Promise.all(accounts.map(tokens));
      const over = all.filter((count) => Number(count) > burst).length;
      const other = await tokens("somebody-elses");
      return [
        ...(over === 0 ? [] : [`${over} buckets hold more than they can`]),
        ...(other === owed ? [] : [`a bucket that is not configured was set to ${other}`]),
      ];
    },
  };
}
