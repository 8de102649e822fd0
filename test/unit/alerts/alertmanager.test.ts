import { expect, test } from "vitest";
import { parse } from "yaml";
import { inhibitRules, renderAlertmanager } from "../../../alerts/alertmanager.ts";
import { renderNotificationTemplate, templateFileName } from "../../../alerts/notification-template.ts";
import { alertSeverities } from "../../../alerts/rules.ts";
import { modes } from "../../../catalog/modes.ts";
import { Secret } from "../../../core/config/secret.ts";
import { parseDuration } from "../../../core/duration.ts";

interface Configuration {
  readonly templates: readonly string[];
  readonly route: {
    readonly receiver: string;
    readonly routes: readonly {
      readonly receiver: string;
      readonly group_interval?: string;
      readonly repeat_interval?: string;
    }[];
  };
  readonly inhibit_rules: readonly unknown[];
  readonly receivers: readonly {
    readonly name: string;
    readonly webhook_configs?: readonly unknown[];
    readonly pagerduty_configs?: readonly unknown[];
    readonly slack_configs?: readonly unknown[];
  }[];
}

const configuration = (receivers: Parameters<typeof renderAlertmanager>[0]["receivers"]) =>
  parse(renderAlertmanager({ receivers, groupWait: "7s" })) as Configuration;

test("without webhooks all receivers are there and receive nothing", () => {
  const { receivers, route } = configuration({});
  expect(receivers).toEqual([{ name: "page" }, { name: "ticket" }, { name: "watchdog" }]);
  expect(route).toMatchObject({ receiver: "ticket", group_by: ["platform", "role"], group_wait: "7s" });
});

test("the heartbeat is repeated every minute", () => {
  const watchdog = configuration({}).route.routes.find(({ receiver }) => receiver === "watchdog");
  const [interval, repeat] = [watchdog?.group_interval, watchdog?.repeat_interval].map((text) =>
    parseDuration(text ?? ""),
  );
  if (interval === undefined || repeat === undefined) throw new Error("the heartbeat has no intervals");
  // At an interval that ends with the time itself, the notification before is a little younger.
  expect((Math.floor(repeat / interval) + 1) * interval).toBe(60_000);
});

test("a webhook is told what fires and what is over, the dead man’s switch only that it fires", () => {
  process.env.TEST_UNIT_WEBHOOK = "http://127.0.0.1:9/hook";
  const webhook = new Secret("${TEST_UNIT_WEBHOOK}");
  const { receivers } = configuration({ page: { webhook }, watchdog: { webhook } });
  delete process.env.TEST_UNIT_WEBHOOK;
  const url = "http://127.0.0.1:9/hook";
  expect(receivers).toEqual([
    { name: "page", webhook_configs: [{ url, send_resolved: true }] },
    { name: "ticket" },
    { name: "watchdog", webhook_configs: [{ url, send_resolved: false }] },
  ]);
});

test("a webhook that cannot be read is an error, not a receiver that is silent", () => {
  const webhook = new Secret("file:/nowhere/webhook");
  expect(() => configuration({ page: { webhook } })).toThrow(
    /Cannot read the secret file \/nowhere\/webhook/,
  );
});

test("a receiver may have several kinds, each with its secret and its form of the templates", () => {
  process.env.TEST_UNIT_KEY = "0123456789abcdef0123456789abcdef";
  process.env.TEST_UNIT_SLACK = "http://127.0.0.1:9/slack";
  const { receivers, templates } = configuration({
    page: {
      webhook: new Secret("${TEST_UNIT_SLACK}"),
      pagerduty: { routing_key: new Secret("${TEST_UNIT_KEY}"), url: "http://127.0.0.1:9/enqueue" },
      slack: { api_url: new Secret("${TEST_UNIT_SLACK}"), channel: "#on-call" },
    },
    ticket: { slack: { api_url: new Secret("${TEST_UNIT_SLACK}") } },
  });
  const [page, ticket] = receivers;
  delete process.env.TEST_UNIT_KEY;
  delete process.env.TEST_UNIT_SLACK;
  expect(templates).toEqual([templateFileName]);
  expect(page).toMatchObject({
    webhook_configs: [{ url: "http://127.0.0.1:9/slack" }],
    pagerduty_configs: [
      {
        routing_key: "0123456789abcdef0123456789abcdef",
        url: "http://127.0.0.1:9/enqueue",
        send_resolved: true,
      },
    ],
    slack_configs: [{ api_url: "http://127.0.0.1:9/slack", channel: "#on-call", send_resolved: true }],
  });
  expect(Object.keys(ticket ?? {})).toEqual(["name", "slack_configs"]);
  expect(Object.keys((ticket?.slack_configs?.[0] ?? {}) as object)).not.toContain("channel");
});

test("every template that the receivers name is defined, and every one that is defined is used", () => {
  process.env.TEST_UNIT_TEMPLATES = "http://127.0.0.1:9";
  const secret = new Secret("${TEST_UNIT_TEMPLATES}");
  const text = renderAlertmanager({
    receivers: {
      page: {
        pagerduty: { routing_key: secret, url: "http://127.0.0.1:9" },
        slack: { api_url: secret },
      },
    },
    groupWait: "1s",
  });
  delete process.env.TEST_UNIT_TEMPLATES;
  const template = renderNotificationTemplate();
  const names = (pattern: RegExp, where: string) =>
    new Set([...where.matchAll(pattern)].map(([, name]) => name));
  const defined = names(/define "([^"]+)"/g, template);
  const used = names(/template "(redisops[^"]+)"/g, text + template);
  expect(used).toEqual(defined);
});

test("inhibitions are bound to the same role of the same platform", () => {
  expect(inhibitRules.length).toBeGreaterThan(0);
  for (const { equal } of inhibitRules) expect(equal.slice(0, 2)).toEqual(["platform", "role"]);
  expect(configuration({}).inhibit_rules).toEqual(inhibitRules);
  expect(inhibitRules).toContainEqual({
    source_matchers: ['alertname="DedupSkipped"'],
    target_matchers: [expect.stringMatching(/^alertname=~"BloomCold\|BloomSaturated\|/)],
    equal: ["platform", "role"],
  });
});

test("what is about a part of a role silences only what is about the same part", () => {
  const named = (id: string) => modes.find((mode) => mode.id === id)?.signal.by ?? [];
  for (const { source_matchers, target_matchers, equal } of inhibitRules) {
    const [source = ""] = source_matchers[0]?.match(/(?<=")[^"]+/) ?? [];
    const [targets = ""] = target_matchers[0]?.match(/(?<=")[^"]+/) ?? [];
    for (const target of targets.split("|")) {
      const common = (["provider", "account", "shard"] as const).filter(
        (label) => named(source).includes(label) && named(target).includes(label),
      );
      expect(equal, `${source} -> ${target}`).toEqual(["platform", "role", ...common]);
    }
  }
});

test("a ticket silences no page, and a budget’s page its ticket", () => {
  const severities = new Map(modes.map((mode) => [mode.id, alertSeverities(mode)]));
  for (const { source_matchers, target_matchers } of inhibitRules) {
    const [source = ""] = source_matchers[0]?.match(/(?<=")[^"]+/) ?? [];
    const always = source_matchers.includes('severity="page"') || severities.get(source)?.join() === "page";
    if (!always) expect(target_matchers, source).toContain('severity="ticket"');
  }
  for (const [id, each] of severities) {
    if (each.length === 1) continue;
    expect(inhibitRules).toContainEqual(
      expect.objectContaining({
        source_matchers: [`alertname="${id}"`, 'severity="page"'],
        target_matchers: [`alertname="${id}"`, 'severity="ticket"'],
      }),
    );
  }
});
