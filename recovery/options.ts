import type { RecoveryName } from "../catalog/recoveries.ts";

/** An option of a recovery's command. A `duration` is written as 1m30s and given in milliseconds. */
export interface OptionSpec {
  readonly type: "boolean" | "number" | "duration" | "string" | "strings";
  readonly describe: string;
  /** The values that are allowed, of a `string`. */
  readonly choices?: readonly string[];
  readonly default?: boolean | number | string;
}

/** What each recovery is for and which options its command has, by the name under which the CLI knows it. */
export const recoveryCommands = {
  sequence: {
    purpose: "Raise each conversation’s counter to what was durably given out, plus a margin",
    options: {},
  },
  registry: {
    purpose: "Fill the registry from the connection events, never over a newer connection",
    options: {},
  },
  pending: {
    purpose: "Hand over the messages that wait for users who are connected",
    options: {},
  },
  bloom: {
    purpose: "Rebuild the deduplication filter from the notifications that were sent",
    options: {},
  },
  "token-buckets": {
    purpose: "Fill the token bucket of every provider account",
    options: {},
  },
  preferences: {
    purpose: "Delete outdated preferences from the cache, then warm it",
    options: {},
  },
} as const satisfies Record<
  RecoveryName,
  { readonly purpose: string; readonly options: Readonly<Record<string, OptionSpec>> }
>;

type ValueOf<Spec> = Spec extends { type: "boolean" }
  ? boolean
  : Spec extends { type: "number" | "duration" }
    ? number | (Spec extends { default: unknown } ? never : undefined)
    : Spec extends { type: "strings" }
      ? readonly string[]
      : Spec extends { choices: readonly (infer Choice)[] }
        ? Choice | (Spec extends { default: unknown } ? never : undefined)
        : string | (Spec extends { default: unknown } ? never : undefined);

/** The values of a recovery's options; the keys are the options’ names without dashes before them. */
export type OptionsOf<Name extends RecoveryName> = {
  readonly [Option in keyof (typeof recoveryCommands)[Name]["options"]]: ValueOf<
    (typeof recoveryCommands)[Name]["options"][Option]
  >;
};
