import { stringify } from "yaml";
import type { RecoveryName } from "../../catalog/recoveries.ts";
import { parseConfig } from "../../core/config/load.ts";
import type { OptionsOf } from "../../recovery/options.ts";
import type { Progress, Recovery, RecoveryContext, Run, Verification } from "../../recovery/recovery.ts";
import { LocalChunks } from "../../recovery/run/local-chunks.ts";

/** What a run has written down; given to the next run, that one resumes it. */
export type Saved = Map<string, unknown>;

/** A run that is driven by the test instead of the engine. */
export function testRun(
  options: { readonly saved?: Saved; readonly pace?: (items: number) => Promise<void> } = {},
): Run {
  const saved: Saved = options.saved ?? new Map();
  const save = async (name: string, value: unknown) => {
    // As a journal would have it.
    saved.set(name, JSON.parse(JSON.stringify(value)));
  };
  return {
    id: "test",
    step: (_name, work) => work(),
    finish: (_name, work) => work(),
    pace: options.pace ?? (async () => undefined),
    checkpoint: <T>(name: string) => saved.get(name) as T | undefined,
    saveCheckpoint: save,
    chunks: new LocalChunks((name) => saved.get(name), save),
  };
}

/** A recovery on a redisops.yaml of the given sections, with what it told. */
export class Driven<Details, Name extends RecoveryName> {
  readonly warnings: string[] = [];
  readonly progress: Progress[] = [];
  readonly #recovery: Recovery<Details, Name>;
  readonly context: RecoveryContext<Name>;

  constructor(
    recovery: Recovery<Details, Name>,
    sections: Readonly<Record<string, unknown>>,
    options: Partial<OptionsOf<Name>> = {},
    signal = new AbortController().signal,
  ) {
    this.#recovery = recovery;
    this.context = {
      config: parseConfig(stringify({ platform: "test", ...sections }), "test"),
      options: options as OptionsOf<Name>,
      signal,
      onProgress: (progress) => void this.progress.push(progress),
      onStepEnd: () => undefined,
      onWarning: (message) => void this.warnings.push(message),
    };
  }

  plan() {
    return this.#recovery.plan(this.context);
  }

  /** Plans, carries the plan out and verifies it. */
  async recover(run = testRun()): Promise<Verification> {
    const plan = await this.plan();
    await this.#recovery.execute(this.context, plan, run);
    return this.#recovery.verify(this.context, plan);
  }
}
