import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { stringify } from "yaml";
import { parseConfig } from "../../../core/config/load.ts";
import type { Answer, Execution } from "../../../operations/oncall/answer.ts";
import { mostBytes } from "../../../operations/oncall/notification.ts";
import { OncallReceiver } from "../../../operations/oncall/receiver.ts";
import { notified, payload } from "./payload.ts";

let receiver: OncallReceiver | undefined;
let folder: string;
let tokenFile: string;
let said: (Answer | Execution)[];

const warnings: string[] = [];

/** A receiver of a platform whose only role is a Redis that nobody starts. */
async function start(oncall: Record<string, unknown> = {}, address = "127.0.0.1:0", more = {}) {
  const config = parseConfig(
    stringify({
      platform: "messenger",
      roles: { registry: { topology: "standalone", address: "127.0.0.1:9" } },
      oncall: { token: `file:${tokenFile}`, ...oncall },
      state_dir: folder,
      ...more,
    }),
    "redisops.yaml",
  );
  receiver = new OncallReceiver(config, {
    onSaid: (each) => said.push(each),
    onWarning: (message) => warnings.push(message),
  });
  return receiver.listen(address);
}

const post = (url: string, body: string, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: "POST",
    body,
    headers: { "Content-Type": "application/json", Authorization: "Bearer hunter2", ...headers },
  });

const resolved = JSON.stringify(
  payload([notified({ alertname: "RegistryDown", role: "registry" }, "resolved")], { status: "resolved" }),
);

beforeEach(async () => {
  said = [];
  warnings.length = 0;
  folder = await mkdtemp(join(tmpdir(), "redisops-oncall-"));
  tokenFile = join(folder, "token");
  writeFileSync(tokenFile, "hunter2\n");
});

afterEach(async () => {
  await receiver?.close();
  receiver = undefined;
  await rm(folder, { recursive: true });
});

describe("who may send", () => {
  test("nobody without the token, whatever else they send", async () => {
    const url = await start();
    for (const Authorization of ["", "Bearer ", "Bearer hunter3", "bearer", `Basic ${btoa("a:hunter3")}`]) {
      const response = await post(url, resolved, { Authorization });
      expect([Authorization, response.status, await response.text()]).toEqual([
        Authorization,
        401,
        "oncall.token is not what was presented\n",
      ]);
    }
    expect(said).toEqual([]);
  });

  test("who has it, as bearer or as a password; the file counts as it is now, and an empty one lets nobody in", async () => {
    const url = await start();
    expect((await post(url, resolved)).status).toBe(202);
    expect((await post(url, resolved, { Authorization: `Basic ${btoa("any:hunter2")}` })).status).toBe(200);
    writeFileSync(tokenFile, "");
    expect((await post(url, resolved)).status).toBe(401);
    expect((await post(url, resolved, { Authorization: "" })).status).toBe(401);
  });

  test.each([":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0"])("without a token not on %s", async (address) => {
    await expect(start({ token: undefined }, address)).rejects.toMatchObject({ code: "CONFIG_INCOMPLETE" });
  });
});

describe("what redisops.yaml must have", () => {
  test.each([
    [{ execute: ["bloom"] }, {}, /needs prometheus\.url/],
    [{ execute_severe: ["bloom"] }, {}, /execute_severe names bloom/],
    [{}, { roles: {} }, /describes no role/],
  ])("%j", async (oncall, more, message) => {
    await expect(start(oncall, "127.0.0.1:0", more)).rejects.toThrow(message);
  });
});

describe("what is sent", () => {
  test("garbage is refused, with a status that Alertmanager does not try again", async () => {
    const url = await start();
    const statusOf = async (body: string, headers = {}) => (await post(url, body, headers)).status;
    expect(await statusOf("{")).toBe(400);
    expect(await statusOf("")).toBe(400);
    expect(await statusOf(JSON.stringify({ version: "4", alerts: "all" }))).toBe(400);
    expect(await statusOf(resolved, { "Content-Type": "text/plain" })).toBe(415);
    expect(await statusOf(`{"version":"4","x":"${"x".repeat(mostBytes)}"}`)).toBe(413);
    expect((await fetch(url)).status).toBe(404);
    expect((await fetch(`${url}/-/healthy`)).status).toBe(200);
    expect(said).toEqual([]);
    expect(warnings).toEqual([]);
  });

  test("a resolved alert has a short answer, told once, and nothing is looked at", async () => {
    const url = await start();
    expect(await (await post(url, resolved)).text()).toBe("queued\n");
    await vi.waitFor(() => expect(said).toHaveLength(1), 60_000);
    expect(said[0]).toMatchObject({
      kind: "answer",
      status: "resolved",
      alerts: [{ alert: "RegistryDown", verdict: "not looked", live: null, plan: null }],
    });
    expect(await (await post(url, resolved)).text()).toBe("repeated\n");
    expect(said).toHaveLength(1);
  });

  test("groups beyond what can wait are not taken, so that Alertmanager sends them again", async () => {
    const hung = createServer(() => undefined).listen(0, "127.0.0.1");
    await once(hung, "listening");
    try {
      const { port } = hung.address() as AddressInfo;
      const url = await start({}, "127.0.0.1:0", {
        roles: { registry: { topology: "standalone", address: `127.0.0.1:${port}` } },
      });
      const send = (group: number) =>
        post(
          url,
          JSON.stringify(payload([notified({ alertname: "RegistryDown" })], { groupKey: `g${group}` })),
        );
      const statuses: number[] = [];
      for (let group = 0; group < 200 && !statuses.includes(503); group += 1)
        statuses.push((await send(group)).status);
      expect(new Set(statuses)).toEqual(new Set([202, 503]));
      expect(statuses.length).toBeGreaterThan(100);
    } finally {
      hung.close();
    }
  });
});
