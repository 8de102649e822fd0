import { describe, expect, test } from "vitest";
import { mostBytes, parseNotification } from "../../../operations/oncall/notification.ts";
import { questionsOf } from "../../../operations/oncall/question.ts";
import { notified, payload } from "./payload.ts";

const ask = (alerts: readonly unknown[], more = {}) =>
  questionsOf(parseNotification(JSON.stringify(payload(alerts, more))), "messenger");

describe("what is no notification is refused, and not repeated", () => {
  test.each([
    ["", "it is not JSON"],
    ["{", "it is not JSON"],
    ["null", "it is not an object"],
    ["[]", "it is not an object"],
    ['"secret"', "it is not an object"],
    [JSON.stringify(payload([], { version: "5" })), "version is not as it should be"],
    [JSON.stringify(payload([], { groupKey: "k".repeat(5_000) })), "groupKey is not as it should be"],
    [JSON.stringify(payload([{ status: "firing" }])), "alerts.[].labels is not as it should be"],
    [JSON.stringify(payload([notified({ alertname: "A" }, "maybe")])), "alerts.[].status"],
    [
      JSON.stringify(payload([{ ...notified({ alertname: "A" }), startsAt: "\u001b[2Jyesterday" }])),
      "alerts.[].startsAt",
    ],
    [JSON.stringify(payload([{ ...notified({}), labels: { secret: 5 } }])), "alerts.[].labels is not"],
    [" ".repeat(mostBytes + 1), `more than ${mostBytes} bytes`],
  ])("%.40j", (text, why) => {
    const parse = () => parseNotification(text);
    expect(parse).toThrow(why);
    expect(parse).not.toThrow(/secret|yesterday/);
    expect(parse).toThrow(expect.objectContaining({ code: "ONCALL_PAYLOAD_INVALID", exitCode: 64 }));
  });
});

test("alerts of a mode have one question, firing and resolved ones another", () => {
  const { known, skipped } = ask([
    notified({ alertname: "ProviderThrottled", role: "token_bucket", provider: "twilio", account: "main" }),
    notified({ alertname: "ProviderThrottled", role: "token_bucket", provider: "twilio", account: "spare" }),
    notified(
      { alertname: "ProviderThrottled", role: "token_bucket", provider: "a", account: "b" },
      "resolved",
    ),
    notified({ alertname: "RedisDown", role: "registry", platform: "messenger" }),
    notified({ alertname: "RedisDown", role: "dedup", platform: "messenger" }),
  ]);
  expect(skipped).toBe(0);
  expect(known.map(({ mode, role, status, labels }) => [mode.id, role, status, labels.length])).toEqual([
    ["ProviderThrottled", "token_bucket", "firing", 2],
    ["ProviderThrottled", "token_bucket", "resolved", 1],
    ["RedisDown", "registry", "firing", 1],
    ["RedisDown", "dedup", "firing", 1],
  ]);
});

test("names and labels that are not redisops’ lead nowhere", () => {
  const { known, unknown, skipped } = ask(
    [
      notified({ alertname: "KubePodCrashLooping" }),
      notified({ alertname: "__proto__" }),
      notified({ alertname: "constructor" }),
      notified({ alertname: "bloomcold" }),
      notified({ alertname: "BloomCold; rm -rf /" }),
      notified({}),
      notified({ alertname: "\u001b[31m\u202eevil\n" }),
    ],
    { truncatedAlerts: 3 },
  );
  expect(known).toEqual([]);
  expect(skipped).toBe(10);
  expect(unknown).toContain("(no name)");
  expect(unknown).toContain("?[31m?evil?");
});

test("a forged role, address or account is not taken for one, and nothing beside redisops’ labels is kept", () => {
  const { known } = ask([
    notified({
      alertname: "RedisDown",
      role: "registry; FLUSHALL",
      address: "evil:6379",
      node: "10.0.0.1:6379\u0007",
      command: "redisops recover bloom --execute",
    }),
    notified({ alertname: "BloomCold", role: "registry", platform: "another" }),
  ]);
  const [down, cold] = known;
  expect(down?.role).toBeUndefined();
  expect(JSON.stringify(down?.labels)).not.toMatch(/evil|recover|\\u0007/);
  // The mode's own role counts, and another platform's alert is only named.
  expect(cold).toMatchObject({ role: "dedup", foreign: "another" });
});

test("a flood of alerts has a bounded number of questions and label sets", () => {
  const flood = Array.from({ length: 5_000 }, (_, index) =>
    notified({
      alertname: "ProviderThrottled",
      provider: "p",
      account: `a${index}`,
      platform: `p${index % 200}`,
    }),
  );
  const { known, skipped } = ask(flood);
  expect(known).toHaveLength(60);
  expect(skipped).toBe(3_500);
  expect(known.every(({ labels }) => labels.length <= 8)).toBe(true);
  expect(known[0]?.more).toBe(17);
});
