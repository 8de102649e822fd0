import type { FaultRequest } from "./faults.ts";
import type { Member } from "./member.ts";
import type { PlatformSettings } from "./settings.ts";
import type { Stores } from "./stores.ts";

/** What faults are injected into. */
export interface FaultyPlatform {
  readonly members: readonly Member[];
  readonly stores: Stores;
  readonly settings: PlatformSettings;
  /** Changes what the stand-in allows an account, or gives it back its usual limit. Answers which accounts. */
  throttle(provider: string, account: string | undefined, refuse: boolean): Promise<string[]>;
}

/** What was done, and how it is undone where that is not by itself. */
export interface Done {
  /** What it was done to, in a word or two. */
  readonly target: string;
  /** The names of the processes that it concerns. */
  readonly members: readonly string[];
  /** What was done, as a sentence. */
  readonly what: string;
  readonly undo?: () => Promise<void>;
}

/** Carries a request out. Throws USAGE when it makes no sense. */
export type Injection = (request: FaultRequest) => Promise<Done>;
