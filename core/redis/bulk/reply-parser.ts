/** An error that the server answered with. */
export class ReplyError extends Error {
  override readonly name = "ReplyError";
}

/** What a server answers in RESP2: a status is a string, a bulk string a Buffer. */
export type Reply = string | Buffer | number | null | ReplyError | readonly Reply[];

const CR = 13;
const COLON = 58;
const PLUS = 43;
const MINUS = 45;
const DOLLAR = 36;
const STAR = 42;
const ZERO = 48;

const nothing = Buffer.alloc(0);

/** Reads replies out of a stream of bytes, however it is cut. */
export class ReplyParser {
  readonly #onReply: (reply: Reply) => void;
  #bytes: Buffer = nothing;
  #at = 0;
  /** Bytes without which the reply that is under way cannot be whole: it is not looked at again before. */
  #needed = 0;

  constructor(onReply: (reply: Reply) => void) {
    this.#onReply = onReply;
  }

  /** Takes the next bytes. Throws an Error when they are not RESP2. */
  push(bytes: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    if (this.#bytes.length < this.#needed) return;
    this.#needed = 0;
    let done = 0;
    this.#at = 0;
    while (this.#at < this.#bytes.length) {
      const reply = this.#next();
      if (reply === undefined) break;
      done = this.#at;
      this.#onReply(reply);
    }
    this.#bytes = done === this.#bytes.length ? nothing : this.#bytes.subarray(done);
    if (this.#needed > 0) this.#needed -= done;
  }

  /** The next reply; undefined when it is not whole yet. */
  #next(): Reply | undefined {
    const type = this.#bytes[this.#at];
    const end = this.#bytes.indexOf(CR, this.#at);
    // The line feed has to be there as well.
    if (end === -1 || end + 1 >= this.#bytes.length) return undefined;
    const start = this.#at + 1;
    this.#at = end + 2;
    switch (type) {
      case PLUS:
        return this.#bytes.toString("latin1", start, end);
      case COLON:
        return this.#integer(start, end);
      case MINUS:
        return new ReplyError(this.#bytes.toString("utf8", start, end));
      case DOLLAR:
        return this.#bulk(this.#integer(start, end));
      case STAR:
        return this.#array(this.#integer(start, end));
      default:
        throw new Error("the answer is not in Redis's protocol");
    }
  }

  #integer(start: number, end: number): number {
    const negative = this.#bytes[start] === MINUS;
    let value = 0;
    for (let at = negative ? start + 1 : start; at < end; at++) {
      value = value * 10 + (this.#bytes[at] ?? ZERO) - ZERO;
    }
    return negative ? -value : value;
  }

  /** An integer of one digit, which lists of thousands consist of; -1 where something else comes, or it is not whole yet. */
  #oneDigit(): number {
    const at = this.#at;
    const bytes = this.#bytes;
    if (at + 4 > bytes.length || bytes[at] !== COLON || bytes[at + 2] !== CR) return -1;
    this.#at = at + 4;
    return (bytes[at + 1] ?? ZERO) - ZERO;
  }

  #bulk(length: number): Buffer | null | undefined {
    if (length < 0) return null;
    const start = this.#at;
    if (start + length + 2 > this.#bytes.length) {
      this.#needed = start + length + 2;
      return undefined;
    }
    this.#at = start + length + 2;
    // A copy: the caller may keep it, and must not keep all that came with it.
    const copy = Buffer.allocUnsafe(length);
    this.#bytes.copy(copy, 0, start, start + length);
    return copy;
  }

  #array(length: number): readonly Reply[] | null | undefined {
    if (length < 0) return null;
    const replies: Reply[] = [];
    for (let n = 0; n < length; n++) {
      const digit = this.#oneDigit();
      if (digit >= 0) {
        replies.push(digit);
        continue;
      }
      const reply = this.#at < this.#bytes.length ? this.#next() : undefined;
      if (reply === undefined) return undefined;
      replies.push(reply);
    }
    return replies;
  }
}
