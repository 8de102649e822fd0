import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { renderAlertmanager } from "../../alerts/alertmanager.ts";
import { ruleLabels } from "../../alerts/rules.ts";
import { modes } from "../../catalog/modes.ts";
import { Secret } from "../../core/config/secret.ts";
import { findProgram } from "../../lab/binaries.ts";
import { startAlertmanager } from "../../lab/servers/alertmanager.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../../lab/servers/webhook-receiver.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";

const committed = fileURLToPath(new URL("../../alerts/alertmanager/alertmanager.yml", import.meta.url));

let workspace: Workspace | undefined;

afterEach(async () => {
  await workspace?.close();
  workspace = undefined;
});

/** The labels with which a mode's alert reaches Alertmanager. */
function labelsOf(id: string): Record<string, string> {
  const mode = modes.find((each) => each.id === id);
  if (mode === undefined) throw new Error(`there is no mode ${id}`);
  return { alertname: id, ...ruleLabels(mode) };
}

/** A generated configuration whose receivers are the given one. */
async function configuration(own: Workspace, receiver: WebhookReceiver): Promise<string> {
  const webhook = async (name: string) => {
    const file = join(own.dir, `${name}-webhook`);
    await writeFile(file, `${receiver.url}/${name}`);
    return { webhook: new Secret(`file:${file}`) };
  };
  const receivers = {
    page: await webhook("page"),
    ticket: await webhook("ticket"),
    watchdog: await webhook("watchdog"),
  };
  const configFile = join(own.dir, "alertmanager.yml");
  await writeFile(configFile, renderAlertmanager({ receivers, groupWait: "1s" }), { mode: 0o600 });
  return configFile;
}

interface KnownAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly fingerprint: string;
  readonly status: { readonly state: string; readonly inhibitedBy: readonly string[] };
}

/** A real Alertmanager with the generated configuration. */
async function start() {
  workspace = await createWorkspace("inhibition");
  const receiver = await startWebhookReceiver(workspace);
  const configFile = await configuration(workspace, receiver);
  const { url } = await startAlertmanager(workspace, { configFile });
  const post = async (alerts: readonly Readonly<Record<string, string>>[], endsAt?: string) => {
    const response = await fetch(`${url}/api/v2/alerts`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(alerts.map((labels) => ({ labels, endsAt }))),
    });
    expect(response.status).toBe(200);
  };
  const alert = async (name: string, role: string): Promise<KnownAlert | undefined> => {
    const alerts = (await (await fetch(`${url}/api/v2/alerts`)).json()) as KnownAlert[];
    return alerts.find(({ labels }) => labels.alertname === name && labels.role === role);
  };
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
    const generated = await configuration(workspace, await startWebhookReceiver(workspace));
    for (const file of [committed, generated]) {
      for (const mode of modes) {
        const matchers = Object.entries(labelsOf(mode.id)).map(([label, value]) => `${label}=${value}`);
        const words = ["config", "routes", "test", `--config.file=${file}`, ...matchers];
        const receiver = execFileSync(findProgram("amtool"), words, {
          encoding: "utf8",
          stdio: "pipe",
        }).trim();
        expect(receiver, mode.id).toBe(mode.severity === "none" ? "watchdog" : mode.severity);
      }
    }
  },
  patience,
);
