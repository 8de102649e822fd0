import type { CommonOptions } from "../options.ts";

/** Options of `redisops status`. */
export interface StatusOptions extends CommonOptions {
  readonly role: string | undefined;
  readonly watch: boolean;
  /** Time between two looks, such as 2s. */
  readonly interval: string;
}
