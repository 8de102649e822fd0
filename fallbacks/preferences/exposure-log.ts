import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { type FileHandle, open, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Registry, register } from "prom-client";
import { messageOf, RedisopsError } from "../../core/errors.ts";
import {
  defaultExposureBytes,
  type Exposure,
  exposureLine,
  maxLineBytes,
  segmentSuffix,
} from "../../core/exposures/exposure.ts";
import { segmentPaths } from "../../core/exposures/segments.ts";
import { DeadlineQueue, type Expiring } from "../guard/deadline-queue.ts";
import { type CounterSeries, Signals } from "../signals/signals.ts";

/** Where and how much is recorded. */
export interface ExposureLogOptions {
  /** Folder of the record; created if it is not there. Processes may share one; it must outlive them. */
  readonly directory: string;
  /** Bytes that the folder may hold; what does not fit is dropped and counted. Default 256 MiB. */
  readonly maxBytes?: number | undefined;
  /** Bytes after which a new file is begun. Default 16 MiB. */
  readonly segmentBytes?: number | undefined;
  /** Milliseconds after which a new file is begun. Default 60,000. */
  readonly segmentAgeMs?: number | undefined;
  /** The prom-client registry for the signals; the default one when left out. */
  readonly metrics?: Registry | undefined;
}

/** Bytes that may wait for a disk that does not answer. */
const maxQueuedBytes = 4 * 1_048_576;
/** Milliseconds that a decision waits for its line to be written; the line is written all the same. */
const writeDeadline = 50;
/**
 * Longest user, channel and notification id together, in bytes: Postgres puts them into one entry of an index, which may
 * have 2,704 bytes.
 */
const maxIdBytes = 2_000;
/** Milliseconds without another attempt after the disk refused a write. */
const refusedPause = 1_000;
/** Longest wait for the disk at the end, in milliseconds. */
const closeDeadline = 2_000;
/** Milliseconds between two flushes to the disk: what a crash of the machine may cost. */
const syncInterval = 1_000;
/** A file of another process counts as left behind after so many times the age at which that process would begin a new one. */
const leftBehindAges = 5;

/** A line that waits to be written, and the decision that waits for it. */
class QueuedLine implements Expiring {
  readonly line: Buffer;
  readonly expires = performance.now() + writeDeadline;
  readonly #go: () => void;
  settled = false;

  constructor(line: Buffer, go: () => void) {
    this.line = line;
    this.#go = go;
  }

  /** Lets the decision go, whether the line is written or not. */
  expire(): void {
    this.settled = true;
    this.#go();
  }
}

function idBytes({ userId, channel, notificationId }: Exposure): number {
  return Buffer.byteLength(userId) + Buffer.byteLength(channel) + Buffer.byteLength(notificationId);
}

interface Segment {
  readonly path: string;
  readonly file: FileHandle;
  readonly begunAt: number;
  bytes: number;
  synced: boolean;
}

/**
 * Records exposures in files of this machine, as lines of JSON that are only ever appended. All lines that wait go to the
 * kernel in one write, after which the end of the process, however sudden, does not lose them.
 */
export class ExposureLog {
  readonly #directory: string;
  readonly #maxBytes: number;
  readonly #segmentBytes: number;
  readonly #segmentAgeMs: number;
  readonly #recorded: CounterSeries;
  readonly #dropped: CounterSeries;
  readonly #deadlines = new DeadlineQueue();
  readonly #finished = new Set<string>();
  #queue: QueuedLine[] = [];
  #queuedBytes = 0;
  #refusedUntil = Number.NEGATIVE_INFINITY;
  #storedBytes: number;
  #segment: Segment | undefined;
  #working: Promise<void> | undefined;
  #syncTimer: NodeJS.Timeout | undefined;
  #closed = false;

  /** Throws EXPOSURES_UNAVAILABLE when the folder cannot be made or read. */
  constructor(options: ExposureLogOptions) {
    this.#directory = options.directory;
    this.#maxBytes = options.maxBytes ?? defaultExposureBytes;
    this.#segmentBytes = options.segmentBytes ?? 16_777_216;
    this.#segmentAgeMs = options.segmentAgeMs ?? 60_000;
    const signals = Signals.of(options.metrics ?? register);
    this.#recorded = signals.counter("redisops_preference_exposures_total", { role: "preferences" });
    this.#dropped = signals.counter("redisops_preference_exposures_dropped_total", { role: "preferences" });
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      this.#storedBytes = readdirSync(this.#directory)
        .filter((name) => name.endsWith(segmentSuffix))
        // Another process of the folder may remove one meanwhile.
        .map((name) => statSync(join(this.#directory, name), { throwIfNoEntry: false })?.size ?? 0)
        .reduce((sum, size) => sum + size, 0);
    } catch (error) {
      const message = `Cannot use the folder of exposures ${this.#directory}: ${messageOf(error)}`;
      throw new RedisopsError("EXPOSURES_UNAVAILABLE", message, { target: this.#directory, cause: error });
    }
  }

  /**
   * Records an exposure. Resolves when the kernel has it, and never later than 50 ms: a disk that hangs does not hold
   * notifications up. Never rejects; what cannot be recorded is counted. `share` (0..1) of the folder is what it may fill.
   */
  record(exposure: Exposure, share = 1): Promise<void> {
    const room = Math.min(
      maxQueuedBytes - this.#queuedBytes,
      this.#maxBytes * share - this.#storedBytes - this.#queuedBytes,
    );
    // A full record costs no more than this: it is full while the load is highest.
    const takes = room > 0 && !this.#closed && !this.#refusing;
    const line = takes && idBytes(exposure) <= maxIdBytes ? Buffer.from(exposureLine(exposure)) : undefined;
    if (line === undefined || line.length > Math.min(room, maxLineBytes)) {
      this.#dropped.pending += 1;
      return Promise.resolve();
    }
    this.#queuedBytes += line.length;
    return new Promise((resolve) => {
      const queued = new QueuedLine(line, resolve);
      this.#queue.push(queued);
      this.#deadlines.add(queued, writeDeadline);
      this.#work();
    });
  }

  /** Ends the file that is being written if it is old enough, or whatever its age. */
  async seal(anyAge = false): Promise<void> {
    await this.#working;
    const segment = this.#segment;
    if (segment !== undefined && (anyAge || this.#isOld(segment))) await this.#finish(segment);
  }

  /** Files that nobody writes to any more: this process's own, and those that others left behind. */
  async finished(): Promise<string[]> {
    const foreignBefore = Date.now() - leftBehindAges * this.#segmentAgeMs;
    const paths: string[] = [];
    let stored = 0;
    for (const path of await segmentPaths(this.#directory)) {
      const { size, mtimeMs } = await stat(path).catch(() => ({ size: 0, mtimeMs: Date.now() }));
      stored += size;
      if (path === this.#segment?.path) continue;
      if (this.#finished.has(path) || mtimeMs < foreignBefore) paths.push(path);
    }
    this.#storedBytes = stored;
    return paths;
  }

  /** Removes a file whose exposures are safe elsewhere. */
  async remove(path: string): Promise<void> {
    await unlink(path);
    this.#finished.delete(path);
  }

  /** Writes what waits and ends the file; does not wait for a disk that hangs. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#syncTimer);
    await Promise.race([this.#end(), delay(closeDeadline, undefined, { ref: false })]);
  }

  async #end(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
    await this.seal(true);
  }

  get #refusing(): boolean {
    return performance.now() < this.#refusedUntil;
  }

  #work(): void {
    this.#working ??= this.#writeAll().finally(() => {
      this.#working = undefined;
      if (this.#queue.length > 0) this.#work();
    });
  }

  async #writeAll(): Promise<void> {
    // Lets the decisions of this turn of the event loop join the first write.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      const bytes = Buffer.concat(batch.map(({ line }) => line));
      if (!this.#refusing && (await this.#append(bytes))) this.#recorded.pending += batch.length;
      else this.#dropped.pending += batch.length;
      this.#queuedBytes -= bytes.length;
      for (const queued of batch) if (!queued.settled) queued.expire();
    }
  }

  /** Answers false when the disk refuses. */
  async #append(bytes: Buffer): Promise<boolean> {
    try {
      await this.#write(bytes);
      return true;
    } catch {
      this.#refusedUntil = performance.now() + refusedPause;
      const segment = this.#segment;
      if (segment === undefined) return false;
      // It may end in a torn line now.
      await this.#finish(segment);
      if (segment.bytes === 0) await this.remove(segment.path).catch(() => undefined);
      return false;
    }
  }

  async #write(bytes: Buffer): Promise<void> {
    const segment = await this.#openSegment();
    for (let written = 0; written < bytes.length; ) {
      const { bytesWritten } = await segment.file.write(bytes, written);
      written += bytesWritten;
      segment.bytes += bytesWritten;
      this.#storedBytes += bytesWritten;
    }
    segment.synced = false;
    this.#syncTimer ??= setTimeout(() => void this.#sync(), syncInterval).unref();
  }

  async #openSegment(): Promise<Segment> {
    const current = this.#segment;
    if (current !== undefined) {
      if (current.bytes < this.#segmentBytes && !this.#isOld(current)) return current;
      await this.#finish(current);
    }
    const name = `${new Date().toISOString().replaceAll(":", "")}-${randomBytes(4).toString("hex")}`;
    const path = join(this.#directory, `${name}${segmentSuffix}`);
    const file = await open(path, "ax", 0o600);
    this.#segment = { path, file, begunAt: performance.now(), bytes: 0, synced: true };
    return this.#segment;
  }

  #isOld({ begunAt }: Segment): boolean {
    return performance.now() - begunAt > this.#segmentAgeMs;
  }

  async #sync(): Promise<void> {
    this.#syncTimer = undefined;
    const segment = this.#segment;
    if (segment === undefined || segment.synced) return;
    segment.synced = true;
    await segment.file.datasync().catch(() => undefined);
  }

  async #finish(segment: Segment): Promise<void> {
    if (this.#segment === segment) this.#segment = undefined;
    await segment.file.datasync().catch(() => undefined);
    await segment.file.close().catch(() => undefined);
    this.#finished.add(segment.path);
  }
}
