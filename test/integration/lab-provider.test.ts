import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ProviderStandIn, startProviderStandIn } from "../../lab/servers/provider-stand-in.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";

const sid = "AC0123456789abcdef0123456789abcdef";
const firstSecond = Date.UTC(2026, 0, 1);

let workspace: Workspace;
let provider: ProviderStandIn;
let clock: number;

beforeEach(async () => {
  clock = firstSecond;
  workspace = await createWorkspace("test");
  provider = await startProviderStandIn(workspace, {
    accounts: [
      { provider: "twilio", sid, authToken: "token", perSecond: 2 },
      { provider: "sendgrid", name: "mail", apiKey: "SG.key", perSecond: 1 },
    ],
    now: () => clock,
  });
});

afterEach(async () => {
  await workspace.close();
});

describe("the Twilio stand-in", () => {
  const basic = (token: string): Record<string, string> => ({
    Authorization: `Basic ${Buffer.from(`${sid}:${token}`).toString("base64")}`,
  });
  const account = (token = "token"): Promise<Response> =>
    fetch(`${provider.url}/2010-04-01/Accounts/${sid}.json`, { headers: basic(token) });
  const send = (form: Record<string, string>): Promise<Response> =>
    fetch(`${provider.url}/2010-04-01/Accounts/${sid}/Messages.json`, {
      method: "POST",
      headers: basic("token"),
      body: new URLSearchParams(form),
    });
  const message = { To: "+15550100", From: "+15550199", Body: "your code is 1234" };

  it("takes a message and shows the account", async () => {
    const sent = await send(message);
    expect(sent.status).toBe(201);
    expect(await sent.json()).toMatchObject({ account_sid: sid, to: "+15550100", status: "queued" });
    expect(await (await account()).json()).toMatchObject({ sid, status: "active" });
    expect(provider.counts(sid)).toEqual({ accepted: 1, throttled: 0 });
  });

  it("refuses wrong credentials with code 20003", async () => {
    const refused = await account("wrong");
    expect(refused.status).toBe(401);
    expect(await refused.json()).toMatchObject({ code: 20003, status: 401 });
  });

  it("answers 429 over the limit of a second and takes messages again in the next", async () => {
    await send(message);
    await send(message);
    const third = await send(message);
    expect(third.status).toBe(429);
    expect(third.headers.get("Retry-After")).toBe("1");
    expect(await third.json()).toEqual({
      code: 20429,
      message: "Too Many Requests",
      more_info: "https://www.twilio.com/docs/errors/20429",
      status: 429,
    });
    clock += 1000;
    expect((await send(message)).status).toBe(201);
    expect(provider.counts(sid)).toEqual({ accepted: 3, throttled: 1 });
  });

  it("obeys a limit changed at run time", async () => {
    provider.setLimit(sid, 0);
    expect((await account()).status).toBe(429);
    provider.setLimit(sid, 5);
    expect((await account()).status).toBe(200);
    expect(() => provider.setLimit("nobody", 1)).toThrow(RangeError);
    expect(() => provider.setLimit(sid, 0.5)).toThrow(RangeError);
  });

  it("names what a message lacks", async () => {
    const noBody = await send({ To: "+15550100", From: "+15550199" });
    expect(noBody.status).toBe(400);
    expect(await noBody.json()).toMatchObject({ code: 21602 });
  });
});

describe("the SendGrid stand-in", () => {
  const headers = { Authorization: "Bearer SG.key", "Content-Type": "application/json" };
  const mail = {
    personalizations: [{ to: [{ email: "user@example.test" }] }],
    from: { email: "alerts@example.test" },
    subject: "Fraud alert",
    content: [{ type: "text/plain", value: "Was it you?" }],
  };
  const send = (body: string): Promise<Response> =>
    fetch(`${provider.url}/v3/mail/send`, { method: "POST", headers, body });

  it("takes a mail, then answers 429 with the limit in its headers", async () => {
    const first = await send(JSON.stringify(mail));
    expect(first.status).toBe(202);
    expect(first.headers.get("X-RateLimit-Remaining")).toBe("0");
    const second = await send(JSON.stringify(mail));
    expect(second.status).toBe(429);
    expect(second.headers.get("X-RateLimit-Limit")).toBe("1");
    expect(second.headers.get("X-RateLimit-Remaining")).toBe("0");
    expect(second.headers.get("X-RateLimit-Reset")).toBe(String(firstSecond / 1000 + 1));
    expect(provider.counts("mail")).toEqual({ accepted: 1, throttled: 1 });
  });

  it("counts each endpoint by itself", async () => {
    await send(JSON.stringify(mail));
    const scopes = await fetch(`${provider.url}/v3/scopes`, { headers });
    expect(scopes.status).toBe(200);
    expect(await scopes.json()).toEqual({ scopes: ["mail.send"] });
  });

  it("refuses a wrong key and a mail that is none", async () => {
    const refused = await fetch(`${provider.url}/v3/scopes`, { headers: { Authorization: "Bearer wrong" } });
    expect(refused.status).toBe(401);
    expect((await send('{"from":')).status).toBe(400);
  });
});
