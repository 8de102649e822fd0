import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { modes } from "../../../catalog/modes.ts";
import { oncallSection } from "../../../core/config/oncall-section.ts";
import type { AlertAnswer, Answer, Execution, PlanAnswer } from "../../../operations/oncall/answer.ts";
import { type Section, sections } from "../../../operations/oncall/answer-text.ts";
import { markdownText, slackText } from "../../../operations/oncall/chat-text.ts";
import { nextStep } from "../../../operations/oncall/next-step.ts";
import { postAnswer } from "../../../operations/oncall/post-answer.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

const plan: PlanAnswer = {
  recovery: "bloom",
  status: "planned",
  target: "dedup Redis at 127.0.0.1:6379",
  facts: [{ label: "source", value: "Postgres: 500 ids" }],
  steps: ["build it"],
  risks: ["duplicates stay sent"],
  severe: null,
  duration: "about 2 s",
  error: null,
};

const alert: AlertAnswer = {
  alert: "BloomCold",
  title: "Deduplication filter forgot what was sent",
  role: "dedup",
  severity: "page",
  status: "firing",
  since: "2026-11-21T09:00:00Z",
  labels: [{ node: "a_b*c" }],
  more: 0,
  verdict: "holds",
  live: null,
  decide: [],
  plan,
  next: "redisops recover bloom --execute",
  runbook: "https://example.com/runbooks/BloomCold.md",
  dashboard: "https://example.com/d/redisops-dedup",
};

const answer: Answer = {
  kind: "answer",
  platform: "messenger",
  status: "firing",
  at: "2026-11-21T09:01:00Z",
  alerts: [alert],
  unknown: ["<!channel> [x](http://evil) @here"],
  skipped: 1,
};
const now = Date.parse("2026-11-21T09:02:00Z");

test("Markdown has the command as code, links as they are, and what others wrote escaped", () => {
  const text = markdownText(sections(answer, now));
  expect(text).toContain("**BloomCold (page, dedup) firing: Deduplication filter forgot what was sent**");
  expect(text).toContain("- alert: began 2 min 0 s ago");
  expect(text).toContain("node a\\_b\\*c");
  expect(text).toContain("- next: `redisops recover bloom --execute`");
  expect(text).toContain("- runbook: https://example.com/runbooks/BloomCold.md");
  expect(text).not.toMatch(/\[x\]\(|<!channel>|@here/);
});

test("Slack’s format escapes its control characters and fits into a message", () => {
  const text = slackText(sections(answer, now));
  expect(text).toContain("*BloomCold (page, dedup) firing");
  expect(text).toContain("&lt;!channel&gt;");
  const alerts = Array.from({ length: 40 }, () => ({
    ...alert,
    plan: { ...plan, facts: Array.from({ length: 20 }, () => ({ label: "fact", value: "x".repeat(50) })) },
  }));
  const long = slackText(sections({ ...answer, alerts }, now));
  expect(long.length).toBeLessThan(4_000);
  expect(long).toContain("next: `redisops recover bloom --execute`");
  expect(long).not.toContain("fact:");
});

test("what became of a recovery is said in a sentence, with the run and what to do next", () => {
  const execution: Execution = {
    kind: "execution",
    platform: "messenger",
    at: "2026-11-21T09:01:00Z",
    recovery: "bloom",
    alert: "BloomCold",
    outcome: "verification_failed",
    because: "the alert fires",
    run: "bloom-20260101T000000Z-abcdef",
    seconds: 2,
    facts: [{ label: "false negatives", value: "3 %" }],
    next: "redisops recover show bloom-20260101T000000Z-abcdef",
  };
  const [section] = sections(execution, now);
  expect(section?.heading).toBe(
    "recover bloom for BloomCold was carried out, and its verification does not hold",
  );
  expect(section?.lines.at(-1)).toEqual({
    label: "next",
    value: "redisops recover show bloom-20260101T000000Z-abcdef",
    command: true,
  });
});

const mode = (id: string) => {
  const found = modes.find((each) => each.id === id);
  if (found === undefined) throw new Error(`there is no ${id}`);
  return found;
};

test("the next step follows from what holds and what the plan says", () => {
  const step = (id: string, verdict: AlertAnswer["verdict"], made: PlanAnswer | null = null) =>
    nextStep(mode(id), verdict, made, "messenger");
  expect(step("BloomCold", "holds", plan)).toBe("redisops recover bloom --execute");
  expect(step("BloomCold", "holds", { ...plan, severe: "It stops sending." })).toBe(
    "redisops recover bloom --execute --confirm=messenger/dedup",
  );
  const error = { code: "MEMORY_SHORT", message: "too little", next: "Raise maxmemory." } as const;
  expect(step("BloomCold", "holds", { ...plan, status: "refused", error })).toBe(
    "Raise maxmemory. Then: redisops recover bloom",
  );
  expect(step("BloomCold", "does not hold")).toMatch(/does not hold any more/);
  expect(step("RegistryDown", "holds")).toMatch(/^1\. /);
  expect(step("Watchdog", "holds")).toMatch(/^Nothing/);
  for (const { id } of modes) expect(step(id, "not known").length, id).toBeGreaterThan(10);
});

async function endpoint(status: number) {
  const bodies: { body: string; authorization: string | undefined }[] = [];
  const server = createServer(async (request: IncomingMessage, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    bodies.push({ body, authorization: request.headers.authorization });
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, bodies, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook/s3cret` };
}

const config = oncallSection.parse({
  answers: { slack: "${ONCALL_SLACK}", webhook: { url: "${ONCALL_HOOK}", token: "${ONCALL_TOKEN}" } },
});

test("answers are posted to Slack and to a webhook", async () => {
  const { server, bodies, url } = await endpoint(200);
  for (const [name, value] of [
    ["ONCALL_SLACK", url],
    ["ONCALL_HOOK", url],
    ["ONCALL_TOKEN", "hunter2"],
  ] as const)
    vi.stubEnv(name, value);
  expect(await postAnswer(answer, config)).toEqual([]);
  server.close();
  const slack = bodies.find(({ authorization }) => authorization === undefined);
  const webhook = bodies.find(({ authorization }) => authorization === "Bearer hunter2");
  expect(JSON.parse(slack?.body ?? "")).toEqual({ text: expect.stringContaining("*BloomCold") });
  expect(JSON.parse(webhook?.body ?? "")).toEqual(answer);
});

test("what does not arrive is told without the address, which is a secret", async () => {
  const { server, url } = await endpoint(404);
  vi.stubEnv("ONCALL_SLACK", url);
  vi.stubEnv("ONCALL_HOOK", "no address: s3cret");
  vi.stubEnv("ONCALL_TOKEN", "hunter2");
  const problems = await postAnswer(answer, config);
  server.close();
  expect(problems).toEqual([
    "the answer did not reach oncall.answers.slack: status 404",
    expect.stringMatching(/^the answer did not reach oncall\.answers\.webhook: /),
  ]);
  expect(problems.join()).not.toMatch(/s3cret|hunter2/);
});

test("a section without lines is a heading alone", () => {
  const alone: Section = { heading: "1 alert", lines: [] };
  expect(markdownText([alone])).toBe("**1 alert**\n");
});
