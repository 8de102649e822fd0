import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { isAlive, killTree, pauseTree, resumeTree, signal } from "./process-tree.ts";
import { waitUntil } from "./wait.ts";
import type { Workspace } from "./workspace.ts";

/** How to run a server and how to know that it is ready. */
export interface ServerOptions {
  /** The name in messages. */
  readonly name: string;
  /** The program's path and its arguments. Never a secret: arguments are visible to every user of the machine. */
  readonly command: readonly [string, ...string[]];
  /** The working directory. */
  readonly cwd: string;
  /** Gets stdout and stderr; appended to. */
  readonly logFile: string;
  /** Asked until it answers true. */
  readonly ready: () => Promise<boolean>;
  /** Milliseconds until an unready server is given up; 30,000 unless given. */
  readonly readyDeadlineMs?: number;
  /** The signal for an orderly stop; SIGTERM unless given. */
  readonly stopSignal?: NodeJS.Signals;
  /** Milliseconds between that signal and SIGKILL; 10,000 unless given. */
  readonly stopDeadlineMs?: number;
  /** Replaces the environment; this process's own unless given. */
  readonly env?: NodeJS.ProcessEnv;
  /** The user to run as; only root may choose another one. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** A server ended, or could not be run, before it was ready. The message holds the last lines of its log. */
export class ServerStartError extends Error {
  override readonly name = "ServerStartError";
}

/** A server running as a child process. Signals are sent only while it is known to run, so never to a reused pid. */
export class ServerProcess {
  readonly name: string;
  readonly logFile: string;
  readonly #child: ChildProcess;
  readonly #options: ServerOptions;
  readonly #exited: Promise<void>;
  #spawnError: Error | undefined;

  /** Use {@link startServer}. */
  constructor(options: ServerOptions, child: ChildProcess) {
    this.name = options.name;
    this.logFile = options.logFile;
    this.#options = options;
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once("exit", () => resolve());
      child.once("error", (error) => {
        this.#spawnError = error;
        resolve();
      });
    });
  }

  /** The child's pid, also after it ended; 0 if it could not be run at all. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Whether the process is there; a paused one is. */
  get running(): boolean {
    return this.pid !== 0 && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves when the process has ended, for whatever reason. */
  get exited(): Promise<void> {
    return this.#exited;
  }

  /** How it ended, in words. */
  get ending(): string {
    if (this.running) return "is running";
    if (this.#spawnError !== undefined) return `could not be run (${this.#spawnError.message})`;
    const { exitCode, signalCode } = this.#child;
    return signalCode === null ? `exited with code ${exitCode}` : `was ended by ${signalCode}`;
  }

  /** Stops it: lets it go on if it was paused, sends the stop signal, and SIGKILL when the deadline passes. */
  async stop(): Promise<void> {
    if (!this.running) return;
    resumeTree(this.pid);
    signal(this.pid, this.#options.stopSignal ?? "SIGTERM");
    const timer = setTimeout(() => this.destroy(), this.#options.stopDeadlineMs ?? 10_000);
    await this.#exited;
    clearTimeout(timer);
  }

  /** SIGKILLs it with its descendants and waits until they are gone. */
  async kill(): Promise<void> {
    if (!this.running) return;
    const pids = killTree(this.pid);
    await this.#exited;
    await waitUntil(() => !pids.some(isAlive), {
      what: `${this.name} to be gone after SIGKILL`,
      deadlineMs: 10_000,
    });
  }

  /** SIGKILLs it with its descendants without waiting. */
  destroy(): void {
    if (this.running) killTree(this.pid);
  }

  /** Freezes it with its descendants: its sockets stay open and nothing answers. */
  pause(): void {
    if (this.running) pauseTree(this.pid);
  }

  /** Ends {@link pause}. */
  resume(): void {
    if (this.running) resumeTree(this.pid);
  }

  /** The last lines of its log, without empty ones; as many as asked for. */
  lastLogLines(count = 20): string[] {
    try {
      const lines = readFileSync(this.logFile, "utf8").split("\n");
      return lines.filter((line) => line.trim() !== "").slice(-count);
    } catch {
      return [];
    }
  }
}

/**
 * Starts a server as a member of the workspace and waits until it is ready.
 *
 * @throws ServerStartError when it ends or cannot be run before it is ready, or is not ready in time; it is then gone.
 */
export async function startServer(workspace: Workspace, options: ServerOptions): Promise<ServerProcess> {
  const server = launch(workspace, options);
  const ended = new AbortController();
  void server.exited.then(() => ended.abort(new Error(`${options.name} ${server.ending}`)));
  try {
    await waitUntil(options.ready, {
      what: `${options.name} to be ready`,
      deadlineMs: options.readyDeadlineMs ?? 30_000,
      signal: ended.signal,
    });
    return server;
  } catch (error) {
    const early = !server.running;
    await server.kill();
    const lines = server.lastLogLines().map((line) => `  ${line}`);
    const log = lines.length > 0 ? `; the end of its log:\n${lines.join("\n")}` : "; its log is empty";
    const why = early
      ? `${options.name} ${server.ending} before it was ready`
      : error instanceof Error
        ? error.message
        : String(error);
    throw new ServerStartError(`${why}${log}`, { cause: error });
  }
}

function launch(workspace: Workspace, options: ServerOptions): ServerProcess {
  const [program, ...args] = options.command;
  const log = openSync(options.logFile, "a", 0o600);
  try {
    // A group of its own: Ctrl-C in the terminal reaches only this process, which then stops its servers in order.
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ["ignore", log, log],
      detached: true,
      ...options.user,
    });
    return enrol(workspace, new ServerProcess(options, child));
  } finally {
    closeSync(log);
  }
}

function enrol(workspace: Workspace, server: ServerProcess): ServerProcess {
  try {
    const leave = workspace.register(server);
    void server.exited.then(leave);
    return server;
  } catch (error) {
    server.destroy();
    throw error;
  }
}
