import { z } from "zod";
import { httpUrl, positiveDuration, secret } from "./fields.ts";

const webhook = () => secret().describe("Reference to the webhook's URL, which is a secret as a rule.");

const pagerduty = z
  .strictObject({
    routing_key: secret().describe("Reference to the integration key of the Events API v2."),
    url: httpUrl()
      .default("https://events.pagerduty.com/v2/enqueue")
      .describe(
        "Where events are sent; https://events.eu.pagerduty.com/v2/enqueue in PagerDuty's European region.",
      ),
  })
  .optional()
  .describe("A PagerDuty service: one incident for each role, which closes when all is over.");

const slack = z
  .strictObject({
    api_url: secret().describe("Reference to the URL of an incoming webhook."),
    channel: z
      .string()
      .regex(/^[#@]?[\p{L}\p{N}_.-]{1,80}$/u, "expected a channel such as #on-call")
      .optional()
      .describe("Channel or user; the webhook's own when left out."),
  })
  .optional()
  .describe("A Slack channel: one message for each role, with the links and the command of every alert.");

const receiver = (purpose: string) =>
  z
    .strictObject({ webhook: webhook().optional(), pagerduty, slack })
    .refine((kinds) => Object.keys(kinds).length > 0, {
      message: "expected at least one of webhook, pagerduty, slack",
      when: ({ issues }) => issues.length === 0, // a misspelt kind is told as such
    })
    .optional()
    .describe(`${purpose} Several kinds at once are told the same.`);

/** The section `alerting` of redisops.yaml. */
export const alertingSection = z
  .strictObject({
    runbook_base_url: z
      .url({ protocol: /^(?:https?|file)$/ })
      .default("https://github.com/redisops/redisops/blob/main/runbooks")
      .describe("Where the runbook pages are published (http, https or file); the page's name is added."),
    dashboard_base_url: httpUrl()
      .default("http://localhost:3000")
      .describe("Address of Grafana, used for links."),
    receivers: z
      .strictObject({
        page: receiver("Where alerts go that wake somebody."),
        ticket: receiver("Where alerts go that wait for the morning."),
        watchdog: z
          .strictObject({ webhook: webhook() })
          .optional()
          .describe(
            "The dead man's switch that receives the heartbeat every minute and raises the alarm when it stops.",
          ),
      })
      .default({})
      .describe(
        "Receivers of the generated Alertmanager configuration. Their secrets are read when it is generated and stand in it, so it is written for its owner alone.",
      ),
    group_wait: positiveDuration()
      .default("10s")
      .describe("How long Alertmanager collects alerts before it notifies."),
  })
  .prefault({})
  .describe("What the generated alert rules and the Alertmanager configuration link to and notify.");
