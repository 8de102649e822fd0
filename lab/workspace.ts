import { randomInt } from "node:crypto";
import { rmSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import getPort, { portNumbers } from "get-port";
import { guardExit } from "./exit-guard.ts";

/** Something a workspace stops when it closes. */
export interface Member {
  readonly name: string;
  /** Stops it in an orderly way; a second call does nothing. */
  stop(): Promise<void>;
  /** Ends it at once and synchronously, for a process that is about to exit; must not throw. */
  destroy?(): void;
}

/**
 * Below every system's range for outgoing connections (Linux starts at 32768): a server that was killed finds its port
 * free again, and a client that keeps dialling the dead port can never be connected to itself.
 */
const firstPort = 20_000;
const lastPort = 31_999;

/**
 * Owns what a lab run creates: a temporary folder and the servers started in it. Closing stops the members in reverse
 * order and removes the folder; so does SIGINT, SIGTERM or SIGHUP; and a process that exits without closing kills
 * what still runs.
 */
export class Workspace {
  /** The folder; others may pass through it (Postgres runs as another user) but not list it. */
  readonly dir: string;
  readonly #members = new Set<Member>();
  readonly #names = new Map<string, number>();
  readonly #release: () => void;
  readonly #before: (() => Promise<void>)[] = [];
  #closing: Promise<void> | undefined;
  #ended = false;

  /** Use {@link createWorkspace}. */
  constructor(dir: string) {
    this.dir = dir;
    this.#release = guardExit({ close: () => this.close(), destroy: () => this.#destroy() });
  }

  /** Whether the workspace is closing or closed and takes no more members. */
  get closed(): boolean {
    return this.#ended;
  }

  /**
   * Adds something to stop. Returns a function that takes it out again.
   *
   * @throws Error when the workspace is already closing; the newcomer must then not be started.
   */
  register(member: Member): () => void {
    if (this.closed) throw new Error(`${member.name} cannot join: the workspace is closing`);
    this.#members.add(member);
    return () => this.#members.delete(member);
  }

  /** Has something done first when the workspace closes, while servers in it can still be started: undoing, for example. */
  beforeClose(work: () => Promise<void>): void {
    this.#before.push(work);
  }

  /** Creates a folder (mode 0700) inside the workspace; a name that is taken gets a number. */
  async folder(name: string): Promise<string> {
    const count = (this.#names.get(name) ?? 0) + 1;
    this.#names.set(name, count);
    const path = join(this.dir, count === 1 ? name : `${name}-${count}`);
    await mkdir(path, { mode: 0o700 });
    return path;
  }

  /** A TCP port that is free on 127.0.0.1 and is given to nobody else in this process. */
  async port(): Promise<number> {
    const start = randomInt(firstPort, lastPort + 1);
    const candidates = [...portNumbers(start, lastPort), ...portNumbers(firstPort, start)];
    return getPort({ host: "127.0.0.1", port: candidates, reserve: true });
  }

  /**
   * Stops all members, the youngest first, and removes the folder. Every call returns the same promise.
   *
   * @throws AggregateError when members could not be stopped; the others are stopped and the folder is removed first.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const errors: unknown[] = [];
    for (const work of this.#before) await work().catch((error: unknown) => errors.push(error));
    this.#ended = true;
    for (const member of [...this.#members].reverse()) {
      try {
        await member.stop();
      } catch (error) {
        errors.push(error);
        member.destroy?.();
      }
      this.#members.delete(member);
    }
    try {
      await rm(this.dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    } catch (error) {
      errors.push(error);
    }
    this.#release();
    if (errors.length === 0) return;
    throw new AggregateError(
      errors,
      `the workspace ${this.dir} was not closed cleanly: ${errors.join("; ")}`,
    );
  }

  #destroy(): void {
    for (const member of [...this.#members].reverse()) member.destroy?.();
    this.#members.clear();
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}

/** Creates a workspace with a fresh folder under the system's temporary folder. `label` becomes part of its name. */
export async function createWorkspace(label = "lab"): Promise<Workspace> {
  const dir = await mkdtemp(join(tmpdir(), `redisops-${label}-`));
  await chmod(dir, 0o711);
  return new Workspace(dir);
}
