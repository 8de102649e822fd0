/** One thing that is wrong in redisops.yaml. Lines and columns count from 1. */
export interface ConfigProblem {
  readonly line: number;
  readonly column: number;
  /** Dotted path of the value, empty for the whole document. */
  readonly path: string;
  /** What stands there and what would be right; never a secret. */
  readonly message: string;
}
