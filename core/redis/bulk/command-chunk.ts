/** A word of a command; numbers are sent in decimal digits. */
export type Word = string | Buffer | number;

const CHUNK_BYTES = 65_536;

/** Commands in RESP, one after the other in chunks that a socket takes whole: a write for each would cost more. */
export class CommandChunk {
  readonly #write: (bytes: Buffer) => void;
  #chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #used = 0;

  constructor(write: (bytes: Buffer) => void) {
    this.#write = write;
  }

  get isEmpty(): boolean {
    return this.#used === 0;
  }

  /** Adds a command, by its words or in RESP already. Answers its bytes. */
  add(words: readonly Word[] | Buffer): number {
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
    this.#write(this.#chunk.subarray(0, this.#used));
    const rest = this.#chunk.subarray(this.#used);
    this.#chunk = rest.length >= 4096 ? rest : Buffer.allocUnsafeSlow(CHUNK_BYTES);
    this.#used = 0;
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
