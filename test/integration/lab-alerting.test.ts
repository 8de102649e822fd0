import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { startAlertmanager } from "../../lab/servers/alertmanager.ts";
import { startPrometheus } from "../../lab/servers/prometheus.ts";
import { startWebhookReceiver } from "../../lab/servers/webhook-receiver.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";

let workspace: Workspace;

afterEach(async () => {
  await workspace.close();
});

describe("Prometheus and Alertmanager of the lab", { timeout: patience }, () => {
  const alertmanagerConfig = (url: string): string => `
route: { receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h }
receivers: [{ name: hook, webhook_configs: [{ url: '${url}/hook', send_resolved: true }] }]
`;

  it("deliver an alert by the API and an alert by a rule to the webhook receiver", async () => {
    workspace = await createWorkspace("test");
    const receiver = await startWebhookReceiver(workspace);
    const configFile = join(workspace.dir, "alertmanager.yml");
    await writeFile(configFile, alertmanagerConfig(receiver.url));
    const alertmanager = await startAlertmanager(workspace, { configFile });

    const post = (endsAt?: string): Promise<Response> =>
      fetch(`${alertmanager.url}/api/v2/alerts`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify([
          { labels: { alertname: "ByHand" }, annotations: { summary: "posted" }, endsAt },
        ]),
      });
    expect((await post()).status).toBe(200);
    const firing = await receiver.waitFor(({ groupLabels }) => groupLabels.alertname === "ByHand", patience);
    expect(firing.path).toBe("/hook");
    expect(firing.notification.status).toBe("firing");
    expect(firing.notification.alerts[0]?.annotations).toEqual({ summary: "posted" });

    await post(new Date().toISOString());
    const isResolved = receiver.waitFor((each) => each.status === "resolved", patience);
    expect((await isResolved).notification.groupLabels).toEqual({ alertname: "ByHand" });

    const rules = join(workspace.dir, "rules.yml");
    await writeFile(
      rules,
      `groups: [{ name: test, rules: [{ alert: ByRule, expr: 'up{job="am"} == 1' }] }]\n`,
    );
    const prometheus = await startPrometheus(workspace, {
      scrapeInterval: "200ms",
      evaluationInterval: "200ms",
      ruleFiles: [rules],
      scrape: [{ job: "am", targets: [alertmanager.address] }],
      alertmanager: alertmanager.address,
    });
    const byRule = await receiver.waitFor(({ groupLabels }) => groupLabels.alertname === "ByRule", patience);
    expect(byRule.notification.alerts[0]?.labels).toMatchObject({
      job: "am",
      instance: alertmanager.address,
    });
    expect(prometheus.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });

  it("show why they do not start", async () => {
    workspace = await createWorkspace("test");
    const rules = join(workspace.dir, "rules.yml");
    await writeFile(rules, 'groups: [{ name: test, rules: [{ alert: Bad, expr: "up ==" }] }]\n');
    await expect(
      startPrometheus(workspace, { scrapeInterval: "1s", evaluationInterval: "1s", ruleFiles: [rules] }),
    ).rejects.toThrow(/prometheus exited with code \d.*parse error/s);
    const configFile = join(workspace.dir, "alertmanager.yml");
    await writeFile(configFile, "route: { receiver: nobody }\n");
    await expect(startAlertmanager(workspace, { configFile })).rejects.toThrow(
      /alertmanager exited with code 1.*nobody/s,
    );
  });
});
