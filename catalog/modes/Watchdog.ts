import type { DegradationMode } from "../mode.ts";

export const Watchdog: DegradationMode = {
  id: "Watchdog",
  title: "Heartbeat of the alerting path",
  role: "self",
  severity: "none",
  nature: "heartbeat",
  origin:
    "An alert that always fires, so that its absence tells an outside dead man’s switch that alerting is broken.",
  signal: {
    kind: "promql",
    expression: "vector(1)",
    reason: "It holds whenever Prometheus evaluates rules at all.",
  },
  thresholds: {
    for: { value: "0s", unit: "duration", reason: "A heartbeat has no delay." },
  },
  summary: "Alerting works (this alert always fires)",
  description:
    "Sent to a dead man’s switch outside this platform. If the switch stops receiving it, Prometheus, Alertmanager or the way between them is broken.",
  userImpact: "None.",
  containment: "None is needed.",
  aggravators: ["Routing it to people: they would learn to ignore it."],
  normal: "Always firing.",
  frequency: "Always.",
  prevention: "Point alerting.receivers.watchdog at a service that pages when the heartbeat stops.",
  diagnosis: [
    {
      command: "redisops status",
      branches: [
        {
          observed: "the dead man’s switch paged although the table shows all roles ok",
          conclusion:
            "Prometheus or Alertmanager is down, or the webhook cannot be reached. Check them in that order.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason: "It fires by design.",
    instead: "When it stops, restore Prometheus, then Alertmanager, then the way to the receiver.",
    proof: 'ALERTS{alertname="Watchdog"} is 1 and the switch receives it.',
    within: "one repeat interval of its route",
    rollback: "Nothing was changed by redisops.",
    whenItFails: "Ask a person to watch redisops status until alerting is back.",
  },
  inhibits: [],
  panels: ["modes"],
  scenarios: [
    {
      name: "a healthy platform",
      faults: [],
      expect: [
        { at: "0m", firing: [] },
        { at: "30m", firing: [] },
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
