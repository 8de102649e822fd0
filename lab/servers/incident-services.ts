import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";
import type { Workspace } from "../workspace.ts";
import { BodyTooLargeError, readBody, startLoopbackHttp } from "./loopback-http.ts";

/** An event as PagerDuty’s Events API v2 documents it. */
const pagerDutyEvent = z.looseObject({
  routing_key: z.string().length(32),
  event_action: z.enum(["trigger", "acknowledge", "resolve"]),
  dedup_key: z.string().min(1).max(255),
  payload: z.looseObject({
    summary: z.string().min(1).max(1024),
    source: z.string().min(1),
    severity: z.enum(["critical", "error", "warning", "info"]),
    component: z.string().optional(),
    group: z.string().optional(),
    class: z.string().optional(),
    custom_details: z.record(z.string(), z.unknown()).optional(),
  }),
  client: z.string().optional(),
  client_url: z.url().optional(),
  links: z.array(z.looseObject({ href: z.url(), text: z.string().optional() })).optional(),
});

export type PagerDutyEvent = z.infer<typeof pagerDutyEvent>;

/** A message as Slack’s incoming webhooks take it. */
const slackMessage = z.looseObject({
  channel: z.string().optional(),
  attachments: z
    .array(
      z.looseObject({
        title: z.string(),
        title_link: z.url(),
        text: z.string().min(1),
        fallback: z.string().min(1),
        color: z.string(),
        footer: z.string(),
        mrkdwn_in: z.array(z.string()),
      }),
    )
    .min(1),
});

export type SlackMessage = z.infer<typeof slackMessage>;

/** Doubles of PagerDuty’s Events API v2 and of a Slack webhook inside this process. */
export interface IncidentServices {
  /** For `alerting.receivers.*.pagerduty.url`. */
  readonly pagerDutyUrl: string;
  /** The routing key that PagerDuty knows; another one is refused. */
  readonly routingKey: string;
  /** What PagerDuty accepted, oldest first. */
  readonly events: readonly PagerDutyEvent[];
  /** For `alerting.receivers.*.slack.api_url`, a secret; another path is refused. */
  readonly slackUrl: string;
  /** What Slack accepted, oldest first. */
  readonly messages: readonly SlackMessage[];
  /** What either of them refused, with why. */
  readonly refused: readonly string[];
  stop(): Promise<void>;
}

/** Requests that are kept at most. */
const limit = 1000;

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const json = (status: number, body: object): Answer => ({
  status,
  type: "application/json",
  body: JSON.stringify(body),
});

const text = (status: number, body: string): Answer => ({ status, type: "text/plain", body });

/** Starts the doubles as a member of the workspace. */
export async function startIncidentServices(workspace: Workspace): Promise<IncidentServices> {
  const routingKey = "0123456789abcdef0123456789abcdef";
  const slackPath = "/services/T0000/B0000/webhook-of-the-lab";
  const events: PagerDutyEvent[] = [];
  const messages: SlackMessage[] = [];
  const refused: string[] = [];
  const keep = <Item>(items: Item[], item: Item) => {
    items.push(item);
    if (items.length > limit) items.shift();
  };

  const pagerDuty = (body: unknown): Answer => {
    const event = pagerDutyEvent.safeParse(body);
    const known = event.success && event.data.routing_key === routingKey;
    if (!event.success || !known) {
      const errors = event.success
        ? ["routing_key belongs to no service"]
        : event.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
      keep(refused, `PagerDuty: ${errors.join("; ")}`);
      return json(400, { status: "invalid event", message: "Event object is invalid", errors });
    }
    keep(events, event.data);
    return json(202, {
      status: "success",
      message: "Event processed",
      dedup_key: event.data.dedup_key,
    });
  };

  const slack = (body: unknown): Answer => {
    const message = slackMessage.safeParse(body);
    if (!message.success) {
      keep(refused, `Slack: ${z.prettifyError(message.error)}`);
      return text(400, "invalid_payload");
    }
    keep(messages, message.data);
    return text(200, "ok");
  };

  const answer = async (request: IncomingMessage): Promise<Answer> => {
    if (request.method !== "POST") return text(405, "method_not_allowed");
    let body: unknown;
    try {
      body = JSON.parse(await readBody(request));
    } catch (error) {
      if (error instanceof BodyTooLargeError) return text(413, "too_large");
      return text(400, "invalid_payload");
    }
    if (request.url === "/v2/enqueue") return pagerDuty(body);
    if (request.url === slackPath) return slack(body);
    return text(404, "no_service");
  };

  const respond = (response: ServerResponse, { status, type, body }: Answer) =>
    response.writeHead(status, { "Content-Type": type }).end(body);

  const http = await startLoopbackHttp(workspace, "incident services", (request, response) => {
    answer(request).then(
      (given) => respond(response, given),
      (error: unknown) => respond(response, text(500, String(error))),
    );
  });
  return {
    pagerDutyUrl: `${http.url}/v2/enqueue`,
    routingKey,
    events,
    slackUrl: `${http.url}${slackPath}`,
    messages,
    refused,
    stop: () => http.stop(),
  };
}
