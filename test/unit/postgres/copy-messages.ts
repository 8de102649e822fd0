/** The bytes a server sends during COPY TO STDOUT (FORMAT binary), for tests: what comes before the first row. */
export const copyHeader = Buffer.concat([Buffer.from("PGCOPY\n\xff\r\n\0", "latin1"), Buffer.alloc(8)]);

/** What comes after the last row. */
export const copyTrailer = Buffer.from([0xff, 0xff]);

/** One row of one column; null for NULL. */
export function copyRow(id: Uint8Array | string | null): Buffer {
  if (id === null) return Buffer.from([0, 1, 0xff, 0xff, 0xff, 0xff]);
  const bytes = Buffer.from(id);
  const head = Buffer.from([0, 1, 0, 0, 0, 0]);
  head.writeUInt32BE(bytes.length, 2);
  return Buffer.concat([head, bytes]);
}

/** One protocol message. */
export function message(type: string, payload: Uint8Array | string = ""): Buffer {
  const bytes = Buffer.from(payload);
  const head = Buffer.from(`${type}\0\0\0\0`, "latin1");
  head.writeUInt32BE(bytes.length + 4, 1);
  return Buffer.concat([head, bytes]);
}

/** The same bytes in pieces of `size`. */
export function pieces(bytes: Buffer, size: number): Buffer[] {
  const result: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) result.push(bytes.subarray(at, at + size));
  return result;
}
