import type { Argv, CommandModule } from "yargs";
import { parseDuration } from "../../core/duration.ts";
import { exitCodes } from "../../core/error-codes.ts";
import { messageOf, RedisopsError } from "../../core/errors.ts";
import { interruptible } from "../interrupt.ts";
import { hasLab, labFaults, loadLab, type ShownLab } from "../lab-module.ts";
import { note, print, printJson } from "../output.ts";

interface LabOptions {
  readonly name: string;
  readonly json: boolean;
}

interface RateOptions extends LabOptions {
  readonly messages: number | undefined;
  readonly notifications: number | undefined;
}

interface InjectOptions extends LabOptions {
  readonly fault: string | undefined;
  readonly role: string | undefined;
  readonly shard: number | undefined;
  readonly provider: string | undefined;
  readonly account: string | undefined;
  readonly for: string | undefined;
}

function labOptions<T>(yargs: Argv<T>): Argv<T & LabOptions> {
  return yargs
    .option("name", {
      type: "string",
      default: "default",
      describe: "Which lab, where there are several",
      requiresArg: true,
    })
    .option("json", { type: "boolean", default: false, describe: "Print one JSON document instead of text" });
}

function rateOptions<T>(yargs: Argv<T>) {
  const rate = (of: string) => ({ type: "number", describe: `${of} per second`, requiresArg: true }) as const;
  return yargs.option("messages", rate("Messages")).option("notifications", rate("Notifications"));
}

/** Rates as they were given, checked. */
function ratesOf({ messages, notifications }: RateOptions) {
  for (const [name, value] of Object.entries({ messages, notifications })) {
    if (value !== undefined && !(value >= 0 && value <= 5_000)) {
      throw new RedisopsError("USAGE", `--${name} takes a number from 0 to 5000`);
    }
  }
  return { messages, notifications };
}

async function showUp(lab: ShownLab, { json, detach }: { readonly json: boolean; readonly detach: boolean }) {
  if (json) return printJson(lab);
  const { printNextCommands } = await import("../lab-table.ts");
  printNextCommands(lab, detach ? "Next:" : "In another terminal:");
}

async function up(options: RateOptions & { readonly detach: boolean }): Promise<number> {
  const { name, json, detach } = options;
  const rates = ratesOf(options);
  const lab = await loadLab();
  const interrupt = interruptible((signal) => note(`${signal}: ending the lab; once more ends it at once.`));
  const start = { name, rates, say: note, signal: interrupt.signal };
  let shown = false;
  try {
    if (detach) await showUp(await lab.startLab(start), options);
    else {
      await lab.runLab({
        ...start,
        onUp(status) {
          shown = true;
          void showUp(status, options).then(() => {
            if (!json) print("Up until Ctrl-C.");
          });
        },
      });
      note("The lab is down; nothing of it is left.");
    }
    return exitCodes.done;
  } catch (error) {
    if (!(error instanceof RedisopsError) || error.code !== "INTERRUPTED") throw error;
    throw new RedisopsError("INTERRUPTED", "The lab's start was interrupted; what it had started is ended", {
      next: "Run the command again when you are ready.",
      cause: error,
    });
  } finally {
    interrupt.release();
    // A client that still waits for a server that is gone must not keep a command that was interrupted.
    if (!detach && !shown) setTimeout(() => process.exit(), 500).unref();
  }
}

async function status({ name, json }: LabOptions): Promise<number> {
  const shown = await (await loadLab()).labStatus(name);
  if (json) printJson(shown);
  else {
    const { printLab } = await import("../lab-table.ts");
    printLab(shown, Date.now());
  }
  return exitCodes.done;
}

/** Words with a line about each, for a usage error. */
function listed(faults: Readonly<Record<string, string>>): string {
  return Object.entries(faults)
    .map(([name, what]) => `\n  ${name.padEnd(20)}${what}`)
    .join("");
}

/** A fault may last this long, in milliseconds; a timer could not count three weeks and more. */
const longestFault = 86_400_000;

function durationOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  let duration: number;
  try {
    duration = parseDuration(text);
  } catch (error) {
    throw new RedisopsError("USAGE", `--for: ${messageOf(error)}`);
  }
  if (duration > 0 && duration <= longestFault) return duration;
  throw new RedisopsError(
    "USAGE",
    "--for takes a time above 0 and up to 24h; without it the fault lasts until healed",
  );
}

function checkShard(shard: number | undefined): void {
  if (shard === undefined || (Number.isInteger(shard) && shard >= 0)) return;
  throw new RedisopsError("USAGE", "--shard takes a whole number from 0");
}

async function inject(options: InjectOptions): Promise<number> {
  const { name, json, fault = "", role, shard, provider, account } = options;
  const lab = await loadLab();
  if (!Object.hasOwn(lab.faults, fault)) {
    const what = fault === "" ? "Say which fault" : `There is no fault called ${fault}`;
    throw new RedisopsError("USAGE", `${what}:${listed(lab.faults)}`, { next: "redisops lab inject --help" });
  }
  const forMs = durationOf(options.for);
  checkShard(shard);
  const done = await lab.injectFault(name, { fault, role, shard, provider, account, forMs });
  if (json) printJson({ done });
  else print(done);
  return exitCodes.done;
}

async function rate(options: RateOptions): Promise<number> {
  const change = ratesOf(options);
  const rates = await (await loadLab()).changeRates(options.name, change);
  if (options.json) printJson(rates);
  else print(`${rates.messages} messages/s, ${rates.notifications} notifications/s`);
  return exitCodes.done;
}

async function down({ name, json }: LabOptions): Promise<number> {
  const done = await (await loadLab()).endLab(name);
  if (json) printJson({ done });
  else print(done);
  return exitCodes.done;
}

function injectBuilder(yargs: Argv) {
  const own = labOptions(yargs)
    .positional("fault", { type: "string", describe: "What to inject; see below" })
    .option("role", {
      type: "string",
      describe: "A Redis role, or a process by its name in lab status",
      requiresArg: true,
    })
    .option("shard", {
      type: "number",
      describe: "A shard of the cluster, from 0; 0 unless given",
      requiresArg: true,
    })
    .option("provider", { type: "string", describe: "For provider-429", requiresArg: true })
    .option("account", { type: "string", describe: "One account of it; all unless given", requiresArg: true })
    .option("for", {
      type: "string",
      describe: "Undo it after this time, such as 30s; at most 24h",
      requiresArg: true,
    })
    .example("$0 lab inject kill --role registry --for 30s", "the registry is away for 30 s")
    .example("$0 lab inject cut-shard --shard 2", "one sixth of the cluster is away")
    .example("$0 lab inject heal", "undo everything");
  return hasLab ? own.epilogue(`Faults:${listed(labFaults())}`) : own;
}

/** `redisops lab`. */
export function labCommand(finish: (code: number) => void): CommandModule {
  return {
    command: "lab",
    builder: (yargs) =>
      yargs
        .command(
          "up",
          "Start the platform; stays until Ctrl-C, or in the background",
          (own) =>
            rateOptions(labOptions(own))
              .option("detach", { type: "boolean", default: false, describe: "Return when all is up" })
              .example("$0 lab up", "in the foreground")
              .example("$0 lab up --detach --messages 200", "in the background, under twice the load"),
          async (options) => finish(await up(options)),
        )
        .command(
          "status",
          "Show every process, the faults that hold and the books",
          (own) => labOptions(own).example("$0 lab status --json", "for a script"),
          async (options) => finish(await status(options)),
        )
        .command("inject [fault]", "Inject a fault, or undo all with heal", injectBuilder, async (options) =>
          finish(await inject(options as InjectOptions)),
        )
        .command(
          "rate",
          "Change the load",
          (own) =>
            rateOptions(labOptions(own)).example(
              "$0 lab rate --notifications 500",
              "messages stay as they are",
            ),
          async (options) => finish(await rate(options)),
        )
        .command(
          "down",
          "End the platform; clears up after a crash, too",
          (own) => labOptions(own).example("$0 lab down", "nothing is left"),
          async (options) => finish(await down(options)),
        )
        .example("$0 lab up --detach", "then break it: redisops lab inject kill --role dedup")
        .demandCommand(1, "Say what to do with the lab: up, status, inject, rate or down"),
    handler: () => undefined,
  };
}
