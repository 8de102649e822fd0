import { RedisopsError } from "../../core/errors.ts";
import { connectPostgres } from "../../core/postgres/connect.ts";
import { postgresError } from "../../core/postgres/postgres-error.ts";
import { postgresPins } from "../pins.ts";
import type { Plan, Recovery, RecoveryContext, Run } from "../recovery.ts";
import { Drain } from "./drain.ts";
import { type PendingDetails, pendingConfig, timeouts } from "./pending-config.ts";
import { planPending } from "./pending-plan.ts";
import { verifyPending } from "./pending-verify.ts";
import { rangesOf } from "./ranges.ts";
import { Recipients } from "./recipients.ts";
import { ensureSetAside, putBack, setAsideOrphans } from "./set-aside.ts";

type Context = RecoveryContext<"pending">;

/** What this process has handed over of a plan, for the verification that follows. */
const tallies = new WeakMap<PendingDetails, { delivered: number }>();

/** Makes the table of what is set aside, puts back what is asked for, and takes rows out of the way that have no recipient. */
async function prepare(
  { config, options, onWarning }: Context,
  { startedAt }: PendingDetails,
  run: Run,
): Promise<void> {
  const pending = pendingConfig(config);
  const { client, target, close } = await connectPostgres(pending.postgres, timeouts);
  const recipients = new Recipients(pending.registry);
  try {
    await ensureSetAside(client, pending);
    if (options["retry-set-aside"] === true) {
      await putBack(client, pending, startedAt, {
        pace: (rows) => run.pace(rows),
        markQueued: (users) => recipients.markQueued(users),
      });
    }
    await run.pace(1);
    const orphans = await setAsideOrphans(client, pending);
    if (orphans > 0) onWarning(`${orphans} rows that name no recipient were set aside in ${pending.aside}`);
  } catch (error) {
    throw postgresError(error, target);
  } finally {
    recipients.close();
    await close();
  }
}

async function withDrain<T>(
  context: Context,
  details: PendingDetails,
  run: Run,
  work: (drain: Drain) => Promise<T>,
) {
  const drain = new Drain(context, pendingConfig(context.config), details, run);
  try {
    await drain.open();
    return await work(drain);
  } finally {
    const tally = tallies.get(details) ?? { delivered: 0 };
    tallies.set(details, { delivered: tally.delivered + drain.tally.delivered });
    await drain.close();
  }
}

async function execute(context: Context, { details }: Plan<PendingDetails>, run: Run): Promise<void> {
  await run.step("prepare", () => prepare(context, details, run));
  await run.chunks.layDown(rangesOf(details.boundaries).map((_, index) => String(index)));
  await withDrain(context, details, run, async (drain) => {
    await run.step("drain", () => drain.shared());
    const end = await run.step("catch up", () => drain.catchUp());
    if (end.caughtUp) return;
    throw new RedisopsError(
      "DELIVERY_FAILED",
      `Messages of ${end.left} connected recipients could not be handed over: their connection servers gave no answer, or somebody else has been serving them`,
      { next: "Look at the delivery’s errors and at the connection servers, then resume the run." },
    );
  });
}

async function work(context: Context, { details }: Plan<PendingDetails>, run: Run): Promise<void> {
  await withDrain(context, details, run, (drain) => drain.shared());
}

/** Hands over the messages that wait for users who are connected. */
export const pending: Recovery<PendingDetails, "pending"> = {
  name: "pending",
  role: "registry",
  needsPostgres: true,
  plan: planPending,
  pins: ({ config }) => postgresPins(pendingConfig(config).postgres),
  execute,
  work,
  verify: (context, plan) => verifyPending(context, plan, tallies.get(plan.details)),
};
