import { episode } from "../episode.ts";
import type { DegradationMode } from "../mode.ts";

const exporter = (instance: string) => ({ job: "redisops", instance });

/** Each scrapes everything. */
const alike = [exporter("exporter-1:9910"), exporter("exporter-2:9910")];

/** Targets of a service discovery that two exporters share between them. */
const shares = [
  { ...exporter("exporter-1:9910"), role: "registry" },
  { ...exporter("exporter-2:9910"), role: "postgres" },
];

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
    // Where each role is a target of its own, as docs/exporter.md has it, and exporters share them, all must be scraped.
    value: 'min by (job) (max by (job, role) (up{job="redisops"})) == 0 or absent(up{job="redisops"})',
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
  summary: "The redisops exporter is not being scraped: other alerts are blind",
  description:
    "Prometheus gets no answer from the job “redisops”, or does not know it at all; where exporters share the roles between them, none for at least one role. No degradation there would be noticed now.",
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
    "Run two exporters on two hosts, each scraped for everything: this fires when both are gone. Exporters that share the roles are no spares for one another. Keep the job’s name “redisops”, and let `redisops config check` judge every redisops.yaml before it is rolled out.",
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
      faults: alike.map((labels) => episode("up", labels, 1, 0)),
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
      name: "of two exporters that share the roles between them one stops",
      faults: shares.slice(0, 1).map((labels) => episode("up", labels, 1, 0)),
      expect: [
        { at: "2m", firing: [] },
        { at: "6m", firing: ["ExporterDown"] },
        { at: "12m", firing: [] },
      ],
    },
    {
      name: "the scrape job disappears from Prometheus",
      faults: [...alike, ...shares].map((labels) => episode("up", labels, 1, "stale")),
      expect: [
        { at: "2m", firing: [] },
        { at: "9m", firing: ["ExporterDown"] },
      ],
    },
  ],
  example: {
    labels: { job: "redisops" },
    summary: "The redisops exporter is not being scraped: other alerts are blind",
    description:
      "Prometheus gets no answer from the job “redisops”, or does not know it at all; where exporters share the roles between them, none for at least one role. No degradation there would be noticed now.",
  },
};
