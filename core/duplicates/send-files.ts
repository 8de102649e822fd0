import { closeSync, openSync, readSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";

/** Files that sends are spread over by their id's hash, each time that they are. */
const fanOut = 64;
const bitsOfLevel = 6;
/** The hash has bits for so many levels. */
const deepest = 4;
/** Bytes that wait for being written, of each file. */
const bufferBytes = 65_536;
/** A file of so many bytes is looked through in memory, unless told otherwise; a larger one is spread once more. */
const standardFileBytes = 8 * 2 ** 20;
/** Bytes that are read at once. */
const chunkBytes = 2 ** 20;
/** Bytes of a send beside its id: the time, and the id's length. */
const headBytes = 12;

/** Sends that are spread over files by id, so that all of one id are in the same file. */
export class SendFiles {
  readonly #folder: string;
  readonly #maxFileBytes: number;
  readonly #level: number;
  readonly #files: {
    readonly name: string;
    readonly path: string;
    fd: number;
    waiting: Buffer[];
    bytes: number;
  }[];

  /** The files are created in the folder when they are needed. Throws the system's error. */
  constructor(folder: string, maxFileBytes = standardFileBytes, name = "sends", level = 0) {
    this.#folder = folder;
    this.#maxFileBytes = maxFileBytes;
    this.#level = level;
    this.#files = Array.from({ length: fanOut }, (_, index) => ({
      name: `${name}-${index}`,
      path: join(folder, `${name}-${index}`),
      fd: -1,
      waiting: [],
      bytes: 0,
    }));
  }

  /** Adds a send; the time is in milliseconds since 1970. */
  add(id: Buffer, at: number): void {
    const file = this.#files[(crc32(id) >>> (this.#level * bitsOfLevel)) % fanOut];
    if (file === undefined) return;
    const send = Buffer.allocUnsafe(headBytes + id.length);
    send.writeDoubleLE(at, 0);
    send.writeUInt32LE(id.length, 8);
    id.copy(send, headBytes);
    file.waiting.push(send);
    file.bytes += send.length;
    if (file.bytes >= bufferBytes) write(file);
  }

  /** Hands out the sends, group by group: all of one id are in the same one. The files are gone afterwards. */
  *groups(): Generator<readonly [id: Buffer, at: number][]> {
    for (const file of this.#files) {
      write(file);
      if (file.fd === -1) continue;
      closeSync(file.fd);
      if (this.#level < deepest && statSync(file.path).size > this.#maxFileBytes) {
        const finer = new SendFiles(this.#folder, this.#maxFileBytes, file.name, this.#level + 1);
        for (const [id, at] of sendsOf(file.path)) finer.add(id, at);
        rmSync(file.path);
        yield* finer.groups();
      } else {
        yield [...sendsOf(file.path)];
        rmSync(file.path);
      }
    }
  }
}

function write(file: { readonly path: string; fd: number; waiting: Buffer[]; bytes: number }): void {
  if (file.waiting.length === 0) return;
  if (file.fd === -1) file.fd = openSync(file.path, "wx", 0o600);
  const bytes = Buffer.concat(file.waiting);
  for (let written = 0; written < bytes.length; ) written += writeSync(file.fd, bytes, written);
  file.waiting = [];
  file.bytes = 0;
}

function* sendsOf(path: string): Generator<[id: Buffer, at: number]> {
  const fd = openSync(path, "r");
  try {
    let rest = Buffer.alloc(0);
    for (;;) {
      const chunk = Buffer.allocUnsafe(chunkBytes);
      const read = readSync(fd, chunk);
      if (read === 0) return;
      const bytes =
        rest.length === 0 ? chunk.subarray(0, read) : Buffer.concat([rest, chunk.subarray(0, read)]);
      let at = 0;
      for (let end = endOf(bytes, at); end <= bytes.length; end = endOf(bytes, at)) {
        yield [bytes.subarray(at + headBytes, end), bytes.readDoubleLE(at)];
        at = end;
      }
      rest = bytes.subarray(at);
    }
  } finally {
    closeSync(fd);
  }
}

/** Where the send that begins at a place ends; beyond the bytes where they do not hold all of it. */
function endOf(bytes: Buffer, at: number): number {
  if (at + headBytes > bytes.length) return Number.POSITIVE_INFINITY;
  return at + headBytes + bytes.readUInt32LE(at + 8);
}
