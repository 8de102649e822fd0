import { rmSync } from "node:fs";
import { z } from "zod";
import { RedisopsError } from "../../core/errors.ts";
import { createWorkspace, type Workspace } from "../workspace.ts";
import { readBooks } from "./books.ts";
import { clearAway, clearFolder } from "./clear-away.ts";
import { serveControl } from "./control-server.ts";
import { FaultInjector } from "./fault-injector.ts";
import { type FaultName, faults } from "./faults.ts";
import type { Member } from "./member.ts";
import { inFixedOrder } from "./member-order.ts";
import { withNameLocked } from "./name-lock.ts";
import { type Platform, type PlatformOptions, startPlatform } from "./platform.ts";
import { identify, labMark } from "./process-identity.ts";
import { type RateChange, rateChange } from "./settings.ts";
import {
  claim,
  isSupervised,
  type LabFiles,
  type LabState,
  labFiles,
  readState,
  removeFiles,
  removeLogs,
  writeState,
} from "./state-file.ts";
import type { LabStatus } from "./status.ts";
import { Stopwatch } from "./stopwatch.ts";

/** How to run a lab. */
export interface SuperviseOptions {
  readonly name: string;
  readonly rates?: RateChange | undefined;
  /** What a lab for drills has otherwise than the usual one. */
  readonly platform?: Pick<PlatformOptions, "thresholds" | "probeTimeout" | "rules" | "resendDelay">;
  /** Told of the platform when it is up. */
  readonly onPlatform?: (platform: Platform, faults: FaultInjector, workspace: Workspace) => void;
  /** The file that the output of a supervisor in the background goes to. */
  readonly log?: string | undefined;
  /** Told what goes on, line by line. */
  readonly say: (line: string) => void;
  /** Called when everything is up. */
  readonly onUp: (status: LabStatus) => void;
  /** Ends the lab. */
  readonly signal: AbortSignal;
}

const faultRequest = z.strictObject({
  fault: z.enum(Object.keys(faults) as [FaultName, ...FaultName[]]),
  role: z.string().optional(),
  shard: z.int().optional(),
  provider: z.string().optional(),
  account: z.string().optional(),
  forMs: z.number().positive().optional(),
});

/** The lab's name, which is locked, is free afterwards. Throws LAB_RUNNING when the lab runs. */
async function makeRoom(name: string, files: LabFiles, say: (line: string) => void): Promise<void> {
  const state = readState(files);
  if (state === undefined) {
    rmSync(files.state, { force: true }); // what cannot be read counts as none
    rmSync(files.control, { force: true });
    return;
  }
  if (isSupervised(state)) throw new RedisopsError("LAB_RUNNING", `The lab ${name} is already there`);
  const left = await clearAway(state, files);
  say(`Cleared up after a lab of this name that had crashed: ${left} processes were left`);
}

/** A lab that this process owns. */
class Supervisor {
  readonly #name: string;
  readonly #files: LabFiles;
  readonly #workspace: Workspace;
  readonly #members: Member[] = [];
  readonly #identity: LabState["supervisor"];
  readonly #log: string | undefined;
  #phase: LabState["phase"] = "starting";
  #platform: Platform | undefined;
  #faults: FaultInjector | undefined;
  #startSeconds: number | undefined;

  constructor({ name, log }: SuperviseOptions, files: LabFiles, workspace: Workspace) {
    const identity = identify(process.pid);
    if (identity === undefined) throw new Error("the system does not tell when this process started");
    this.#name = name;
    this.#files = files;
    this.#workspace = workspace;
    this.#identity = identity;
    this.#log = log;
    claim(files, this.#state);
    // Enrolled first, so that it is the last to go.
    workspace.register({
      name: "state file",
      stop: async () => removeFiles(files, identity),
      destroy: () => removeFiles(files, identity),
    });
  }

  /** Starts the platform; `end` is called when somebody asks for the lab's end. */
  async start(options: SuperviseOptions, end: () => void): Promise<LabStatus> {
    const { say, rates, name } = options;
    await serveControl(this.#workspace, this.#files.control, {
      "GET /status": () => this.status(),
      "POST /inject": (body) => this.#inject(faultRequest.parse(body)),
      "POST /rates": (body) => this.#running.platform.setRates(rateChange.parse(body)),
      "POST /down": async () => end(),
    });
    const stopwatch = new Stopwatch(say);
    const platform = await startPlatform(this.#workspace, {
      ...options.platform,
      name,
      rates,
      stopwatch,
      say,
      onMember: (member) => {
        this.#members.push(member);
        this.#record();
      },
    });
    this.#workspace.register({ name: "platform", stop: () => this.#killAll() });
    this.#platform = platform;
    this.#faults = new FaultInjector(platform, say, () => this.#record());
    this.#startSeconds = Number(stopwatch.seconds.toFixed(1));
    this.#enter("up");
    options.onPlatform?.(platform, this.#faults, this.#workspace);
    return this.status();
  }

  /** What the lab is made of and how it is. */
  async status(): Promise<LabStatus> {
    const platform = this.#platform;
    const books =
      platform === undefined
        ? { messages: null, notifications: null, rates: null, providers: null }
        : await readBooks(platform.settings, platform.postgres);
    return {
      name: this.#name,
      phase: this.#phase,
      supervisorPid: process.pid,
      startSeconds: this.#startSeconds ?? null,
      configFile: platform?.settings.configFile ?? null,
      folder: this.#workspace.dir,
      addresses: platform?.addresses ?? {},
      withoutKafka: platform?.withoutKafka ?? null,
      processes: inFixedOrder(this.#members).map(({ name, part, roles, port, pid, condition }) => ({
        name,
        part,
        roles,
        port: port ?? null,
        pid,
        condition,
      })),
      faults: this.#faults?.active ?? [],
      ...books,
    };
  }

  /** Ends everything and waits for it. */
  async stop(): Promise<void> {
    if (!this.#workspace.closed) this.#enter("stopping");
    try {
      await this.#workspace.close();
    } finally {
      // What was being started when the end came, and was no member yet.
      await clearFolder(this.#workspace.dir);
    }
  }

  get #running(): { readonly platform: Platform; readonly faults: FaultInjector } {
    if (this.#platform === undefined || this.#faults === undefined) {
      throw new RedisopsError("LAB_FAILED", `The lab ${this.#name} is still starting`, {
        next: "Wait until redisops lab status says that it is up.",
      });
    }
    return { platform: this.#platform, faults: this.#faults };
  }

  async #inject(request: z.output<typeof faultRequest>): Promise<{ done: string }> {
    const { faults: injector } = this.#running;
    return { done: await injector.inject(request) };
  }

  /** All at the same time: nothing here is worth an orderly end. */
  async #killAll(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.kill()));
  }

  get #state(): LabState {
    return {
      name: this.#name,
      phase: this.#phase,
      supervisor: this.#identity,
      folder: this.#workspace.dir,
      ...(this.#log !== undefined && { log: this.#log }),
      processes: this.#members.flatMap(({ name, identity }) =>
        identity === undefined ? [] : [{ ...identity, name }],
      ),
    };
  }

  #enter(phase: LabState["phase"]): void {
    this.#phase = phase;
    this.#record();
  }

  #record(): void {
    if (!this.#workspace.closed) writeState(this.#files, this.#state);
  }
}

/**
 * Runs a lab in this process until somebody ends it; then nothing of it is left.
 *
 * @throws RedisopsError LAB_RUNNING when a lab of this name runs; LAB_FAILED when it cannot be started; the signal's
 *   reason when it ends the start.
 */
export async function supervise(options: SuperviseOptions): Promise<void> {
  const { name, say, signal, onUp } = options;
  const files = labFiles(name);
  const supervisor = await withNameLocked(files, async () => {
    await makeRoom(name, files, say);
    removeLogs(files, options.log);
    const workspace = await createWorkspace(`lab-${name}`);
    // Every process that is started from here on inherits it.
    process.env[labMark] = workspace.dir;
    try {
      return new Supervisor(options, files, workspace);
    } catch (error) {
      await workspace.close();
      throw error;
    }
  });
  const ended = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => ended.resolve());
  if (signal.aborted) ended.resolve();
  try {
    const started = supervisor.start(options, ended.resolve);
    started.catch(() => undefined); // when the end comes first, what becomes of the start does not matter
    const status = await Promise.race([started, ended.promise]);
    if (status === undefined) throw signal.reason ?? new RedisopsError("INTERRUPTED", "The lab was ended");
    onUp(status);
    await ended.promise;
  } catch (error) {
    if (error instanceof RedisopsError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new RedisopsError("LAB_FAILED", `The lab ${name} did not start: ${message}`, { cause: error });
  } finally {
    await supervisor.stop();
  }
}
