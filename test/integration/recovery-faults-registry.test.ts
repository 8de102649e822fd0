import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitUntil } from "../../lab/wait.ts";
import { registryWorld } from "../chaos/worlds/registry.ts";
import { long } from "../fixtures/long.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { RedisopsChild } from "../fixtures/redisops-child.ts";

type RegistryWorld = Awaited<ReturnType<typeof registryWorld>>;

/** What becomes of the broker in the middle of a replay; it is there again in the end. */
const faults: readonly (readonly [string, (world: RegistryWorld) => Promise<void>])[] = [
  ["restarts", ({ kafka }) => kafka.restart()],
  [
    "dies and comes back",
    async ({ kafka }) => {
      await kafka.kill();
      await kafka.restart();
    },
  ],
  [
    "hangs for a while",
    async ({ kafka }) => {
      kafka.pause();
      try {
        await frozen([kafka.pid]);
      } finally {
        setTimeout(() => kafka.resume(), 3_000);
      }
    },
  ],
];

describe("a recovery of the registry whose broker", { timeout: 3 * patience }, () => {
  let world: RegistryWorld;
  const children: RedisopsChild[] = [];

  beforeAll(async () => {
    world = await registryWorld();
  }, 4 * patience);
  afterAll(async () => {
    for (const child of children) child.kill("SIGKILL");
    await world?.close();
  }, patience);

  function recover(...words: string[]): RedisopsChild {
    const child = new RedisopsChild(["recover", ...words, "--config", world.configFile], world.env);
    children.push(child);
    return child;
  }

  it.each(faults.filter(([name]) => long || name === "restarts"))(
    "%s goes on, or is resumed",
    async (_, fault) => {
      await world.reset();
      const runsFolder = join(world.stateDir, "runs");
      const earlier = new Set<string>(children.length === 0 ? [] : readdirSync(runsFolder));
      const before = await world.redis.dbsize();
      const child = recover("registry", "--execute", "--max-rate", "2000");
      await waitUntil(
        async () => {
          if (!child.running) throw new Error((await child.outcome).stderr);
          return (await world.redis.dbsize()) > before;
        },
        { what: "some entries to be written", deadlineMs: patience },
      );
      const run = readdirSync(runsFolder)
        .find((name) => !earlier.has(name))
        ?.slice(0, -".jsonl".length);
      if (run === undefined) throw new Error("there is no run");
      await fault(world);
      expect((await recover("throttle", run, "--max-rate", "1000000").outcome).code).toBeLessThanOrEqual(64);
      const { code, stderr } = await child.outcome;
      if (code !== 0) {
        expect(stderr).toMatch(/^error KAFKA_[A-Z]+ {2}/m);
        expect(stderr).toContain(`redisops recover resume ${run}`);
        expect(code).toBe(5);
        const resumed = await recover("resume", run, "--max-rate", "1000000").outcome;
        expect(resumed.code, `${resumed.stdout}${resumed.stderr}`).toBe(0);
      }
      expect(await world.problems()).toEqual([]);
    },
  );
});
