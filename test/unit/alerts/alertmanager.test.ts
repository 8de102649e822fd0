import { expect, test } from "vitest";
import { parse } from "yaml";
import { renderAlertmanager } from "../../../alerts/alertmanager.ts";
import { Secret } from "../../../core/config/secret.ts";

interface Configuration {
  readonly route: { readonly receiver: string; readonly routes: readonly { readonly receiver: string }[] };
  readonly inhibit_rules: readonly unknown[];
  readonly receivers: readonly { readonly name: string; readonly webhook_configs?: readonly unknown[] }[];
}

const configuration = (receivers: Parameters<typeof renderAlertmanager>[0]["receivers"]) =>
  parse(renderAlertmanager({ receivers, groupWait: "7s" })) as Configuration;

test("without webhooks all receivers are there and receive nothing", () => {
  const { receivers, route } = configuration({});
  expect(receivers).toEqual([{ name: "page" }, { name: "ticket" }, { name: "watchdog" }]);
  expect(route).toMatchObject({ receiver: "ticket", group_by: ["role"], group_wait: "7s" });
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

test("inhibitions are bound to the same role", () => {
  expect(configuration({}).inhibit_rules).toContainEqual({
    source_matchers: ['alertname="DedupSkipped"'],
    target_matchers: ['alertname=~"BloomCold|BloomSaturated"'],
    equal: ["role"],
  });
});
