import { afterEach, expect, test } from "vitest";
import { defaultRuleOptions } from "../../alerts/defaults.ts";
import { linkAnnotations } from "../../alerts/rules.ts";
import { modes } from "../../catalog/modes.ts";
import { startIncidentServices } from "../../lab/servers/incident-services.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { labelsOf, type PostedAlert, startOwnAlertmanager } from "../fixtures/alertmanager.ts";
import { patience } from "../fixtures/processes.ts";

let workspace: Workspace | undefined;

afterEach(async () => {
  await workspace?.close();
  workspace = undefined;
});

const began = "2026-01-01T12:00:00.000Z";
const hourBefore = Date.parse("2026-01-01T11:00:00Z");
const over = "2026-01-01T12:30:00.000Z";
const quarterAfter = Date.parse("2026-01-01T12:45:00Z");

/** The alert of a mode as Prometheus would post it with the committed rules. */
function alertOf(id: string, change: Readonly<Record<string, string>> = {}): PostedAlert {
  const mode = modes.find((each) => each.id === id);
  if (mode === undefined) throw new Error(`there is no mode ${id}`);
  return {
    labels: { ...labelsOf(id), ...change },
    annotations: {
      summary: `Summary of ${id} <!channel> & more`,
      description: mode.example.description,
      ...linkAnnotations(mode, defaultRuleOptions()),
    },
    startsAt: began,
  };
}

const runbook = (id: string) => `https://github.com/redisops/redisops/blob/main/runbooks/${id}.md`;
const board = (uid: string, to: string | number) =>
  `http://localhost:3000/d/${uid}?from=${hourBefore}&to=${to}`;

/** A real Alertmanager that tells doubles of PagerDuty and Slack. */
async function start() {
  workspace = await createWorkspace("notifications");
  const services = await startIncidentServices(workspace);
  const slack = { api_url: services.slackUrl, channel: "#on-call" };
  const pagerduty = { routing_key: services.routingKey, url: services.pagerDutyUrl };
  const alertmanager = await startOwnAlertmanager(workspace, {
    page: { pagerduty, slack },
    ticket: { pagerduty, slack },
  });
  const wait = <Found>(what: string, look: () => Found | undefined) =>
    waitUntil(async () => look(), { what, deadlineMs: patience });
  return { services, alertmanager, wait };
}

test(
  "PagerDuty gets an incident for each role, with severity, command and links, and closes it",
  async () => {
    const { services, alertmanager, wait } = await start();
    const event = (component: string, action: string) =>
      wait(`${action} for ${component}`, () =>
        services.events.find(
          ({ event_action, payload }) => event_action === action && payload.component === component,
        ),
      );
    await alertmanager.post([
      alertOf("BloomCold"),
      alertOf("BloomSaturated"),
      alertOf("PostgresPoolSaturated"),
    ]);
    const filter = await event("dedup", "trigger");
    expect(filter).toMatchObject({
      client: "redisops",
      client_url: board("redisops-dedup", "now"),
      links: [
        { href: runbook("BloomCold"), text: "Runbook BloomCold" },
        { href: board("redisops-dedup", "now"), text: "Dashboard dedup" },
      ],
      payload: {
        summary: "PAGE dedup: BloomCold, BloomSaturated",
        severity: "critical",
        source: "redisops",
        component: "dedup",
        group: "dedup",
        class: "BloomCold, BloomSaturated",
        custom_details: {
          command: "redisops recover bloom",
          num_firing: "2",
          num_resolved: "0",
          resolved: "",
        },
      },
    });
    const details = String(filter.payload.custom_details?.firing);
    expect(details).toContain(
      "BloomCold since 2026-01-01 12:00:00 UTC\nSummary of BloomCold <!channel> & more\n",
    );
    expect(details).toContain(`Runbook: ${runbook("BloomSaturated")}\n`);
    expect(details).toContain(`Dashboard: ${board("redisops-dedup", "now")}\n`);

    const postgres = await event("postgres", "trigger");
    expect(postgres.payload.severity).toBe("warning");
    expect(postgres.payload.summary).toBe(
      "TICKET postgres: PostgresPoolSaturated – Summary of PostgresPoolSaturated <!channel> & more",
    );
    expect(postgres.dedup_key).not.toBe(filter.dedup_key);

    await alertmanager.post([alertOf("BloomCold"), alertOf("BloomSaturated")], over);
    const closed = await event("dedup", "resolve");
    expect(closed.dedup_key).toBe(filter.dedup_key);
    expect(closed.links?.[1]?.href).toBe(board("redisops-dedup", quarterAfter));
    expect(services.refused).toEqual([]);
  },
  2 * patience,
);

test(
  "Slack gets a message for each role, with the command and the links of every alert and nothing that calls people",
  async () => {
    const { services, alertmanager, wait } = await start();
    const message = (start: string) =>
      wait(`a message “${start}…”`, () =>
        services.messages
          .flatMap(({ channel, attachments }) =>
            attachments.map((attachment) => ({ channel, ...attachment })),
          )
          .find(({ title }) => title.startsWith(start)),
      );
    await alertmanager.post([alertOf("BloomCold"), alertOf("BloomSaturated")]);
    const page = await message("PAGE dedup: ");
    expect(page).toMatchObject({
      channel: "#on-call",
      color: "danger",
      title: "PAGE dedup: BloomCold, BloomSaturated",
      title_link: runbook("BloomCold"),
      fallback: "PAGE dedup: BloomCold, BloomSaturated",
      footer: "redisops",
    });
    expect(page.text).toContain("*Summary of BloomCold &lt;!channel&gt; &amp; more*\n");
    expect(page.text).toContain("`redisops recover bloom`\n");
    for (const id of ["BloomCold", "BloomSaturated"]) {
      const dashboard = board("redisops-dedup", "now").replace("&", "&amp;");
      expect(page.text).toContain(`<${runbook(id)}|Runbook ${id}> · <${dashboard}|Dashboard>`);
    }

    await alertmanager.post([alertOf("ProviderThrottled", { provider: "twilio", account: "main" })]);
    expect((await message("TICKET token_bucket: ")).color).toBe("warning");

    await alertmanager.post([alertOf("BloomCold"), alertOf("BloomSaturated")], over);
    const end = await message("RESOLVED dedup: ");
    expect(end).toMatchObject({ color: "good", title: "RESOLVED dedup: BloomCold, BloomSaturated" });
    expect(end.text).toContain(`to=${quarterAfter}|Dashboard>`);
    expect(services.refused).toEqual([]);
  },
  2 * patience,
);

test(
  "many alerts of one role are one notification, of which ten are written out",
  async () => {
    const { services, alertmanager, wait } = await start();
    const accounts = Array.from({ length: 12 }, (_, index) =>
      alertOf("ProviderThrottled", { provider: "twilio", account: `account-${index}` }),
    );
    await alertmanager.post(accounts);
    const event = await wait("an event", () =>
      services.events.find(({ payload }) => payload.custom_details?.num_firing === "12"),
    );
    const firing = String(event.payload.custom_details?.firing);
    expect(firing.match(/ProviderThrottled since /g)).toHaveLength(10);
    expect(firing).toContain("The first 10 of 12.\n");
    expect(event.payload.summary).toBe("TICKET token_bucket: ProviderThrottled");
  },
  2 * patience,
);
