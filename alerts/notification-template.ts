/** Name of the template file, which the Alertmanager configuration looks for beside itself. */
export const templateFileName = "redisops.tmpl";

/** Alerts of one notification whose text is written out; of the others only the number is told. */
const written = 10;

const code = "`";

/** An hour before, and a quarter of an hour after, in Go's nanoseconds. */
const before = "-3600000000000";
const after = "900000000000";

/** The alert's dashboard from an hour before it began, until now or until it was over, with this text for “&”. */
const dashboard = (and: string) =>
  `{{ $to := "now" }}{{ if eq .Status "resolved" }}{{ $to = printf "%d" (.EndsAt.Add ${after}).UnixMilli }}{{ end }}` +
  `{{ reReplaceAll "from=now-1h&to=now" (printf "from=%d${and}to=%s" (.StartsAt.Add ${before}).UnixMilli $to) .Annotations.dashboard_url }}`;

/** What is firing, or where nothing is, what was. */
const ofFirst = (template: string) =>
  `{{ if .Alerts.Firing }}{{ template "${template}" (index .Alerts.Firing 0) }}{{ else }}{{ template "${template}" (index .Alerts 0) }}{{ end }}`;

/** The named alerts, up to a limit, each by the given template. */
const each = (alerts: string, template: string) =>
  `{{ range $index, $alert := ${alerts} }}{{ if lt $index ${written} }}{{ template "${template}" $alert }}{{ end }}{{ end }}` +
  `{{ if gt (len ${alerts}) ${written} }}The first ${written} of {{ len ${alerts} }}.\n{{ end }}`;

const templates: Readonly<Record<string, string>> = {
  role: "{{ .GroupLabels.role }}",
  names:
    '{{ $names := "" }}{{ $alerts := .Alerts }}{{ if .Alerts.Firing }}{{ $alerts = .Alerts.Firing }}{{ end }}' +
    "{{ range $alerts }}{{ $name := .Labels.alertname }}" +
    '{{ if not (match (printf "(^|, )%s(,|$)" $name) $names) }}' +
    '{{ if $names }}{{ $names = printf "%s, %s" $names $name }}{{ else }}{{ $names = $name }}{{ end }}' +
    "{{ end }}{{ end }}{{ $names }}",
  title:
    '{{ if .Alerts.Firing }}{{ .CommonLabels.severity | toUpper }}{{ else }}RESOLVED{{ end }}{{ with .GroupLabels.platform }} {{ . }}{{ end }} {{ template "redisops.role" . }}: ' +
    `{{ template "redisops.names" . }}{{ if eq (len .Alerts.Firing) 1 }} – ${ofFirst("redisops.alert.summary")}{{ end }}`,
  runbook: ofFirst("redisops.alert.runbook"),
  "runbook.text": `Runbook ${ofFirst("redisops.alert.name")}`,
  dashboard: ofFirst("redisops.alert.dashboard"),
  "dashboard.text": 'Dashboard {{ template "redisops.role" . }}',
  command: ofFirst("redisops.alert.command"),
  "alert.name": "{{ .Labels.alertname }}",
  "alert.summary": "{{ .Annotations.summary }}",
  "alert.command": "{{ .Annotations.command }}",
  "alert.runbook": "{{ .Annotations.runbook_url }}",
  "alert.dashboard": dashboard("&"),
  "pagerduty.severity":
    '{{ if eq .CommonLabels.severity "page" }}critical{{ else if eq .CommonLabels.severity "ticket" }}warning{{ else }}info{{ end }}',
  "pagerduty.alert":
    '{{ .Labels.alertname }} since {{ .StartsAt.UTC.Format "2006-01-02 15:04:05 MST" }}\n' +
    "{{ .Annotations.summary }}\n{{ .Annotations.description }}\nRun: {{ .Annotations.command }}\n" +
    'Runbook: {{ .Annotations.runbook_url }}\nDashboard: {{ template "redisops.alert.dashboard" . }}\n\n',
  "pagerduty.firing": each(".Alerts.Firing", "redisops.pagerduty.alert"),
  "pagerduty.resolved": each(".Alerts.Resolved", "redisops.pagerduty.alert"),
  "slack.color":
    '{{ if not .Alerts.Firing }}good{{ else if eq .CommonLabels.severity "page" }}danger{{ else }}warning{{ end }}',
  "slack.escaped": '{{ reReplaceAll ">" "&gt;" (reReplaceAll "<" "&lt;" (reReplaceAll "&" "&amp;" .)) }}',
  "slack.alert":
    '*{{ template "redisops.slack.escaped" .Annotations.summary }}*{{ if eq .Status "resolved" }} (over){{ end }}\n' +
    '{{ template "redisops.slack.escaped" .Annotations.description }}\n' +
    `${code}{{ template "redisops.slack.escaped" .Annotations.command }}${code}\n` +
    `<{{ template "redisops.slack.escaped" .Annotations.runbook_url }}|Runbook {{ .Labels.alertname }}> · <${dashboard("&amp;")}|Dashboard>\n\n`,
  "slack.text":
    each(".Alerts.Firing", "redisops.slack.alert") + each(".Alerts.Resolved", "redisops.slack.alert"),
};

/** The templates of notifications in PagerDuty’s and in Slack’s form, in Alertmanager’s language. They hold no secret. */
export function renderNotificationTemplate(): string {
  const definitions = Object.entries(templates).map(
    ([name, text]) => `{{ define "redisops.${name}" }}${text}{{ end }}\n`,
  );
  return `{{/* Generated from alerts/notification-template.ts; change that, then run npm run generate. */}}\n${definitions.join("")}`;
}
