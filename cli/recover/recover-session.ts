import type { RecoveryName } from "../../catalog/recoveries.ts";
import type { Config } from "../../core/config/schema.ts";
import type { OptionsOf } from "../../recovery/options.ts";
import type { RecoveryContext } from "../../recovery/recovery.ts";
import { interruptible } from "../interrupt.ts";
import type { CommonOptions } from "../options.ts";
import { note } from "../output.ts";
import { progressView } from "../progress.ts";

/** What a command that works on a platform has: its configuration, and what shows the progress and takes Ctrl-C. */
export interface RecoverSession {
  readonly config: Config;
  context<Name extends RecoveryName>(options: Readonly<Record<string, unknown>>): RecoveryContext<Name>;
  onWarning(message: string): void;
  release(): void;
}

/** Reads the configuration, and listens to Ctrl-C until it is released. */
export async function recoverSession(options: CommonOptions): Promise<RecoverSession> {
  const { loadConfig } = await import("../../core/config/load.ts");
  const config = loadConfig(options.config);
  const view = await progressView(options.json);
  const interrupt = interruptible((signal) => {
    view.end();
    note(
      options.json
        ? JSON.stringify({ event: "stopping", signal })
        : "Stopping at the next safe point; press Ctrl-C again to end at once.",
    );
  });
  const onWarning = (message: string) => {
    view.end();
    note(options.json ? JSON.stringify({ event: "warning", message }) : `warning: ${message}`);
  };
  return {
    config,
    onWarning,
    context: <Name extends RecoveryName>(own: Readonly<Record<string, unknown>>): RecoveryContext<Name> => ({
      config,
      options: own as OptionsOf<Name>,
      signal: interrupt.signal,
      onProgress: view.update.bind(view),
      onStepEnd: view.end.bind(view),
      onWarning,
    }),
    release: () => {
      view.end();
      interrupt.release();
    },
  };
}
