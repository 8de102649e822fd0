import type { RecoveryName } from "../catalog/recoveries.ts";
import { RedisopsError } from "../core/errors.ts";
import { withSpan } from "../core/tracing.ts";
import { observePostgresLock } from "./lock/postgres-lock.ts";
import type { Recovery, RecoveryContext } from "./recovery.ts";
import { RunSession } from "./run/run-session.ts";
import type { JournalledRun } from "./run/run-state.ts";

/**
 * Helps a run that is under way in another process, on this or another machine, until no part of its work is left. The
 * process that started the run finishes and verifies it. Rejects with RUN_FINISHED where it is not under way, with USAGE
 * where its work cannot be shared, and with what stops the work; the parts that this process had are then free again.
 */
export async function joinRun<Name extends RecoveryName>(
  recovery: Recovery<unknown, Name>,
  context: RecoveryContext<Name>,
  { started }: JournalledRun,
): Promise<void> {
  const { postgres } = context.config;
  const { work } = recovery;
  if (work === undefined || postgres === undefined || started.lock === "file") {
    throw new RedisopsError("USAGE", `The work of run ${started.run} cannot be shared`, {
      next:
        work === undefined
          ? `recover ${recovery.name} is done by one process.`
          : "Its lock is a file, so that only the process that started it knows its parts.",
    });
  }
  const lock = await observePostgresLock(postgres, recovery.role, started.run);
  const session = new RunSession({
    recovery,
    context,
    id: started.run,
    lock,
    checkpoints: new Map(),
    maxRate: started.maxRate,
  });
  try {
    await session.begin("joined");
    await withSpan(`recovery ${recovery.name} join`, { "redisops.run": started.run }, () =>
      work.call(recovery, session.context, started.plan, session.run),
    );
  } finally {
    await session.end("interrupted", undefined);
    await lock.release();
  }
}
