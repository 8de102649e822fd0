import { episode } from "../episode.ts";
import type { DegradationMode } from "../mode.ts";

const exporter = (instance: string) => ({ job: "redisops", instance });

export const ExporterDown: DegradationMode = {
  id: "ExporterDown",
  title: "The redisops exporter is not being scraped",
  role: "self",
  board: "redisops-exporter",
  severity: "page",
  nature: "cause",
  origin:
    "Detection ends in an alert to on-call. Nearly all alerts rest on what the exporter measures, and without its series each of them is silent as if all were well.",
  signal: {
    kind: "promql",
    value: 'max by (job) (up{job="redisops"}) == 0 or absent(up{job="redisops"})',
    by: [],
    reason: "Only Prometheus knows whether the exporter is scraped.",
  },
  thresholds: {
    for: {
      value: "2m",
      unit: "duration",
      reason:
        "A restart takes seconds and a rollout of both exporters, one after the other, leaves one up. Two scrapes a minute apart may get lost before this holds long enough.",
    },
  },
  summary: "The redisops exporter is not being scraped: all other alerts are blind",
  description:
    "Prometheus gets no answer from the job “redisops”, or does not know it at all. No degradation of any Redis role would be noticed now.",
  userImpact: "None by itself. A Redis that fails now is noticed by its users first.",
  containment:
    "The applications’ fallbacks work without the exporter. Alerts that read the applications’ own counters go on: the budget of degraded decisions, and the load that is shed.",
  aggravators: [
    "Silencing this alert: it is the only sign that the others cannot fire.",
    "Closing tickets that resolved by themselves in these minutes: their series ended, not their causes.",
    "A liveness probe on /metrics: a Redis that hangs makes each scrape as long as its deadline, and the supervisor kills the exporter just then. /-/healthy is for that.",
  ],
  normal: 'up{job="redisops"} is 1 for every exporter.',
  frequency:
    "When the exporter’s host goes, when a new version refuses redisops.yaml or the web configuration at its start (exit code 64 or 78), when the scrape job was renamed.",
  prevention:
    "Run two exporters on two hosts: this fires when both are gone. Keep the job’s name “redisops”, and let `redisops config check` judge every redisops.yaml before it is rolled out.",
  topologies: {},
  diagnosis: [
    {
      command: "redisops status",
      shows: ["registry  127.0.0.1:…  ok  …", "postgres  …  ok  …"],
      branches: [
        {
          observed: "a table with states",
          conclusion:
            "The platform can be seen from here: the exporter or its scrape is at fault. On the exporter’s host look at the process, its log and `curl -i http://127.0.0.1:9910/-/healthy`; then at the job “redisops” on the targets page of Prometheus, which shows why the scrape failed.",
        },
        {
          observed: "a table with states other than “ok”",
          conclusion: "Redis fails at the same time and nobody was paged for it. Follow those pages first.",
        },
        {
          observed: "CONFIG_INVALID or SECRET_UNRESOLVED",
          conclusion:
            "The exporter could not start with this configuration either. Mend what the message names.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason: "Starting a process belongs to whatever supervises it.",
    instead:
      "Start redisops exporter. If it runs, mend the scrape: its address, TLS, user and password in Prometheus, and the name of the job.",
    proof: 'up{job="redisops"} is 1.',
    within: "one scrape",
    rollback:
      "If a new redisops.yaml or a new version is at fault, put the one before back and start it with that.",
    whenItFails:
      "Run redisops exporter by hand on any machine that reaches the platform, and point the scrape job there. Until then look at redisops status every few minutes.",
  },
  drill: { kind: "lab", inject: ["kill --role exporter"] },
  inhibits: [],
  panels: ["exporter-up", "probe-success", "probe-duration"],
  scenarios: [
    {
      name: "both exporters stop and are started again",
      faults: [
        episode("up", exporter("exporter-1:9910"), 1, 0),
        episode("up", exporter("exporter-2:9910"), 1, 0),
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "4m", firing: [] },
        { at: "6m", firing: ["ExporterDown"] },
        { at: "12m", firing: [] },
      ],
    },
    {
      name: "one of two exporters stops",
      faults: [episode("up", exporter("exporter-1:9910"), 1, 0)],
      expect: [{ at: "9m", firing: [] }],
    },
    {
      name: "the scrape job disappears from Prometheus",
      faults: [
        episode("up", exporter("exporter-1:9910"), 1, "stale"),
        episode("up", exporter("exporter-2:9910"), 1, "stale"),
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "9m", firing: ["ExporterDown"] },
      ],
    },
  ],
  example: {
    labels: { job: "redisops" },
    summary: "The redisops exporter is not being scraped: all other alerts are blind",
    description:
      "Prometheus gets no answer from the job “redisops”, or does not know it at all. No degradation of any Redis role would be noticed now.",
  },
};
