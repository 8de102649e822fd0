import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import {
  type DeliveryEndpoint,
  type EndpointAnswer,
  startDeliveryEndpoint,
} from "../../lab/servers/delivery-endpoint.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { type Outcome, RedisopsChild } from "../fixtures/redisops-child.ts";
import { names, numbered, type PendingPlatform, startPendingPlatform } from "./recovery-pending-platform.ts";

let workspace: Workspace;
let platform: PendingPlatform;

beforeAll(async () => {
  workspace = await createWorkspace("recovery-pending-shared");
  platform = await startPendingPlatform(workspace);
}, patience);

beforeEach(() => platform.reset());

afterAll(async () => {
  await workspace.close();
});

/** A redisops that hands messages over to the endpoint. */
async function redisops(endpoint: DeliveryEndpoint, ...words: string[]): Promise<RedisopsChild> {
  const config = join(await workspace.folder("config"), "redisops.yaml");
  const delivery = { kind: "http", url: endpoint.url };
  await writeFile(config, platform.yaml({ delivery, pending: { delivery_deadline: "60s" } }));
  const child = new RedisopsChild([...words, "--config", config], process.env);
  workspace.register({ name: words.join(" "), stop: async () => child.kill("SIGKILL") });
  return child;
}

/** The id of the run that has begun. */
async function runUnderWay(): Promise<string> {
  let run = "";
  await waitUntil(
    async () => {
      const { rows } = await platform.admin
        .query<{ run: string }>("SELECT run FROM redisops_runs WHERE state = 'running'")
        .catch(() => ({ rows: [] }));
      run = rows[0]?.run ?? "";
      return run !== "";
    },
    { what: "the run to begin", deadlineMs: patience },
  );
  return run;
}

/** Resumes the run once the lease of the process that is gone is over. */
async function resumed(endpoint: DeliveryEndpoint, run: string): Promise<Outcome> {
  let outcome: Outcome | undefined;
  await waitUntil(
    async () => {
      outcome = await (await redisops(endpoint, "recover", "resume", run)).outcome;
      return outcome.code !== 6;
    },
    { what: "the role to be free", deadlineMs: patience },
  );
  return outcome ?? expect.fail("it was not resumed");
}

/** An endpoint that takes one batch and gives no answer to those after it, and the recipients of these. */
async function endpointThatHangs() {
  const endpoint = await startDeliveryEndpoint(workspace);
  const hung = new Set<string>();
  endpoint.answer = ({ user_id }) => {
    if (endpoint.batches.length === 1) return "acknowledged";
    hung.add(user_id);
    return "hang";
  };
  return { endpoint, hung };
}

/** Waits until one batch was handed over and removed, and another one is on its way. */
async function isDelivering(hung: ReadonlySet<string>, total: number): Promise<void> {
  await waitUntil(async () => hung.size > 0 && (await platform.waiting()).length < total, {
    what: "a batch to be handed over and another one to be on its way",
    deadlineMs: patience,
  });
}

it("is shared by two processes: what the one had under way when it was killed, the other hands over", {
  timeout: 2 * patience,
}, async () => {
  const users = names(6_000);
  await platform.wait(users, 5);
  await platform.connect(users);
  const patient = await startDeliveryEndpoint(workspace);
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  patient.answer = async (): Promise<EndpointAnswer> => {
    await gate;
    return "acknowledged";
  };
  const first = await redisops(patient, "recover", "pending", "--execute");
  const run = await runUnderWay();
  await waitUntil(() => patient.batches.length > 0, {
    what: "the first process to deliver",
    deadlineMs: patience,
  });
  const { endpoint, hung } = await endpointThatHangs();
  const helper = await redisops(endpoint, "recover", "join", run);
  await isDelivering(hung, 30_000);
  expect(helper.running).toBe(true);
  helper.kill("SIGKILL");
  expect((await helper.outcome).code).toBeNull();
  open();

  expect(await first.outcome).toMatchObject({ code: 0 });
  expect(await platform.waiting()).toEqual([]);
  expect(endpoint.received.size).toBeGreaterThan(0);
  for (const user of users) {
    const ids = [...(endpoint.received.get(user) ?? []), ...(patient.received.get(user) ?? [])];
    expect(ids).toEqual(numbered(user, 5));
  }
  for (const user of hung) expect(patient.received.has(user)).toBe(true);
});

it("is resumed after kill -9 in the middle of a batch: each message is handed over once, in order", {
  timeout: 2 * patience,
}, async () => {
  const users = names(400);
  await platform.wait(users, 5);
  await platform.connect(users);
  const { endpoint, hung } = await endpointThatHangs();
  const child = await redisops(endpoint, "recover", "pending", "--execute");
  await isDelivering(hung, 2_000);
  const run = await runUnderWay();
  expect(child.running).toBe(true);
  child.kill("SIGKILL");
  await child.outcome;
  expect((await platform.waiting()).length).toBeGreaterThan(0);

  endpoint.answer = () => "acknowledged";
  const outcome = await resumed(endpoint, run);
  expect(outcome, outcome.stderr).toMatchObject({ code: 0 });
  expect(await platform.waiting()).toEqual([]);
  for (const user of users) expect(endpoint.received.get(user)).toEqual(numbered(user, 5));
});

it("ends with how to go on when Postgres restarts in the middle of a batch, and is resumed", {
  timeout: 2 * patience,
}, async () => {
  const users = names(400);
  await platform.wait(users, 5);
  await platform.connect(users);
  const endpoint = await startDeliveryEndpoint(workspace);
  let restarted: Promise<void> | undefined;
  endpoint.answer = async (): Promise<EndpointAnswer> => {
    if (endpoint.batches.length > 1) {
      restarted ??= platform.restartPostgres();
      await restarted;
    }
    return "acknowledged";
  };
  const child = await redisops(endpoint, "recover", "pending", "--execute");
  const run = await runUnderWay();
  const interrupted = await child.outcome;
  expect(interrupted, interrupted.stderr).toMatchObject({ code: 5 });
  expect(interrupted.stderr).toContain(`redisops recover resume ${run}`);
  expect((await platform.waiting()).length).toBeGreaterThan(0);

  const outcome = await resumed(endpoint, run);
  expect(outcome, outcome.stderr).toMatchObject({ code: 0 });
  expect(await platform.waiting()).toEqual([]);
  for (const user of users) {
    // What was acknowledged and could not be removed was given once more.
    const ids = endpoint.received.get(user) ?? [];
    expect([...new Set(ids)]).toEqual(numbered(user, 5));
    expect(ids.length).toBeLessThanOrEqual(10);
  }
});
