import type { DegradationMode } from "../mode.ts";

export const Watchdog: DegradationMode = {
  id: "Watchdog",
  title: "Heartbeat of the alerting path",
  role: "self",
  board: "redisops-overview",
  severity: "none",
  nature: "heartbeat",
  origin:
    "An alert that always fires, so that its absence tells an outside dead man’s switch that alerting is broken.",
  signal: {
    kind: "promql",
    value: "vector(1)",
    by: [],
    reason: "It holds whenever Prometheus evaluates rules at all.",
  },
  thresholds: {
    for: { value: "0s", unit: "duration", reason: "A heartbeat has no delay." },
  },
  summary: "Alerting works (this alert always fires)",
  description:
    "Sent to a dead man’s switch outside this platform. If the switch stops receiving it, Prometheus, Alertmanager or the way between them is broken.",
  userImpact:
    "None while it fires. When it stops, people feel the next Redis failure before anybody is told of it.",
  containment:
    "Nothing has to be contained while it fires. When it stops, the switch outside is the only alarm that is left.",
  aggravators: [
    "Routing it to people: they learn to ignore it, and then its absence as well.",
    "A switch on the same network or the same provider as Prometheus: both go silent together.",
  ],
  normal: 'ALERTS{alertname="Watchdog"} is 1 at all times, and the switch hears of it every minute.',
  frequency: "Always firing. Its absence is the alarm, which the switch raises.",
  prevention:
    "Point alerting.receivers.watchdog at a service outside that pages when it hears nothing for some minutes, and stop Alertmanager once a quarter to see that it does.",
  topologies: {},
  diagnosis: [
    {
      command: "redisops status",
      shows: ["registry  …  ok  …", "postgres  …  ok  …"],
      branches: [
        {
          observed: "the switch paged, and the table shows all roles “ok”",
          conclusion:
            "The platform is well and its alerting is not. Check in this order: is Prometheus up, does its page of rules show “Watchdog” firing, does Alertmanager list it, does its log show failed webhooks.",
        },
        {
          observed: "the switch paged, and roles are not “ok”",
          conclusion:
            "No page has come for them and none will. Follow the modes that the rows name before you mend the alerting.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason: "It fires by design.",
    instead: "When it stops, restore Prometheus, then Alertmanager, then the way from there to the switch.",
    proof: 'ALERTS{alertname="Watchdog"} is 1 and the switch receives it.',
    within: "one repeat interval of its route",
    rollback:
      "If a change of alerting broke it, bring the former alertmanager.yml back and reload Alertmanager.",
    whenItFails:
      "Have somebody look at redisops status every few minutes until alerting is back, and say so in the incident channel.",
  },
  drill: {
    kind: "lab",
    inject: ["kill --role prometheus"],
    limits:
      "It fires on the healthy lab; the drill brings its absence about. The lab’s Prometheus repeats its alerts every 2 s, so that Alertmanager forgets them after 8 s in place of 4 min.",
  },
  inhibits: [],
  panels: ["modes"],
  scenarios: [
    {
      name: "a healthy platform",
      faults: [],
      expect: [
        { at: "0m", firing: [] },
        { at: "1m", firing: [] },
        { at: "30m", firing: [] },
        { at: "80m", firing: [] },
      ],
    },
  ],
  example: {
    labels: {},
    summary: "Alerting works (this alert always fires)",
    description:
      "Sent to a dead man’s switch outside this platform. If the switch stops receiving it, Prometheus, Alertmanager or the way between them is broken.",
  },
};
