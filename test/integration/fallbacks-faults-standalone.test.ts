import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Secret } from "../../core/config/secret.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { expectDegraded, expectNormal, openTrials, type Symptom, type Trial } from "./fallbacks/trial.ts";

const password = "right-until-it-is-changed";
const passwordVariable = "REDISOPS_TEST_FAULTS_PASSWORD";

let workspace: Workspace;
let server: RedisServer;
let trials: Trial[];

beforeAll(async () => {
  workspace = await createWorkspace("faults");
  server = await startRedis(workspace, {
    name: "redis",
    config: [
      `requirepass ${password}`,
      "enable-debug-command local",
      "maxmemory-policy noeviction",
      // Read slowly from a snapshot, when there is one.
      "key-load-delay 1000",
      "loading-process-events-interval-bytes 1024",
    ],
  });
  process.env[passwordVariable] = password;
  const connection = {
    topology: "standalone" as const,
    address: `127.0.0.1:${server.port}`,
    password: new Secret(`\${${passwordVariable}}`),
  };
  trials = await openTrials(workspace, connection);
}, 2 * patience);

afterAll(() => workspace.close());

const command = <T>(work: (client: Redis) => Promise<T>) => withRedis(server.port, work, { password });

const set = (name: string, value: string | number) => command((client) => client.config("SET", name, value));

/** The roles whose decision needs a write show the symptom; the others do not notice. */
async function expectWritesDegraded(symptom: Symptom, inject: () => Promise<unknown>): Promise<void> {
  await expectDegraded(
    trials.filter(({ subject }) => subject.writes),
    symptom,
    async () => void (await inject()),
  );
  await expectNormal(trials.filter(({ subject }) => !subject.writes));
}

describe("every role on a standalone Redis", { timeout: 2 * patience }, () => {
  beforeEach(() => expectNormal(trials), patience);

  it("is degraded while the server is gone, and normal with an empty one", async () => {
    await expectDegraded(trials, { errorClass: "refused", besides: ["unreachable"] }, () => server.kill());
    await server.restart({ empty: true });
    await expectNormal(trials);
  });

  it("decides while the server hangs", async () => {
    await expectDegraded(trials, { errorClass: "timeout" }, async () => {
      server.pause();
      await frozen([server.pid]);
    });
    server.resume();
    await expectNormal(trials);
  });

  it("decides in time while the server is slow", async () => {
    const before = await Promise.all(trials.map((trial) => trial.failures()));
    let slow = true;
    const slowing = command(async (client) => {
      while (slow) await client.call("DEBUG", "SLEEP", "1.5");
    });
    for (const [index, trial] of trials.entries()) {
      const { role } = trial.subject;
      const shows = async () => {
        await trial.decide();
        const { timeout } = await trial.failures();
        return timeout > (before[index]?.timeout ?? 0) && (await trial.breakersOpen()) === 1;
      };
      await waitUntil(shows, { what: `${role} to give the slow server up`, deadlineMs: patience });
      expect({ ...(await trial.failures()), timeout: 0 }, role).toEqual({ ...before[index], timeout: 0 });
    }
    slow = false;
    await slowing;
    await expectNormal(trials);
  });

  it("is degraded while the server reads its data set", async () => {
    await command(async (client) => {
      await client.flushall();
      await client.eval("for i = 1, 20000 do redis.call('SET', 'key:' .. i, i) end", 0);
      await client.save();
    });
    let restarting: Promise<void> | undefined;
    await expectDegraded(trials, { errorClass: "loading", besides: ["unreachable", "refused"] }, async () => {
      restarting = server.restart({ empty: false });
      const loading = () =>
        command((client) => client.ping()).then(
          () => false,
          (error: Error) => error.message.startsWith("LOADING"),
        );
      await waitUntil(loading, { what: "the server to be loading", deadlineMs: patience });
    });
    await set("key-load-delay", 0);
    await restarting;
    await expectNormal(trials);
  });

  it("does not write to a replica", async () => {
    const nobody = await workspace.port();
    await expectWritesDegraded({ errorClass: "readonly", besides: ["unreachable"] }, () =>
      command((client) => client.replicaof("127.0.0.1", nobody)),
    );
    await command((client) => client.replicaof("NO", "ONE"));
    await expectNormal(trials);
  });

  it("does without writes at the memory limit", async () => {
    await expectWritesDegraded({ errorClass: "out_of_memory" }, () => set("maxmemory", 1));
    await set("maxmemory", 0);
    await expectNormal(trials);
  });

  it("does without writes while too few replicas are attached", async () => {
    await expectWritesDegraded({ errorClass: "write_refused" }, () => set("min-replicas-to-write", 1));
    await set("min-replicas-to-write", 0);
    await expectNormal(trials);
  });

  it("is degraded while its password is wrong, does not tell it, and takes the new one", async () => {
    await expectDegraded(trials, { errorClass: "auth", besides: ["unreachable"] }, () =>
      command(async (client) => {
        await client.config("SET", "requirepass", "another-one");
        await client.call("CLIENT", "KILL", "TYPE", "normal");
      }),
    );
    for (const trial of trials) expect((await trial.page()).text).not.toContain(password);
    process.env[passwordVariable] = "another-one";
    await expectNormal(trials);
    await withRedis(server.port, (client) => client.config("SET", "requirepass", password), {
      password: "another-one",
    });
    process.env[passwordVariable] = password;
  });

  it("is normal again after the server lost its data between two decisions", async () => {
    await server.restart({ empty: true });
    await expectNormal(trials);
  });

  it("does without writes while the server cannot save its data set", async () => {
    await rm(join(workspace.dir, "redis", "data"), { recursive: true });
    await set("save", "3600 1");
    await command(async (client) => {
      await client.bgsave();
      const failed = async () => (await client.info("persistence")).includes("rdb_last_bgsave_status:err");
      await waitUntil(failed, { what: "the snapshot to have failed", deadlineMs: patience });
    });
    await expectWritesDegraded({ errorClass: "write_refused" }, async () => undefined);
    await set("save", "");
    await expectNormal(trials);
  });
});
