import { afterAll, beforeAll, expect, test } from "vitest";
import { askSupervisor } from "../../lab/platform/control-client.ts";
import { shardCount, shardOfKey } from "../../lab/platform/shards.ts";
import type { LabStatus } from "../../lab/platform/status.ts";
import { signal } from "../../lab/process-tree.ts";
import { waitUntil } from "../../lab/wait.ts";
import { LabUnderTest, labPatience } from "../fixtures/lab-platform.ts";
import { long } from "../fixtures/long.ts";
import { RedisopsChild } from "../fixtures/redisops-child.ts";

const lab = new LabUnderTest();

beforeAll(async () => {
  const { code, stdout, stderr } = await lab.run("up", "--detach");
  expect(code, stderr).toBe(0);
  expect(stdout).toContain("The lab test is up: ");
  expect(stdout).toContain("\nNext:\n");
}, labPatience);

afterAll(() => lab.remove(), labPatience);

const messages = (status: LabStatus) => {
  if (status.messages === null) throw new Error("the books of the messages are not to be had");
  return status.messages;
};

const notifications = (status: LabStatus) => {
  if (status.notifications === null) throw new Error("the books of the notifications are not to be had");
  return status.notifications;
};

/** Ends the load, and waits until what is under way has arrived. */
async function quiet(): Promise<LabStatus> {
  await lab.done("rate", "--messages", "0", "--notifications", "0");
  return lab.statusUntil(
    "everything to have arrived",
    (status) =>
      status.messages?.waiting === 0 &&
      status.messages.pending === 0 &&
      status.notifications?.outstanding === 0,
  );
}

const loud = () => lab.done("rate", "--messages", "100", "--notifications", "150");

test("all parts of the platform are up, each in a process of its own, and load flows", async () => {
  const status = await lab.statusUntil("some load", (now) => (now.messages?.delivered ?? 0) > 200);
  expect(status).toMatchObject({ phase: "up", withoutKafka: null, faults: [] });
  expect(status.processes.filter(({ condition }) => condition !== "up")).toEqual([]);
  expect(new Set(status.processes.map(({ pid }) => pid)).size).toBe(status.processes.length);
  expect(status.processes.slice(0, 4).map(({ name }) => name)).toEqual([
    "registry",
    "rate-limit",
    "sequence",
    "cluster-0-primary",
  ]);
  const kinds = new Set(status.processes.map(({ name }) => name.replace(/-\d+.*$/, "")));
  expect([...kinds].sort()).toEqual([
    "alertmanager",
    "app-server",
    "cluster",
    "connection-server",
    "dedup-primary",
    "dedup-replica",
    "delivery-worker",
    "exporter",
    "kafka",
    "load-generator",
    "notification-worker",
    "pgbouncer",
    "postgres",
    "prometheus",
    "provider-stand-in",
    "rate-limit",
    "registry",
    "sentinel",
    "sequence",
  ]);
  expect(status.processes.filter(({ name }) => name.startsWith("cluster"))).toHaveLength(2 * shardCount);
  expect(messages(status).refused).toBeGreaterThan(0);
  expect(notifications(status)).toMatchObject({ missed: 0, givenUp: 0, unaccounted: 0 });
});

test("redisops status finds the platform well, by its own configuration", async () => {
  const { configFile } = await lab.status();
  const outcome = await waitUntil(
    async () => {
      const words = ["status", "--config", configFile ?? ""];
      const outcome = await new RedisopsChild(words, lab.env).outcome;
      return outcome.code === 0 ? outcome : Promise.reject(new Error(outcome.stdout));
    },
    { what: "redisops status to be content", deadlineMs: labPatience },
  );
  for (const role of [
    "registry",
    "rate_limit",
    "sequence",
    "preferences",
    "dedup",
    "token_bucket",
    "postgres",
  ]) {
    expect(outcome.stdout).toMatch(new RegExp(`^${role} .* ok `, "m"));
  }
});

test("Prometheus scrapes the exporter and every process of the platform", async () => {
  const { addresses } = await lab.status();
  const up = await waitUntil(
    async () => {
      const response = await fetch(`${addresses.prometheus}/api/v1/query?query=sum+by+(job)(up)`);
      const { data } = (await response.json()) as {
        data: { result: { metric: { job: string }; value: [number, string] }[] };
      };
      const jobs = data.result.map(({ metric, value }) => [metric.job, value[1]]);
      const found: Record<string, string> = Object.fromEntries(jobs);
      return found.redisops === "1" && found.platform === "9"
        ? found
        : Promise.reject(new Error(String(jobs)));
    },
    { what: "all targets to be up", deadlineMs: labPatience },
  );
  expect(up).toEqual({ redisops: "1", platform: "9" });
});

test("a second lab of the name is refused", async () => {
  const { code, stderr } = await lab.run("up");
  expect(code).toBe(1);
  expect(stderr).toContain("error LAB_RUNNING  The lab test is already there");
});

const refusals: readonly (readonly [words: string, message: string])[] = [
  ["inject nonsense", "There is no fault called nonsense:"],
  ["inject", "Say which fault:"],
  ["inject kill", "Say to whom: --role with registry, rate_limit"],
  ["inject kill --role registry --shard 2", "registry has no shards to choose from"],
  ["inject kill --role nobody", "There is nothing called nobody. There are: registry"],
  ["inject cut-shard --shard 6", "There is no shard 6: the shards are 0 to 5"],
  ["inject failover --role registry", "registry has no replica to fail over to"],
  ["inject restart-empty --role postgres", "postgres keeps its data"],
  ["inject kill --role load-generator", "The load generator keeps the books"],
  ["inject kill-all", "Say which role: kill-all --role registry"],
  ["inject kill-all --role pgbouncer", "kill-all takes a Redis role, and pgbouncer is none"],
  ["inject wrong-config --role rate_limit", "No setting contradicts rate_limit"],
  ["inject cut-replica --role registry", "registry has no replica"],
  ["inject stick-counters --role registry", "--role means nothing to stick-counters"],
  ["inject provider-429", "Say which provider"],
  ["inject provider-429 --provider nexmo", "There is no nexmo: the providers are twilio and sendgrid"],
  ["inject kill --role registry --for soon", "--for: Expected a duration"],
  ["rate --messages -1", "--messages takes a number from 0 to 5000"],
];

test("what makes no sense is refused and changes nothing", async () => {
  const socket = lab.stateFile.replace(/json$/, "sock");
  const request = askSupervisor(socket, "POST", "/inject", { fault: "cut-shard", shard: 1.5 });
  await expect(request).rejects.toMatchObject({ code: "USAGE" });
  const outcomes = await Promise.all(refusals.map(([words]) => lab.run(...words.split(" "))));
  for (const [index, [words, message]] of refusals.entries()) {
    const { code, stderr } = outcomes[index] ?? {};
    expect({ words, code, stderr }).toEqual({
      words,
      code: 64,
      stderr: expect.stringContaining(`error USAGE  ${message}`),
    });
  }
  const { faults, processes } = await lab.status();
  expect(faults).toEqual([]);
  expect(processes.every(({ condition }) => condition === "up")).toBe(true);
});

/** What the drills of `make test` cause, count and undo as well. */
function alsoDrilled(name: string, body: () => Promise<void>): void {
  if (long) test(name, body, labPatience);
}

alsoDrilled(
  "a registry that is killed under load costs delay: no message is lost and the order is kept",
  async () => {
    await loud();
    await lab.done("inject", "kill", "--role", "registry");
    const during = await lab.statusUntil("messages to wait", (now) => (now.messages?.pending ?? 0) > 300);
    expect(messages(during).lost).toBe(0);
    expect(during.processes.find(({ name }) => name === "registry")?.condition).toBe("down");
    await lab.done("inject", "heal");
    const draining = await lab.status();
    expect(messages(draining).lost).toBe(0);
    expect(draining.faults).toEqual([]);

    await lab.statusUntil("the backlog to be gone under load", (now) => now.messages?.pending === 0);
    const after = messages(await quiet());
    expect(after).toMatchObject({
      delivered: after.accepted,
      pending: 0,
      lost: 0,
      lostIds: [],
      outOfOrder: 0,
    });
  },
);

test(
  "a shard that is cut concerns only the people of its slots",
  async () => {
    await loud();
    const shard = 2;
    await lab.done("inject", "cut-shard", "--shard", String(shard));
    const before = notifications(await lab.status());
    const grown = (after: readonly number[], since: readonly number[]) =>
      after.map((value, index) => value - (since[index] ?? 0));
    const after = notifications(
      await lab.statusUntil(
        "enough decisions",
        (now) => (grown(now.notifications?.degradedByShard ?? [], before.degradedByShard)[shard] ?? 0) > 150,
      ),
    );
    const decisions = grown(after.decisionsByShard, before.decisionsByShard);
    const degraded = grown(after.degradedByShard, before.degradedByShard);
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

    expect(degraded[shard]).toBe(decisions[shard]);
    // A machine that stalls for the length of a deadline may degrade a few others.
    expect(sum(degraded) - (degraded[shard] ?? 0)).toBeLessThan(0.02 * sum(decisions));
    const people = Array.from({ length: 1_000 }, (_, person) => shardOfKey(`prefs:u-${person}`));
    const share = people.filter((own) => own === shard).length / people.length;
    expect(Math.abs(share - 1 / shardCount)).toBeLessThan(0.05);
    expect(Math.abs(sum(degraded) / sum(decisions) - share)).toBeLessThan(0.06);

    expect(await lab.done("inject", "heal", "--role", "preferences")).toBe(
      `healed: cut-shard of shard ${shard}`,
    );
    const quietly = notifications(await quiet());
    expect(quietly).toMatchObject({ missed: 0, givenUp: 0, unaccounted: 0, outstanding: 0 });
  },
  labPatience,
);

alsoDrilled("each other fault does what it says, and heal undoes them all", async () => {
  await loud();
  expect(await lab.done("inject", "hang", "--role", "rate_limit")).toContain("hangs");
  expect(await lab.done("inject", "slow", "--role", "sequence")).toContain("is slow");
  expect(await lab.done("inject", "failover", "--role", "dedup")).toBe(
    "dedup-replica is the primary of the filter now",
  );
  expect(await lab.done("inject", "failover", "--role", "token_bucket", "--shard", "3")).toContain(
    "takes shard 3 over",
  );
  expect(await lab.done("inject", "restart-empty", "--role", "registry")).toContain("empty");
  expect(await lab.done("inject", "provider-429", "--provider", "twilio", "--account", "main")).toBe(
    "429 from twilio/main",
  );
  expect(await lab.done("inject", "fill-postgres-pool")).toMatch(
    /^20 connections of PgBouncer's pool and [67]\d /,
  );
  expect(await lab.done("inject", "kafka-down")).toContain("kafka (pid ");
  const during = await lab.statusUntil("429s", (now) => (now.providers?.[0]?.throttled ?? 0) > 0);
  expect(during.faults.map(({ fault }) => fault)).toEqual([
    "hang",
    "slow",
    "provider-429",
    "fill-postgres-pool",
    "kafka-down",
  ]);
  const conditions = Object.fromEntries(during.processes.map(({ name, condition }) => [name, condition]));
  expect(conditions).toMatchObject({ "rate-limit": "hung", sequence: "slow", kafka: "down" });

  await lab.done("inject", "heal");
  const after = await quiet();
  expect(after.faults).toEqual([]);
  expect(after.processes.filter(({ condition }) => condition !== "up")).toEqual([]);
  expect(messages(after)).toMatchObject({ pending: 0, lost: 0, delivered: messages(after).accepted });
  expect(notifications(after)).toMatchObject({ unaccounted: 0, missed: 0 });
});

test(
  "what observes the platform is started again, too, and no fault of a process outlives the next one",
  async () => {
    for (const role of ["prometheus", "alertmanager"]) {
      await lab.done("inject", "kill", "--role", role);
      expect(await lab.done("inject", "heal", "--role", role)).toBe(`healed: kill of ${role}`);
    }
    await lab.done("inject", "hang", "--role", "registry", "--for", "1h");
    await lab.done("inject", "slow", "--role", "registry");
    expect((await lab.status()).faults).toMatchObject([{ fault: "slow", until: null }]);
    await lab.done("inject", "kill", "--role", "registry");
    expect((await lab.status()).faults).toMatchObject([{ fault: "kill" }]);
    expect((await lab.run("inject", "kill", "--role", "registry")).stderr).toContain("registry is down");
    await lab.done("inject", "restart", "--role", "registry");
    expect((await lab.status()).faults).toEqual([]);

    await lab.done("inject", "provider-429", "--provider", "twilio");
    await lab.done("inject", "provider-429", "--provider", "twilio", "--account", "main", "--for", "1s");
    await lab.statusUntil("the shorter one to be over", ({ faults }) => faults.length === 1);
    const throttled = (status: LabStatus) =>
      status.providers?.find(({ account }) => account === "main")?.throttled ?? 0;
    await loud();
    const before = throttled(await lab.status());
    await lab.statusUntil("429s from the account all the same", (status) => throttled(status) > before);

    await lab.done("inject", "fill-postgres-pool");
    expect((await lab.run("inject", "fill-postgres-pool")).stderr).toContain(
      "fill-postgres-pool holds already",
    );
    await lab.done("inject", "heal");
  },
  labPatience,
);

test(
  "two shards that are cut are healed together",
  async () => {
    await lab.done("inject", "cut-shard", "--shard", "1");
    await lab.done("inject", "cut-shard", "--shard", "4");
    expect(await lab.done("inject", "heal")).toBe("healed: cut-shard of shard 4, cut-shard of shard 1");
  },
  labPatience,
);

test("a fault with a time undoes itself", async () => {
  await lab.done("inject", "kill", "--role", "sequence", "--for", "2s");
  expect((await lab.status()).faults).toMatchObject([{ fault: "kill", target: "sequence" }]);
  await lab.statusUntil(
    "the sequence counters to be back",
    ({ faults, processes }) => faults.length === 0 && processes.every(({ condition }) => condition === "up"),
  );
  const pid = (await lab.status()).processes.find(({ name }) => name === "sequence")?.pid;
  expect(lab.state?.processes.find(({ name }) => name === "sequence")?.pid).toBe(pid);
});

test(
  "a supervisor that is killed leaves nothing after lab down",
  async () => {
    const { supervisorPid, processes, folder } = await lab.status();
    expect(signal(supervisorPid, "SIGKILL")).toBe(true);
    const complaint = await waitUntil(
      async () => {
        const outcome = await lab.run("status");
        return outcome.stderr.includes("has crashed") ? outcome : undefined;
      },
      { what: "the crash to be seen", deadlineMs: labPatience },
    );
    expect(complaint).toMatchObject({ code: 1, stderr: expect.stringContaining("error LAB_DOWN") });
    expect(await lab.done("down")).toMatch(
      /^the lab test had crashed; \d+ processes that it had left are ended$/,
    );
    await lab.expectNothingLeft(
      folder,
      processes.map(({ pid }) => pid),
    );
    expect((await lab.run("down")).stderr).toContain("error LAB_DOWN  There is no lab called test");
  },
  labPatience,
);
