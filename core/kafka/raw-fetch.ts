import type { BaseOptions, ConnectionPool, Reader } from "@platformatic/kafka";
import { kafkaLibrary } from "./client-library.ts";

const EMPTY = Buffer.alloc(0);

/**
 * Connections for the client's fetches, whose answers it does not take apart into an object per record: that would cost
 * more than anything else that is done with most records. The client does the rest as ever: finds the leader, logs in,
 * tries again, reads what stands around the records.
 */
export class RawFetches {
  readonly pool: ConnectionPool;
  readonly #records = new WeakMap<object, Buffer>();
  readonly #reuses: boolean;
  #memory = EMPTY;

  /** `reuses`: the bytes of an answer serve for the next one, so that nothing has to be collected. */
  constructor(options: BaseOptions, reuses: boolean) {
    const { ConnectionPool, fetchV17 } = kafkaLibrary();
    this.#reuses = reuses;
    this.pool = new ConnectionPool(options.clientId, options);
    this.pool.on("connecting", ({ connection }) => {
      const send = connection.send.bind(connection);
      connection.send = (apiKey, apiVersion, createPayload, parse, ...rest) => {
        if (apiKey !== fetchV17.api.key) return send(apiKey, apiVersion, createPayload, parse, ...rest);
        send(apiKey, apiVersion, createPayload, (...answer) => this.#parse(parse, answer), ...rest);
      };
    });
  }

  /** The batches of an answer, in the format of Kafka's log, by what the client made of a partition in it. */
  recordsOf(partition: object): Buffer {
    return this.#records.get(partition) ?? EMPTY;
  }

  /** The client cuts the records out of the answer to take them apart, and is given nothing; it cuts out nothing else. */
  #parse<T>(
    parse: (correlationId: number, apiKey: number, apiVersion: number, reader: Reader) => T,
    [correlationId, apiKey, apiVersion, reader]: [number, number, number, Reader],
  ): T {
    const { buffer } = reader;
    let records: Buffer | null = null;
    // Up to version 11.
    const readNullableBytes = reader.readNullableBytes.bind(reader);
    reader.readNullableBytes = (compact) => {
      records = readNullableBytes(compact);
      return records && EMPTY;
    };
    // From version 12 on.
    const subarray = buffer.subarray.bind(buffer);
    buffer.subarray = (start, end) => {
      records = this.#copy(buffer, start ?? 0, end ?? buffer.length);
      return subarray(0, 0);
    };
    const response = parse(correlationId, apiKey, apiVersion, reader);
    const [partition] = partitionsOf(response);
    if (partition !== undefined && records !== null) this.#records.set(partition, records);
    return response;
  }

  #copy(pieces: Pieces, start: number, end: number): Buffer {
    if (!this.#reuses) return pieces.slice(start, end);
    if (this.#memory.length < end - start) this.#memory = Buffer.allocUnsafeSlow(end - start);
    let at = 0;
    let before = 0;
    for (const piece of pieces.buffers) {
      const from = Math.max(0, start - before);
      const to = Math.min(piece.length, end - before);
      if (from < to) at += piece.copy(this.#memory, at, from, to);
      before += piece.length;
    }
    return this.#memory.subarray(0, at);
  }
}

/** What the bytes of an answer came in. */
interface Pieces {
  readonly buffers: readonly Buffer[];
  slice(start: number, end: number): Buffer;
}

interface FetchAnswer {
  readonly responses: readonly { readonly partitions: readonly object[] }[];
}

/** The partitions of an answer: the one that was asked for. */
function partitionsOf(response: unknown): readonly object[] {
  return (response as FetchAnswer).responses.flatMap(({ partitions }) => partitions);
}
