import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { RedisopsError } from "../core/errors.ts";
import type { DrillRunResult } from "../operations/drills/drill-result.ts";
import type { DrillsOptions } from "../operations/drills/run-drills.ts";

/** Messages and notifications per second. */
interface Rates {
  readonly messages: number;
  readonly notifications: number;
}

/** A change of some rates. */
interface RateChange {
  readonly messages?: number | undefined;
  readonly notifications?: number | undefined;
}

/** What `lab status --json` prints, as far as the table shows it; docs/lab.md has all of it. */
export interface ShownLab {
  readonly name: string;
  readonly phase: string;
  readonly startSeconds: number | null;
  readonly configFile: string | null;
  readonly folder: string;
  readonly addresses: Readonly<Record<string, string>>;
  readonly withoutKafka: string | null;
  readonly processes: readonly {
    readonly name: string;
    readonly part: string;
    readonly port: number | null;
    readonly pid: number;
    readonly condition: string;
  }[];
  readonly faults: readonly {
    readonly fault: string;
    readonly target: string;
    readonly since: string;
    readonly until: string | null;
  }[];
  readonly rates: Rates | null;
  readonly messages:
    | (Readonly<
        Record<
          "sent" | "accepted" | "refused" | "waiting" | "delivered" | "duplicates" | "outOfOrder",
          number
        >
      > & { readonly pending: number | null; readonly lost: number | null })
    | null;
  readonly notifications: Readonly<
    Record<
      | "produced"
      | "outstanding"
      | "sent"
      | "optedOut"
      | "givenUp"
      | "suppressed"
      | "missed"
      | "sentTwice"
      | "sentAgainstOptOut"
      | "shed"
      | "unaccounted",
      number
    >
  > | null;
  readonly providers:
    | readonly {
        readonly provider: string;
        readonly account: string;
        readonly accepted: number;
        readonly throttled: number;
      }[]
    | null;
}

interface StartOptions {
  readonly name: string;
  readonly rates: RateChange;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

interface FaultRequest<Fault> {
  readonly fault: Fault;
  readonly role?: string | undefined;
  readonly shard?: number | undefined;
  readonly provider?: string | undefined;
  readonly account?: string | undefined;
  readonly forMs?: number | undefined;
}

/**
 * What the command line needs of the lab. The lab is part of a checkout alone, so nothing is imported from it: a test
 * holds its module against this.
 */
export interface LabModule<Fault extends string = string> {
  /** What can be injected, with a line about each. */
  readonly faults: Readonly<Record<Fault, string>>;
  readonly defaultRates: Rates;
  runLab(options: StartOptions & { readonly onUp: (status: ShownLab) => void }): Promise<void>;
  startLab(options: StartOptions): Promise<ShownLab>;
  labStatus(name: string): Promise<ShownLab>;
  injectFault(name: string, request: FaultRequest<Fault>): Promise<string>;
  changeRates(name: string, change: RateChange): Promise<Rates>;
  endLab(name: string): Promise<string>;
}

const source = new URL("../lab/platform/commands.ts", import.meta.url);

/** Whether this is a checkout, which has the lab. */
export const hasLab = existsSync(source);

/**
 * What can be injected, with a line about each, in a checkout. Synchronous for the parser: it does not report what is
 * wrong with the words when the options of a command come later.
 */
export function labFaults(): Readonly<Record<string, string>> {
  const file = fileURLToPath(new URL("faults.ts", source));
  return (createRequire(import.meta.url)(file) as { faults: Readonly<Record<string, string>> }).faults;
}

/** What the command line needs of the lab for drills. */
export interface LabDrillsModule {
  readonly drillLabName: string;
  /** Starts a lab, runs drills on it and ends it, also when the signal is aborted. */
  runOnLab(options: DrillsOptions & { readonly say: (line: string) => void }): Promise<DrillRunResult>;
}

function labMissing(next?: string): RedisopsError {
  const message = "The lab needs a checkout of redisops; this is the published package";
  return new RedisopsError("LAB_MISSING", message, next === undefined ? {} : { next });
}

/** Drills on a lab of their own. Throws LAB_MISSING in the published package. */
export async function loadLabDrills(): Promise<LabDrillsModule> {
  if (!hasLab) {
    throw labMissing(
      "In a checkout, or on a staging platform: redisops drill run MODE --target staging.yaml.",
    );
  }
  return (await import(new URL("../drills/run-on-lab.ts", source).href)) as LabDrillsModule;
}

/** The lab. Throws LAB_MISSING in the published package. */
export async function loadLab(): Promise<LabModule> {
  if (!hasLab) throw labMissing();
  return (await import(source.href)) as LabModule;
}
