import { createHash } from "node:crypto";
import { z } from "zod";
import type { DeliveryConfig } from "../../../core/config/recovery-section.ts";
import { messageOf, RedisopsError } from "../../../core/errors.ts";
import {
  type Addressed,
  boundedReason,
  type Delivered,
  type Delivery,
  idempotencyKey,
  type Outcome,
} from "./delivery.ts";

type HttpConfig = Extract<DeliveryConfig, { kind: "http" }>;

const placeholder = "{server_id}";
/** What a server id may be where it is the URL's host: anything else could lead somewhere else. */
const hostAndPort = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;
/** Longest answer that is read, in bytes, for each message of the batch. */
const answerBytes = 1_024;

const answer = z.object({
  results: z.array(
    z.union([z.enum(["acknowledged", "offline", "skipped"]), z.object({ refused: z.string() })]),
  ),
});

/** The batch as a whole is not taken, whatever becomes of its parts. */
class BatchRefused extends Error {}

/** Where a server id's batches go; undefined when the id cannot be part of the URL. */
function endpointOf(template: string, serverId: string): URL | undefined {
  const authority = /^https?:\/\/[^/?#]*/i.exec(template)?.[0] ?? "";
  if (authority.includes(placeholder) && !hostAndPort.test(serverId)) return undefined;
  const text =
    authority.replaceAll(placeholder, serverId) +
    template.slice(authority.length).replaceAll(placeholder, encodeURIComponent(serverId));
  return URL.parse(text) ?? undefined;
}

/** Posts a batch to each connection server's endpoint; docs/recover-pending.md documents the protocol. */
export class HttpDelivery implements Delivery {
  readonly target: string;
  readonly single = false;
  readonly #config: HttpConfig;
  readonly #deadlineMs: number;

  constructor(config: HttpConfig, deadlineMs: number) {
    this.#config = config;
    this.#deadlineMs = deadlineMs;
    this.target = `endpoint ${config.url}`;
  }

  destinationOf(serverId: string): string {
    return serverId;
  }

  /** With an endpoint for each server there is none to try before it is known who is connected where. */
  async reach(): Promise<void> {
    if (this.#config.url.includes(placeholder)) return;
    const outcome = await this.#post(this.#config.url, { version: 1, server_id: "", messages: [] }, "", 0);
    if (outcome instanceof RedisopsError) throw outcome;
  }

  async deliver(batch: readonly Addressed[]): Promise<Delivered> {
    const byServer = Map.groupBy(batch.keys(), (index) => batch[index]?.serverId ?? "");
    const outcomes: Outcome[] = batch.map(() => "unknown");
    const failures = new Map<string, RedisopsError>();
    await Promise.all(
      [...byServer].map(async ([serverId, indexes]) => {
        const messages = indexes.flatMap((index) => batch[index] ?? []);
        const { own, failure } = await this.#toServer(
          serverId,
          messages,
          performance.now() + this.#deadlineMs,
        );
        for (const [place, index] of indexes.entries()) outcomes[index] = own[place] ?? "unknown";
        if (failure !== undefined) failures.set(serverId, failure);
      }),
    );
    return { outcomes, failures };
  }

  async close(): Promise<void> {}

  async #toServer(
    serverId: string,
    batch: readonly Addressed[],
    end: number,
  ): Promise<{ own: Outcome[]; failure?: RedisopsError }> {
    const unknown = (): Outcome[] => batch.map(() => "unknown");
    const url = endpointOf(this.#config.url, serverId);
    if (url === undefined) {
      const failure = this.#failed("the registry names a connection server that cannot be part of the URL");
      return { own: unknown(), failure };
    }
    const keys = batch.map(({ message }) => idempotencyKey(message));
    const body = {
      version: 1,
      server_id: serverId,
      messages: batch.map(({ message }, index) => ({
        idempotency_key: keys[index],
        message_id: message.messageId,
        user_id: message.userId,
        conversation_id: message.conversationId,
        body: message.body,
      })),
    };
    const digest = createHash("sha256").update(keys.join("\n")).digest("base64url");
    const results = await this.#post(url, body, digest, batch.length, end);
    if (results instanceof RedisopsError) return { own: unknown(), failure: results };
    if (!(results instanceof BatchRefused)) {
      return {
        own: results.map((result, index) => boundedOutcome(result, batch[index]?.message.body ?? "")),
      };
    }
    if (batch.length === 1) return { own: [{ refused: results.message }] };
    // One of them is what the endpoint does not take: the halves tell which, the first before the second.
    const half = batch.length >> 1;
    const first = await this.#toServer(serverId, batch.slice(0, half), end);
    if (first.failure !== undefined) {
      return {
        own: [...first.own, ...batch.slice(half).map((): Outcome => "unknown")],
        failure: first.failure,
      };
    }
    const stuck = new Set(
      batch
        .slice(0, half)
        .flatMap(({ message }, index) => (first.own[index] === "acknowledged" ? [] : [message.userId])),
    );
    const rest = batch.slice(half);
    const open = rest.filter(({ message }) => !stuck.has(message.userId));
    const second = open.length === 0 ? { own: [] } : await this.#toServer(serverId, open, end);
    const openOutcomes = second.own.values();
    const own = rest.map(
      ({ message }): Outcome =>
        stuck.has(message.userId) ? "untried" : (openOutcomes.next().value ?? "unknown"),
    );
    return {
      own: [...first.own, ...own],
      ...("failure" in second && second.failure !== undefined ? { failure: second.failure } : {}),
    };
  }

  async #post(
    url: URL | string,
    body: unknown,
    digest: string,
    count: number,
    end = performance.now() + this.#deadlineMs,
  ): Promise<z.output<typeof answer>["results"] | BatchRefused | RedisopsError> {
    try {
      const response = await fetch(url, {
        method: "POST",
        redirect: "error",
        signal: AbortSignal.timeout(Math.max(1, Math.ceil(end - performance.now()))),
        headers: {
          "Content-Type": "application/json",
          ...(digest === "" ? {} : { "Idempotency-Key": `"${digest}"` }),
          ...(this.#config.token === undefined
            ? {}
            : { Authorization: `Bearer ${this.#config.token.reveal()}` }),
        },
        body: JSON.stringify(body),
      });
      if (response.status === 400 || response.status === 413 || response.status === 422) {
        await response.body?.cancel();
        return new BatchRefused(`status ${response.status}`);
      }
      if (response.status !== 200) {
        await response.body?.cancel();
        return this.#failed(`status ${response.status}`);
      }
      const { results } = answer.parse(JSON.parse(await boundedText(response, (count + 1) * answerBytes)));
      if (results.length !== count) return this.#failed("the answer has not one result for each message");
      return results;
    } catch (error) {
      if (error instanceof RedisopsError) return error;
      if (error instanceof Error && error.name === "TimeoutError")
        return this.#failed("no answer before the deadline");
      if (error instanceof z.ZodError || error instanceof SyntaxError)
        return this.#failed("the answer is not that of the protocol");
      // fetch itself only says that it failed; its cause says why.
      return this.#failed(messageOf(error instanceof TypeError ? (error.cause ?? error) : error));
    }
  }

  #failed(why: string): RedisopsError {
    return new RedisopsError("DELIVERY_FAILED", `The ${this.target} did not take messages: ${why}`, {
      target: this.target,
    });
  }
}

type Result = z.output<typeof answer>["results"][number];

function boundedOutcome(result: Result, body: string): Outcome {
  if (result === "skipped") return "untried";
  return typeof result === "string" ? result : { refused: boundedReason(result.refused, body) };
}

/** The answer's text. Throws an Error when it is longer than the bound. */
async function boundedText(response: Response, bound: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > bound) throw new Error("the answer is too long");
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
