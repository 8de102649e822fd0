const CR = 13;
const LF = 10;
const DOLLAR = 36;
const ZERO = 48;

/** A batch is full with so many ids: large enough to spare round trips, small enough not to hold up the server. */
const idsPerBatch = 500;
/** A batch is full with so many bytes. */
const bytesPerBatch = 65_536;
/** Ids up to this length are copied byte by byte: a call of its own would cost more. */
const shortId = 128;

/**
 * A `BF.INSERT key NOCREATE ITEMS id...` in Redis's protocol, made from the ids' bytes without a string or a buffer for
 * each. Unlike BF.MADD it does not create the filter: one that was lost is an error, not a small filter of the
 * module's own choice that begins empty.
 */
export class InsertBatch {
  readonly #key: Buffer;
  /** Bytes kept free for the command's beginning, which says how many ids follow. */
  readonly #reserved: number;
  #bytes: Buffer;
  #used: number;
  #ids = 0;

  constructor(key: string) {
    this.#key = Buffer.from(
      `\r\n$9\r\nBF.INSERT\r\n$${Buffer.byteLength(key)}\r\n${key}\r\n$8\r\nNOCREATE\r\n$5\r\nITEMS\r\n`,
    );
    this.#reserved = this.#key.length + 12;
    this.#bytes = Buffer.allocUnsafeSlow(this.#reserved + bytesPerBatch + 4096);
    this.#used = this.#reserved;
  }

  get ids(): number {
    return this.#ids;
  }

  get isFull(): boolean {
    return this.#ids >= idsPerBatch || this.#used - this.#reserved >= bytesPerBatch;
  }

  /** Adds the id `bytes[start, end)`; they may be reused at once. */
  add(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.#makeRoom(length + 24);
    const target = this.#bytes;
    let at = this.#used;
    target[at++] = DOLLAR;
    if (length < 10) {
      target[at++] = ZERO + length;
    } else if (length < 100) {
      target[at++] = ZERO + Math.floor(length / 10);
      target[at++] = ZERO + (length % 10);
    } else {
      at += target.write(String(length), at, "latin1");
    }
    target[at++] = CR;
    target[at++] = LF;
    if (length <= shortId) {
      for (let from = start; from < end; from++) target[at++] = bytes[from] ?? 0;
    } else {
      target.set(bytes.subarray(start, end), at);
      at += length;
    }
    target[at++] = CR;
    target[at++] = LF;
    this.#used = at;
    this.#ids++;
  }

  /** The whole command; its bytes are valid until {@link clear}. */
  command(): Buffer {
    // The command's name, the key and two words come before the ids.
    const count = Buffer.from(`*${this.#ids + 4}`);
    const start = this.#reserved - this.#key.length - count.length;
    count.copy(this.#bytes, start);
    this.#key.copy(this.#bytes, start + count.length);
    return this.#bytes.subarray(start, this.#used);
  }

  clear(): void {
    this.#used = this.#reserved;
    this.#ids = 0;
  }

  #makeRoom(bytes: number): void {
    if (this.#used + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow((this.#used + bytes) * 2);
    this.#bytes.copy(larger, 0, 0, this.#used);
    this.#bytes = larger;
  }
}
