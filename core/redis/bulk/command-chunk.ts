/** A word of a command; numbers are sent in decimal digits. */
export type Word = string | Buffer | number;

const CHUNK_BYTES = 65_536;
/** Chunks that are kept to be used again, at most. */
const KEPT = 16;

/** Commands in RESP, one after the other in chunks that a socket takes whole: a write for each would cost more. */
export class CommandChunk {
  readonly #write: (bytes: Buffer, onWritten?: () => void) => void;
  readonly #free: Buffer[] = [];
  #chunk: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #used = 0;

  /** `write` calls back when the bytes are written: their memory then serves for the next ones. */
  constructor(write: (bytes: Buffer, onWritten?: () => void) => void) {
    this.#write = write;
  }

  get isEmpty(): boolean {
    return this.#used === 0;
  }

  /** Adds a command, by its words or in RESP already. Answers its bytes. */
  add(words: readonly Word[] | Buffer | string): number {
    if (typeof words === "string") return this.#addText(words);
    if (Buffer.isBuffer(words)) return this.#addBytes(words);
    let text = `*${words.length}\r\n`;
    let bytes = 0;
    for (const word of words) {
      if (typeof word === "object") {
        bytes += this.#addText(`${text}$${word.length}\r\n`) + this.#addBytes(word);
        text = "\r\n";
      } else {
        const part = typeof word === "number" ? String(word) : word;
        text += `$${Buffer.byteLength(part)}\r\n${part}\r\n`;
      }
    }
    return bytes + this.#addText(text);
  }

  /** Hands over what is there. */
  flush(): void {
    if (this.#used === 0) return;
    // What is left of a chunk serves for the next commands: a socket that is read at once is given many small ones.
    const bytes = this.#chunk.subarray(0, this.#used);
    const rest = this.#chunk.subarray(this.#used);
    this.#used = 0;
    if (rest.length >= 4096) {
      this.#chunk = rest;
      this.#write(bytes);
      return;
    }
    // What was written of it before goes first.
    const { buffer } = this.#chunk;
    this.#chunk = this.#newChunk();
    this.#write(bytes, () => {
      if (buffer.byteLength === CHUNK_BYTES && this.#free.length < KEPT) this.#free.push(Buffer.from(buffer));
    });
  }

  #newChunk(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  }

  #addText(text: string): number {
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    this.#makeRoom(text.length * 3);
    const written = this.#chunk.write(text, this.#used, "utf8");
    this.#used += written;
    return written;
  }

  #addBytes(bytes: Buffer): number {
    this.#makeRoom(bytes.length);
    this.#used += bytes.copy(this.#chunk, this.#used);
    return bytes.length;
  }

  #makeRoom(bytes: number): void {
    if (this.#used + bytes <= this.#chunk.length) return;
    this.flush();
    if (bytes > this.#chunk.length) this.#chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, bytes));
  }
}
