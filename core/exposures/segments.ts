import { type FileHandle, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Exposure, maxLineBytes, parseExposure, segmentSuffix } from "./exposure.ts";

/** Exposures handed out at once; bounds memory and statements. */
const batchSize = 500;

/** Bytes read at once. */
const chunkBytes = 65_536;

/** Some exposures of a file. */
export interface ExposureBatch {
  readonly exposures: readonly Exposure[];
  /** Lines among them that could not be read: torn by the end of a process, or not written by redisops. */
  readonly damaged: number;
}

/** The paths of a folder's recorded exposures, the oldest first. Rejects with the system's error. */
export async function segmentPaths(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names
    .filter((name) => name.endsWith(segmentSuffix))
    .toSorted()
    .map((name) => join(folder, name));
}

/** Opens a file of recorded exposures; undefined when it is gone, because it was moved to Postgres meanwhile. */
export async function openSegment(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Reads an open file from its beginning, batch by batch; its owner closes it. */
export async function* readSegment(file: FileHandle): AsyncGenerator<ExposureBatch> {
  let batch: Exposure[] = [];
  let damaged = 0;
  for await (const line of linesOf(file)) {
    const exposure = line === undefined ? undefined : parseExposure(line);
    if (exposure === undefined) damaged += 1;
    else batch.push(exposure);
    if (batch.length < batchSize) continue;
    yield { exposures: batch, damaged };
    batch = [];
    damaged = 0;
  }
  if (batch.length > 0 || damaged > 0) yield { exposures: batch, damaged };
}

/** The lines of a file; undefined for one that is too long. */
async function* linesOf(file: FileHandle): AsyncGenerator<string | undefined> {
  const chunk = Buffer.alloc(chunkBytes);
  let rest = Buffer.alloc(0);
  let overlong = false;
  let position = 0;
  for (;;) {
    const { bytesRead } = await file.read(chunk, 0, chunkBytes, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    let bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10)) {
      if (overlong) yield undefined;
      else if (end > 0) yield bytes.toString("utf8", 0, end);
      overlong = false;
      bytes = bytes.subarray(end + 1);
    }
    if (bytes.length > maxLineBytes) overlong = true;
    rest = overlong ? Buffer.alloc(0) : bytes;
  }
  if (overlong) yield undefined;
  else if (rest.length > 0) yield rest.toString("utf8");
}
