import { afterAll, beforeAll, expect, it } from "vitest";
import { startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { startReplica } from "../../lab/servers/redis-replica.ts";
import { startSentinels } from "../../lab/servers/sentinel.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { startExporter } from "./exporter-harness.ts";
import type { MetricsPage } from "./exporter-page.ts";

let workspace: Workspace;

beforeAll(async () => {
  workspace = await createWorkspace("exporter-sequence-failover");
});

afterAll(async () => {
  await workspace.close();
});

const canary = (page: MetricsPage) => page.value("redisops_sequence_canary_ratio");
const regressions = (page: MetricsPage) => page.value("redisops_sequence_canary_regressions_total");

/** More than the kernel holds between two servers on one machine, so that the stream cannot get past it. */
const stuffing = Buffer.alloc(48 * 2 ** 20);

async function offsetOf(port: number, field: string): Promise<number> {
  const info = await withRedis(port, (client) => client.info("replication"));
  return Number(new RegExp(`^${field}:(\\d+)`, "m").exec(info)?.[1]);
}

it(
  "a failover to a replica that is up to date shows nothing, one to a replica that lagged shows the loss",
  async () => {
    const config = ["client-output-buffer-limit replica 0 0 0", "repl-timeout 600"];
    const primary = await startRedis(workspace, { name: "primary", config });
    const replica = await startReplica(workspace, primary, { name: "replica", config });
    const sentinels = await startSentinels(workspace, {
      name: "sentinel",
      primary,
      primaryName: "seq",
      downAfterMs: 60_000,
      failoverTimeoutMs: 3_000,
    });
    const exporters = await Promise.all(
      [1, 2].map(() =>
        startExporter(workspace, {
          roles: {
            sequence: { topology: "sentinel", sentinels: [...sentinels.addresses], primary: "seq" },
          },
        }),
      ),
    );
    const scrapeAll = () => Promise.all(exporters.map((exporter) => exporter.scrape()));
    for (let n = 0; n < 3; n++) expect((await scrapeAll()).map(canary)).toEqual([1, 1]);

    const { port } = await sentinels.failover();
    const [up, other] = port === replica.port ? [replica, primary] : [primary, replica];
    const after = await scrapeAll();
    expect(after.map(canary)).toEqual([1, 1]);
    expect(after.map(regressions)).toEqual([0, 0]);

    // The replica stands still, and behind the stuffing the canaries' next counts never reach it.
    await waitUntil(
      async () =>
        (await offsetOf(up.port, "master_repl_offset")) === (await offsetOf(other.port, "slave_repl_offset")),
      { what: "the replica to have everything", deadlineMs: patience },
    );
    other.pause();
    await frozen([other.pid]);
    await withRedis(up.port, (client) => client.set("stuffing", stuffing));
    for (let n = 0; n < 2; n++) expect((await scrapeAll()).map(canary)).toEqual([1, 1]);
    await up.kill();
    other.resume();
    for (const { port: sentinel } of sentinels.servers) {
      await withRedis(sentinel, (client) =>
        client.call("SENTINEL", "SET", "seq", "down-after-milliseconds", "1000"),
      );
    }
    await waitUntil(async () => (await sentinels.primaryAddress()).port === other.port, {
      what: "the Sentinels to promote the replica that lagged",
      deadlineMs: patience,
    });
    for (const exporter of exporters) {
      await exporter.scrapeUntil("the loss to show", (page) => regressions(page) === 1);
      const next = await exporter.scrapeUntil("the role to be up", (page) => canary(page) === 1);
      expect(regressions(next)).toBe(1);
    }
  },
  3 * patience,
);
