import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { alertSeverities } from "../../alerts/rules.ts";
import { modes } from "../../catalog/modes.ts";
import { findProgram } from "../../lab/binaries.ts";
import { startWebhookReceiver } from "../../lab/servers/webhook-receiver.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { labelsOf, startOwnAlertmanager, writeConfiguration } from "../fixtures/alertmanager.ts";
import { patience } from "../fixtures/processes.ts";

const committed = fileURLToPath(new URL("../../alerts/alertmanager/alertmanager.yml", import.meta.url));

let workspace: Workspace | undefined;

afterEach(async () => {
  await workspace?.close();
  workspace = undefined;
});

/** A real Alertmanager with the generated configuration, whose receivers are webhooks. */
async function start() {
  workspace = await createWorkspace("inhibition");
  const receiver = await startWebhookReceiver(workspace);
  const client = await startOwnAlertmanager(workspace, {
    page: { webhook: `${receiver.url}/page` },
    ticket: { webhook: `${receiver.url}/ticket` },
    watchdog: { webhook: `${receiver.url}/watchdog` },
  });
  const post = (alerts: readonly Readonly<Record<string, string>>[], endsAt?: string) =>
    client.post(
      alerts.map((labels) => ({ labels })),
      endsAt,
    );
  const alert = (name: string, role: string, more: Readonly<Record<string, string>> = {}) =>
    client.find({ alertname: name, role, ...more });
  /** Resolves when an alert's first notification came; tells where to, and what came with it. */
  const notified = async (name: string, role: string) => {
    const { path, notification } = await receiver.waitFor(
      ({ alerts }) => alerts.some(({ labels }) => labels.alertname === name && labels.role === role),
      patience,
    );
    return {
      path,
      status: notification.status,
      names: notification.alerts.map(({ labels }) => labels.alertname),
    };
  };
  return { receiver, post, alert, notified };
}

test(
  "a cause silences its consequences in its own role, and only while it fires",
  async () => {
    const { receiver, post, alert, notified } = await start();
    const foreign = { ...labelsOf("BloomCold"), role: "another" };
    await post([
      labelsOf("DedupSkipped"),
      labelsOf("BloomCold"),
      labelsOf("BloomSaturated"),
      labelsOf("RegistryDown"),
      foreign,
    ]);

    expect(await notified("DedupSkipped", "dedup")).toEqual({
      path: "/page",
      status: "firing",
      names: ["DedupSkipped"],
    });
    const cause = await alert("DedupSkipped", "dedup");
    for (const consequence of ["BloomCold", "BloomSaturated"]) {
      expect((await alert(consequence, "dedup"))?.status).toMatchObject({
        state: "suppressed",
        inhibitedBy: [cause?.fingerprint],
      });
    }
    expect(await notified("RegistryDown", "registry")).toMatchObject({
      path: "/page",
      names: ["RegistryDown"],
    });
    expect(await notified("BloomCold", "another")).toMatchObject({ path: "/page", names: ["BloomCold"] });

    await post([labelsOf("DedupSkipped")], new Date().toISOString());
    await receiver.waitFor(
      ({ alerts }) =>
        alerts.some(
          ({ status, labels }) =>
            status === "firing" && labels.alertname === "BloomCold" && labels.role === "dedup",
        ),
      patience,
    );
    const together = receiver.received.filter(({ notification: { alerts } }) =>
      ["DedupSkipped", "BloomCold"].every((name) =>
        alerts.some(
          ({ status, labels }) => status === "firing" && labels.role === "dedup" && labels.alertname === name,
        ),
      ),
    );
    expect(together).toEqual([]);
  },
  patience,
);

test(
  "platforms that share an Alertmanager silence only their own alerts, and are told apart in what is sent",
  async () => {
    const { receiver, post, alert } = await start();
    const [staging, production] = ["staging", "production"].map((platform) => ({ platform }));
    await post([
      { ...labelsOf("DedupSkipped"), ...staging },
      { ...labelsOf("BloomCold"), ...staging },
      { ...labelsOf("BloomCold"), ...production },
    ]);
    const { notification } = await receiver.waitFor(
      ({ groupLabels }) => groupLabels.platform === "production",
      patience,
    );
    expect(notification.alerts.map(({ labels }) => labels)).toEqual([
      { ...labelsOf("BloomCold"), ...production },
    ]);
    expect((await alert("BloomCold", "dedup", staging))?.status.state).toBe("suppressed");
  },
  patience,
);

test(
  "the heartbeat, pages and tickets each go to their own receiver",
  async () => {
    const { receiver, post, notified, alert } = await start();
    await post([
      labelsOf("Watchdog"),
      labelsOf("ExporterDown"),
      labelsOf("PostgresPoolSaturated"),
      labelsOf("ProviderThrottled"),
    ]);
    expect(await notified("Watchdog", "self")).toEqual({
      path: "/watchdog",
      status: "firing",
      names: ["Watchdog"],
    });
    expect(await notified("ExporterDown", "self")).toMatchObject({ path: "/page", names: ["ExporterDown"] });
    expect(await notified("PostgresPoolSaturated", "postgres")).toMatchObject({ path: "/ticket" });
    expect(await notified("ProviderThrottled", "token_bucket")).toMatchObject({ path: "/ticket" });
    expect(receiver.received.filter(({ path }) => path === "/watchdog").length).toBeGreaterThan(0);

    // With its cause it is silenced even after it was told.
    await post([labelsOf("TokenBucketsDown")]);
    await waitUntil(
      async () => (await alert("ProviderThrottled", "token_bucket"))?.status.state === "suppressed",
      {
        what: "ProviderThrottled to be suppressed",
        deadlineMs: patience,
      },
    );
  },
  patience,
);

test(
  "amtool routes every mode’s alert by its severity, in the committed file as well",
  async () => {
    workspace = await createWorkspace("routes");
    const { url } = await startWebhookReceiver(workspace);
    const generated = await writeConfiguration(workspace, {
      page: { webhook: url },
      ticket: { webhook: url },
      watchdog: { webhook: url },
    });
    const alerts = modes.flatMap((mode) =>
      alertSeverities(mode).map((severity) => ({
        labels: labelsOf(mode.id, severity),
        receiver: severity === "none" ? "watchdog" : severity,
      })),
    );
    for (const file of [committed, generated]) {
      for (const { labels, receiver } of alerts) {
        const matchers = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
        const words = ["config", "routes", "test", `--config.file=${file}`, ...matchers];
        const reached = execFileSync(findProgram("amtool"), words, {
          encoding: "utf8",
          stdio: "pipe",
        }).trim();
        expect(reached, labels.alertname).toBe(receiver);
      }
    }
  },
  2 * patience,
);
