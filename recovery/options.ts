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
    options: {
      since: {
        type: "duration",
        describe: "Only conversations with messages in that span; all when left out",
      },
      margin: {
        type: "number",
        describe:
          "Ids to skip above the highest durable one; recovery.sequence’s peak_rate times failover_window when left out",
      },
      all: {
        type: "boolean",
        describe:
          "Raise the counters also where none is found below a durable id: after a failover or restore whose losses nothing durable shows",
      },
    },
  },
  registry: {
    purpose: "Fill the registry from the connection events, never over a newer connection",
    options: {
      source: {
        type: "string",
        describe: "Where connections are read from; auto: Kafka where its topic is configured, else Postgres",
        choices: ["auto", "kafka", "postgres"],
        default: "auto",
      },
    },
  },
  pending: {
    purpose: "Hand over the messages that wait for users who are connected",
    options: {
      "retry-set-aside": {
        type: "boolean",
        describe: "Put back what was set aside, and try it once more",
        default: false,
      },
    },
  },
  bloom: {
    purpose: "Rebuild the deduplication filter from the notifications that were sent",
    options: {
      source: {
        type: "string",
        choices: ["auto", "postgres", "kafka", "both"],
        describe: "Where the ids come from; auto: Postgres where redisops.yaml has the table, else Kafka",
        default: "auto",
      },
      since: {
        type: "duration",
        describe: "How far back ids count; the window in redisops.yaml when left out",
      },
      method: {
        type: "string",
        choices: ["auto", "madd", "load"],
        describe:
          "How RedisBloom is filled: id by id, or built here and loaded; auto: load where server and replicas prove to take it",
        default: "auto",
      },
      parts: {
        type: "number",
        describe:
          "Parts of each source, which machines share and a resumed run keeps; by its size when left out",
      },
      settle: {
        type: "duration",
        describe:
          "Where the live filter cannot be merged: time after the swap until the last look for ids that came late",
        default: "5s",
      },
    },
  },
  "token-buckets": {
    purpose: "Fill the token bucket of every provider account",
    options: {
      account: {
        type: "strings",
        describe: "Only this account, as provider/account; may be given more than once",
      },
      ramp: {
        type: "duration",
        describe: "Grant what the buckets lack evenly over this time, instead of at once",
      },
      "force-blocked": {
        type: "boolean",
        describe: "Fill also the buckets of accounts that their provider still blocks",
      },
    },
  },
  preferences: {
    purpose: "Delete outdated preferences from the cache, then warm it",
    options: {
      since: {
        type: "duration",
        describe: "How far back changes are looked at; the life of a cache entry when left out",
      },
      scan: {
        type: "boolean",
        describe: "Compare every entry of the cache with its row, not only those of changed people",
      },
      warm: {
        type: "number",
        describe: "Warm the cache with so many people at most, the latest active first",
      },
      "no-warm": {
        type: "boolean",
        describe: "Delete only, and let the cache fill by itself",
      },
      ramp: {
        type: "duration",
        describe: "Time in which the reads of Postgres rise to their limit",
        default: "2m",
      },
    },
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
