import type { DeliveryConfig } from "../../../core/config/recovery-section.ts";
import { RedisopsError, toRedisopsError } from "../../../core/errors.ts";
import { type BulkWriter, openBulkWriter } from "../../../core/redis/bulk/bulk-writer.ts";
import type { Addressed, Delivered, Delivery, Outcome } from "./delivery.ts";
import { XaddEncoder } from "./xadd-encoder.ts";

type StreamConfig = Extract<DeliveryConfig, { kind: "redis_stream" }>;

const destination = "stream";
/** Commands after which the window is looked at. */
const roomEvery = 256;

/** Adds messages to Redis streams, each as one entry with its ids, so that a reader recognises what it was given before. */
export class StreamDelivery implements Delivery {
  readonly target: string;
  readonly single = true;
  readonly #config: StreamConfig;
  readonly #keyParts: readonly string[];
  readonly #deadlineMs: number;
  readonly #encoder = new XaddEncoder();
  #writer: BulkWriter | undefined;

  constructor(config: StreamConfig, deadlineMs: number) {
    this.#config = config;
    this.#keyParts = config.stream.split("{server_id}");
    this.#deadlineMs = deadlineMs;
    this.target = `streams of Redis at ${config.address}`;
  }

  destinationOf(): string {
    return destination;
  }

  async reach(): Promise<void> {
    const writer = await this.#connected();
    writer.send("", "PING");
    await writer.flush();
  }

  async deliver(batch: readonly Addressed[]): Promise<Delivered> {
    const outcomes: Outcome[] = batch.map(() => "unknown");
    try {
      const writer = await this.#connected();
      // One server answers in the order in which it was asked.
      let acknowledged = 0;
      const onReply = (): void => {
        outcomes[acknowledged++] = "acknowledged";
      };
      let sent = 0;
      for (const { serverId, message } of batch) {
        const key = this.#keyParts.join(serverId);
        writer.sendEncoded(key, this.#encoder.encode(key, message), onReply);
        if (sent++ % roomEvery === 0 || message.body.length > 8_192) await writer.room();
      }
      await writer.flush();
      return { outcomes, failures: new Map() };
    } catch (error) {
      this.#writer?.close();
      this.#writer = undefined;
      return { outcomes, failures: new Map([[destination, this.#failure(error)]]) };
    }
  }

  async close(): Promise<void> {
    this.#writer?.close();
    this.#writer = undefined;
  }

  async #connected(): Promise<BulkWriter> {
    const { kind: _kind, stream: _stream, ...access } = this.#config;
    try {
      this.#writer ??= await openBulkWriter(
        "registry",
        { topology: "standalone", ...access },
        { connect: this.#deadlineMs, command: this.#deadlineMs },
      );
      return this.#writer;
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** The bulk writer's errors speak of a role's Redis; this one is of no role. */
  #failure(error: unknown): RedisopsError {
    const { code, message, next } = toRedisopsError(error);
    return new RedisopsError(code, message.replaceAll("registry Redis at", "Redis of the streams at"), {
      target: this.target,
      next,
    });
  }
}
