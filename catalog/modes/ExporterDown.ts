import { episode } from "../episode.ts";
import type { DegradationMode } from "../mode.ts";

const exporter = (instance: string) => ({ job: "redisops", instance });

export const ExporterDown: DegradationMode = {
  id: "ExporterDown",
  title: "The redisops exporter is not being scraped",
  role: "self",
  severity: "page",
  nature: "cause",
  origin:
    "On-call is alerted by what the exporter measures; without it every other alert of this catalog is silent.",
  signal: {
    kind: "promql",
    expression: 'max by (job) (up{job="redisops"}) == 0 or absent(up{job="redisops"})',
    reason: "Only Prometheus knows whether the exporter is scraped.",
  },
  thresholds: {
    for: {
      value: "2m",
      unit: "duration",
      reason: "A restart or a rollout of the exporter takes less.",
    },
  },
  summary: "The redisops exporter is not being scraped: all other alerts are blind",
  description:
    "Prometheus gets no answer from the job “redisops”, or does not know it at all. No degradation of any Redis role would be noticed now.",
  userImpact: "None by itself; a Redis failure would go unnoticed.",
  containment: "The applications contain Redis failures without the exporter.",
  aggravators: ["Silencing this alert: it is the only sign that the others cannot fire."],
  normal: 'up{job="redisops"} is 1.',
  frequency: "When the exporter’s host or its scrape configuration is changed.",
  prevention:
    "Run two exporters (this alert then fires when both are gone), and keep the job’s name “redisops”.",
  diagnosis: [
    {
      command: "redisops status",
      branches: [
        {
          observed: "a table with states",
          conclusion:
            "The platform can be seen from here; the exporter process or its scrape is at fault. Check that it runs and that Prometheus reaches its port.",
        },
        {
          observed: "CONFIG_INVALID or SECRET_UNRESOLVED",
          conclusion: "The exporter could not start with this configuration. Mend what the message names.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason: "Starting a process belongs to whatever supervises it.",
    instead: "Start redisops exporter, and check the job “redisops” on the targets page of Prometheus.",
    proof: 'up{job="redisops"} is 1.',
    within: "one scrape",
    rollback: "Nothing was changed by redisops.",
    whenItFails: "Watch with redisops status from any machine that reaches the platform.",
  },
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
