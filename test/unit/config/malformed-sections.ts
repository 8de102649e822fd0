import { modes } from "../../../catalog/modes.ts";
import type { Malformed } from "./malformed.ts";

const head = "platform: x\nroles: {}\n";
const dedup = "platform: x\nroles:\n  dedup:\n    topology: standalone\n    address: r:6379\n    filter:\n";
const postgres = `${head}postgres:\n  address: p:5432\n  database: d\n  user: u\n`;
const twilio = `${head}providers:\n  twilio:\n    kind: twilio\n    accounts:\n      main:\n`;

/** Mistakes in what is said of the filter, of Postgres, the providers, the exporter and the alerts. */
export const malformedSections: readonly Malformed[] = [
  [
    "no filter",
    "platform: x\nroles:\n  dedup:\n    topology: standalone\n    address: r:1\n",
    "4:5 roles.dedup.filter",
    "missing; expected a structure of keys and values (The deduplication filter)",
  ],
  [
    "no capacity",
    `${dedup}      engine: bitmap\n`,
    "7:7 roles.dedup.filter.capacity",
    "missing; expected a number (Ids that the filter is sized for: the peak of a whole window)",
  ],
  [
    "an unknown engine",
    `${dedup}      engine: cuckoo\n      capacity: 1000\n`,
    "7:15 roles.dedup.filter.engine",
    'got "cuckoo", expected one of bitmap, redisbloom',
  ],
  [
    "half an id",
    `${dedup}      engine: bitmap\n      capacity: 1000.5\n`,
    "8:17 roles.dedup.filter.capacity",
    "got 1000.5, expected a whole number",
  ],
  [
    "a capacity below the least",
    `${dedup}      engine: bitmap\n      capacity: 99\n`,
    "8:17 roles.dedup.filter.capacity",
    "got 99, expected at least 100",
  ],
  [
    "a capacity beyond all integers",
    `${dedup}      engine: bitmap\n      capacity: 1e300\n`,
    "8:17 roles.dedup.filter.capacity",
    "got 1e+300, expected at most 100000000000",
  ],
  [
    "a capacity with separators",
    `${dedup}      engine: bitmap\n      capacity: 1_000\n`,
    "8:17 roles.dedup.filter.capacity",
    'got "1_000", expected a number',
  ],
  [
    "an error rate of one",
    `${dedup}      engine: bitmap\n      capacity: 1000\n      error_rate: 1\n`,
    "9:19 roles.dedup.filter.error_rate",
    "got 1, expected at most 0.25",
  ],
  [
    "an infinite error rate",
    `${dedup}      engine: bitmap\n      capacity: 1000\n      error_rate: .inf\n`,
    "9:19 roles.dedup.filter.error_rate",
    "got Infinity, expected a number",
  ],
  [
    "an error rate in per cent",
    `${dedup}      engine: bitmap\n      capacity: 1000\n      error_rate: 1%\n`,
    "9:19 roles.dedup.filter.error_rate",
    'got "1%", expected a number',
  ],
  [
    "a database without a name",
    postgres.replace("database: d", 'database: ""'),
    "5:13 postgres.database",
    'got "", expected text that is not empty',
  ],
  [
    "no user",
    postgres.replace("  user: u\n", ""),
    "4:3 postgres.user",
    "missing; expected text (User name; docs/security.md lists the grants it needs)",
  ],
  [
    "a table with a space",
    `${postgres}  tables: {pending_deliveries: {table: "pending deliveries"}}\n`,
    "7:40 postgres.tables.pending_deliveries.table",
    'got "pending deliveries", expected a table or column name',
  ],
  [
    "an injected column",
    `${postgres}  tables:\n    sent_notifications:\n      id_column: "id; drop table x"\n`,
    "9:18 postgres.tables.sent_notifications.id_column",
    'got "id; drop table x", expected a table or column name',
  ],
  [
    "a window without a unit",
    `${postgres}  tables: {sent_notifications: {window: "24"}}\n`,
    "7:41 postgres.tables.sent_notifications.window",
    'got "24", expected a duration such as 30s or 1m30s',
  ],
  [
    "a window in words",
    `${postgres}  tables: {sent_notifications: {window: one day}}\n`,
    "7:41 postgres.tables.sent_notifications.window",
    'got "one day", expected a duration such as 30s or 1m30s',
  ],
  [
    "a PgBouncer without a user",
    `${postgres}  pgbouncer: {address: "p:6432"}\n`,
    "7:14 postgres.pgbouncer.user",
    "missing; expected text (User of its console: one of PgBouncer's stats_users is enough)",
  ],
  [
    "a PgBouncer password in plain text",
    `${postgres}  pgbouncer: {address: "p:6432", user: u, password: hunter2}\n`,
    "7:53 postgres.pgbouncer.password",
    "got *** (a secret in plain text), expected a reference: ${NAME} of an environment variable, or file:/path",
  ],
  [
    "a capacity of nothing",
    `${postgres}  tables: {preferences: {reads_per_second: 0}}\n`,
    "7:44 postgres.tables.preferences.reads_per_second",
    "got 0, expected more than 0",
  ],
  [
    "an unknown table",
    `${postgres}  tables: {sent: {}}\n`,
    "7:12 postgres.tables.sent",
    "unknown key; known here: sent_notifications, pending_deliveries, preferences, messages, runs",
  ],
  [
    "an upper-case provider",
    `${head}providers:\n  Twilio: {kind: twilio, accounts: {}}\n`,
    "4:3 providers.Twilio",
    'got the name "Twilio", expected up to 40 lower-case letters, digits, dashes or underscores as a name',
  ],
  [
    "an unknown kind",
    `${head}providers:\n  sms: {kind: vonage, accounts: {}}\n`,
    "4:15 providers.sms.kind",
    'got "vonage", expected one of twilio, sendgrid, http',
  ],
  [
    "a key of another kind",
    `${twilio}        api_key: file:/k\n        limit_per_second: 1\n        account_sid: AC\n        auth_token: file:/t\n`,
    "8:9 providers.twilio.accounts.main.api_key",
    "unknown key; known here: limit_per_second, burst, probe, account_sid, auth_token",
  ],
  [
    "a limit of zero",
    `${twilio}        limit_per_second: 0\n        account_sid: AC\n        auth_token: file:/t\n`,
    "8:27 providers.twilio.accounts.main.limit_per_second",
    "got 0, expected more than 0",
  ],
  [
    "an account with a space",
    `${twilio.replace("main", "my account")}        limit_per_second: 1\n        account_sid: AC\n        auth_token: file:/t\n`,
    "7:7 providers.twilio.accounts.my account",
    'got the name "my account", expected up to 40 lower-case letters, digits, dashes or underscores as a name',
  ],
  [
    "a base URL without a scheme",
    `${head}providers:\n  t:\n    kind: twilio\n    base_url: api.twilio.com\n    accounts: {}\n`,
    "6:15 providers.t.base_url",
    'got "api.twilio.com", expected a URL such as http://host:9090',
  ],
  [
    "a base URL of another scheme",
    `${head}providers:\n  t:\n    kind: twilio\n    base_url: ftp://api.twilio.com\n    accounts: {}\n`,
    "6:15 providers.t.base_url",
    'got "ftp://api.twilio.com", expected a URL such as http://host:9090',
  ],
  [
    "a probe timeout that is a number",
    `${head}exporter:\n  probe_timeout: 2\n`,
    "4:18 exporter.probe_timeout",
    "got 2, expected a duration such as 30s or 1m30s",
  ],
  [
    "too few canaries",
    `${head}exporter: {canary_ids: 5}\n`,
    "3:24 exporter.canary_ids",
    "got 5, expected at least 20",
  ],
  [
    "too many canaries",
    `${head}exporter: {canary_ids: 100000}\n`,
    "3:24 exporter.canary_ids",
    "got 100000, expected at most 5000",
  ],
  [
    "a Prometheus without an address",
    `${head}prometheus: {}\n`,
    "3:13 prometheus.url",
    "missing; expected text (Address of Prometheus)",
  ],
  [
    "a receiver of no kind",
    `${head}alerting:\n  receivers:\n    page: {}\n`,
    "5:11 alerting.receivers.page",
    "got a structure, expected at least one of webhook, pagerduty, slack",
  ],
  [
    "a receiver of an unknown kind",
    `${head}alerting:\n  receivers:\n    page: {pager_duty: {routing_key: file:/k}}\n`,
    "5:12 alerting.receivers.page.pager_duty",
    "unknown key; did you mean pagerduty?",
  ],
  [
    "PagerDuty without its key",
    `${head}alerting:\n  receivers:\n    page: {pagerduty: {url: "https://events.eu.pagerduty.com/v2/enqueue"}}\n`,
    "5:23 alerting.receivers.page.pagerduty.routing_key",
    "missing; expected a reference: ${NAME} of an environment variable, or file:/path (Reference to the integration key of the Events API v2)",
  ],
  [
    "a PagerDuty key in plain text",
    `${head}alerting:\n  receivers:\n    page: {pagerduty: {routing_key: 0123456789abcdef0123456789abcdef}}\n`,
    "5:37 alerting.receivers.page.pagerduty.routing_key",
    "got *** (a secret in plain text), expected a reference: ${NAME} of an environment variable, or file:/path",
  ],
  [
    "a Slack webhook in plain text",
    `${head}alerting:\n  receivers:\n    ticket: {slack: {api_url: "https://hooks.slack.example/T/B/secret"}}\n`,
    "5:31 alerting.receivers.ticket.slack.api_url",
    "got *** (a secret in plain text), expected a reference: ${NAME} of an environment variable, or file:/path",
  ],
  [
    "a Slack channel that Alertmanager would execute",
    `${head}alerting:\n  receivers:\n    ticket: {slack: {api_url: file:/u, channel: "{{ .GroupLabels.role }}"}}\n`,
    "5:49 alerting.receivers.ticket.slack.channel",
    'got "{{ .GroupLabels.role }}", expected a channel such as #on-call',
  ],
  [
    "a dead man’s switch in Slack",
    `${head}alerting:\n  receivers:\n    watchdog: {webhook: file:/w, slack: {api_url: file:/u}}\n`,
    "5:34 alerting.receivers.watchdog.slack",
    "unknown key; known here: webhook",
  ],
  [
    "an unknown receiver",
    `${head}alerting:\n  receivers:\n    pager: {webhook: file:/x}\n`,
    "5:5 alerting.receivers.pager",
    "unknown key; did you mean page?",
  ],
  [
    "a mode in the wrong case",
    `${head}thresholds:\n  bloomcold: {for: 1m}\n`,
    "4:3 thresholds.bloomcold",
    "unknown key; did you mean BloomCold?",
  ],
  [
    "an unknown mode",
    `${head}thresholds:\n  Meltdown: {for: 1m}\n`,
    "4:3 thresholds.Meltdown",
    `unknown key; known here: ${modes.map(({ id }) => id).join(", ")}`,
  ],
  [
    "an unknown threshold",
    `${head}thresholds:\n  BloomCold: {absent: 0.1}\n`,
    "4:15 thresholds.BloomCold.absent",
    "unknown key; known here: for, absent_ratio, min_canaries",
  ],
  [
    "a ratio over one",
    `${head}thresholds:\n  BloomCold: {absent_ratio: 5}\n`,
    "4:29 thresholds.BloomCold.absent_ratio",
    "got 5, expected at most 1",
  ],
  [
    "a negative count",
    `${head}thresholds:\n  BloomCold: {min_canaries: -1}\n`,
    "4:29 thresholds.BloomCold.min_canaries",
    "got -1, expected at least 0",
  ],
  [
    "a duration without a unit",
    `${head}thresholds:\n  BloomCold: {for: "60"}\n`,
    "4:20 thresholds.BloomCold.for",
    'got "60", expected a duration such as 30s or 1m30s',
  ],
  [
    "a duration that is a number",
    `${head}thresholds:\n  BloomCold:\n    for: 60\n`,
    "5:10 thresholds.BloomCold.for",
    "got 60, expected a duration such as 30s or 1m30s",
  ],
  [
    "a value behind an alias",
    "platform: x\nroles:\n  registry: &r\n    topology: standalone\n    address: nowhere\n  sequence: *r\n",
    "5:14 roles.registry.address",
    'got "nowhere", expected host:port',
  ],
];
