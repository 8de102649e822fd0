import type { Config } from "../core/config/schema.ts";

type Receivers = Config["alerting"]["receivers"];
type Receiver = NonNullable<Receivers["page"]>;

const template = (name: string) => `{{ template "redisops.${name}" . }}`;

/** Alertmanager’s part for the Events API v2. It closes the incident itself, by the group’s key, when all is over. */
function pagerDuty({ routing_key, url }: NonNullable<Receiver["pagerduty"]>) {
  return {
    routing_key: routing_key.reveal(),
    url,
    description: template("title"),
    severity: template("pagerduty.severity"),
    client: "redisops",
    client_url: template("dashboard"),
    class: template("names"),
    component: template("role"),
    group: template("role"),
    details: {
      firing: template("pagerduty.firing"),
      resolved: template("pagerduty.resolved"),
      command: template("command"),
      num_firing: "{{ .Alerts.Firing | len }}",
      num_resolved: "{{ .Alerts.Resolved | len }}",
    },
    links: [
      { href: template("runbook"), text: template("runbook.text") },
      { href: template("dashboard"), text: template("dashboard.text") },
    ],
    send_resolved: true,
  };
}

/** Alertmanager’s part for an incoming webhook of Slack. */
function slack({ api_url, channel }: NonNullable<Receiver["slack"]>) {
  return {
    api_url: api_url.reveal(),
    ...(channel !== undefined && { channel }),
    color: template("slack.color"),
    title: template("title"),
    title_link: template("runbook"),
    fallback: template("title"),
    text: template("slack.text"),
    footer: "redisops",
    mrkdwn_in: ["text"],
    send_resolved: true,
  };
}

/** A receiver of Alertmanager, which tells everything that is configured for it. Throws SECRET_UNRESOLVED. */
export function receiver(name: keyof Receivers, configured: Receiver = {}) {
  const { webhook, pagerduty, slack: channel } = configured;
  return {
    name,
    ...(webhook !== undefined && {
      // The dead man's switch is told that the heartbeat fires; that it ended must look like silence.
      webhook_configs: [{ url: webhook.reveal(), send_resolved: name !== "watchdog" }],
    }),
    ...(pagerduty !== undefined && { pagerduty_configs: [pagerDuty(pagerduty)] }),
    ...(channel !== undefined && { slack_configs: [slack(channel)] }),
  };
}
