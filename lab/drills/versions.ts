import { version } from "../../core/version.ts";
import { withPostgres } from "../platform/database.ts";
import { withRedis } from "../servers/redis-client.ts";
import type { Stage } from "./stage.ts";

/** What a drill ran on. */
export interface StageVersions {
  readonly redisops: string;
  readonly redis: string;
  readonly postgres: string;
  readonly prometheus: string;
  readonly node: string;
}

const deadlineMs = 10_000;

/** The versions of what a stage is made of. Rejects when one of them does not answer. */
export async function stageVersions({ platform, prometheus }: Stage): Promise<StageVersions> {
  const info = await withRedis(platform.stores.registry.port, (client) => client.info("server"), {
    deadlineMs,
  });
  const postgres = await withPostgres(platform.postgres, async (client) => {
    const { rows } = await client.query<{ server_version: string }>("SHOW server_version");
    return rows[0]?.server_version.split(" ")[0];
  });
  const answer = await fetch(`${prometheus}/api/v1/status/buildinfo`, {
    signal: AbortSignal.timeout(deadlineMs),
  });
  const { data } = (await answer.json()) as { data: { version: string } };
  return {
    redisops: version,
    redis: /redis_version:(\S+)/.exec(info)?.[1] ?? "",
    postgres: postgres ?? "",
    prometheus: data.version,
    node: process.versions.node,
  };
}
