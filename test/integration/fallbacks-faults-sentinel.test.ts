import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { startReplica } from "../../lab/servers/redis-replica.ts";
import { type Sentinels, startSentinels } from "../../lab/servers/sentinel.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { expectDegraded, expectNormal, openTrials, type Trial } from "./fallbacks/trial.ts";

let workspace: Workspace;
let sentinels: Sentinels;
let servers: RedisServer[];
let trials: Trial[];

beforeAll(async () => {
  workspace = await createWorkspace("faults");
  const primary = await startRedis(workspace, { name: "one" });
  const replica = await startReplica(workspace, primary, { name: "two" });
  servers = [primary, replica];
  sentinels = await startSentinels(workspace, {
    name: "sentinel",
    primary,
    primaryName: "mine",
    downAfterMs: 1_000,
  });
  trials = await openTrials(workspace, {
    topology: "sentinel",
    sentinels: [...sentinels.addresses],
    primary: "mine",
  });
}, 2 * patience);

afterAll(() => workspace.close());

async function primary(): Promise<RedisServer> {
  const { port } = await sentinels.primaryAddress();
  const server = servers.find((candidate) => candidate.port === port);
  if (server === undefined) throw new Error(`no server at port ${port}`);
  return server;
}

describe("every role behind Sentinels", { timeout: 2 * patience }, () => {
  beforeEach(() => expectNormal(trials), patience);

  it("goes over to the replica of a primary that is gone", async () => {
    const lost = await primary();
    await expectDegraded(trials, { errorClass: "refused", besides: ["unreachable"] }, () => lost.kill());
    await expectNormal(trials);
    expect(await primary()).not.toBe(lost);
    await lost.restart({ empty: true });
  });

  it("goes over when it is told to", async () => {
    const before = await primary();
    await sentinels.failover();
    await expectNormal(trials);
    expect(await primary()).not.toBe(before);
  });

  it("goes over to the replica of a primary that hangs", async () => {
    const lost = await primary();
    await expectDegraded(trials, { errorClass: "timeout" }, async () => {
      lost.pause();
      await frozen([lost.pid]);
    });
    await expectNormal(trials);
    expect(await primary()).not.toBe(lost);
    lost.resume();
    await expectNormal(trials);
  });

  it("stays normal while the Sentinels are away", async () => {
    for (const server of sentinels.servers) server.pause();
    await frozen(sentinels.servers.map(({ pid }) => pid));
    await expectNormal(trials);
    for (const server of sentinels.servers) server.resume();
  });
});
