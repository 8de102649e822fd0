import type pg from "pg";
import type { RecoveryName } from "../../catalog/recoveries.ts";

/** A platform on real servers, small enough to be set back a hundred times, in which a recovery has something to do. */
export interface World {
  readonly recovery: RecoveryName;
  /** What tells it from another world of the same recovery, such as the filter's engine. */
  readonly variant?: string;
  /** Options of the recovery's command. */
  readonly options?: readonly string[];
  /** Where its redisops.yaml is. */
  readonly configFile: string;
  /** Where the journals are: `state_dir` of the redisops.yaml. */
  readonly stateDir: string;
  /** The environment of the CLI. */
  readonly env: NodeJS.ProcessEnv;
  /** Of the Postgres that has locks, journals and chunks. */
  readonly admin: pg.Client;
  /** Brings everything back to the same start. */
  reset(): Promise<void>;
  /** What the application does meanwhile, in some trials, until the signal. What it did, `problems` knows. */
  traffic?(signal: AbortSignal): Promise<void>;
  /** What must be as after an uninterrupted run without traffic. */
  state(): Promise<unknown>;
  /** What must not be, whatever happened and in which order, as sentences. */
  problems(): Promise<readonly string[]>;
  /** Figures for the report, of all trials so far. */
  figures?(): Readonly<Record<string, number>>;
  close(): Promise<void>;
}

export const worldName = ({ recovery, variant }: World) =>
  variant === undefined ? recovery : `${recovery}, ${variant}`;
