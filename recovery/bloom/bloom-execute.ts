import { setTimeout as delay } from "node:timers/promises";
import { withDeadline } from "../../core/deadline.ts";
import type { ErrorCodeName } from "../../core/error-codes.ts";
import { RedisopsError, toRedisopsError } from "../../core/errors.ts";
import type { Filter, FilterId } from "../../core/filter/filter.ts";
import { openFilter } from "../../core/filter/open-filter.ts";
import type { Plan, RecoveryContext, Run } from "../recovery.ts";
import type { BloomDetails } from "./bloom-plan.ts";
import { Build } from "./build.ts";
import { whyNotLoad } from "./load-proof.ts";
import { LoadShadow } from "./load-shadow.ts";
import { mergesLive } from "./merges-live.ts";
import { type Method, type Part, partId } from "./part.ts";
import { requireOnReplicas } from "./replica-probe.ts";
import { afterSwap, type ShadowFilter, ShadowLost, tooManyIds } from "./shadow-filter.ts";

/** Ids per round trip of the catch-up. */
const catchUpBatch = 500;
/** Longest wait for removing shadow keys after a failure, in milliseconds; they expire by themselves otherwise. */
const discardDeadline = 5_000;
/** By how much a filter's own estimate of its ids may exceed its capacity. */
const estimateTolerance = 1.05;
/** Errors after which a shadow is of no use. */
const hopeless = new Set<ErrorCodeName>(["VERIFICATION_FAILED", "FILTER_TOO_SMALL"]);

/** What a run has begun with: written down, so that a later attempt goes on with the same. */
interface Begun {
  /** How often it began anew because the shadow was lost. */
  readonly generation: number;
  readonly method: Method;
  /** Chunk ids of all parts. */
  readonly parts: readonly string[];
  /** Where each source was at the beginning. */
  readonly sources: Readonly<Record<string, unknown>>;
}

/** Adds what was sent since the read began. Adding an id twice changes nothing. */
async function catchUp(
  { sources, context }: Build,
  since: Begun["sources"],
  filter: Filter,
  run: Run,
  signal?: AbortSignal,
): Promise<void> {
  let batch: FilterId[] = [];
  const flush = async () => {
    const ready = batch;
    batch = [];
    for (let start = 0; start < ready.length; start += catchUpBatch) {
      const ids = ready.slice(start, start + catchUpBatch);
      await run.pace(ids.length);
      await filter.add(ids);
    }
  };
  for (const source of sources) {
    await source.readLatest(
      since[source.name],
      {
        onId: (bytes, start, end) => batch.push(Buffer.from(bytes.subarray(start, end))),
        onRead: flush,
      },
      signal,
    );
    await flush();
  }
  context.onStepEnd();
}

/** How RedisBloom is to be filled. Rejects where `load` was asked for and the server does not take it. */
async function chooseMethod(build: Build, generation: number): Promise<Method> {
  const { config, context, connection } = build;
  if (config.dedup.filter.engine === "bitmap") return "bitmap";
  if (config.method === "madd") return "madd";
  const reason = await whyNotLoad(build.options(generation));
  if (reason === undefined) return "load";
  if (config.method === "load") {
    throw new RedisopsError("FILTER_ENGINE_UNSUPPORTED", `${connection.target} cannot be loaded: ${reason}`, {
      target: connection.target,
      next: "Run the command with --method madd.",
    });
  }
  context.onWarning(`the filter is filled by BF.MADD, as it cannot be loaded: ${reason}`);
  return "madd";
}

async function positions({ sources }: Build): Promise<Record<string, unknown>> {
  const begun = await Promise.all(
    sources.map(async (source) => [source.name, await source.begin()] as const),
  );
  return Object.fromEntries(begun);
}

/** Begins, or finds that an earlier attempt has begun and that what it has built is still there. */
async function begin(build: Build, run: Run): Promise<Begun> {
  const before = run.checkpoint<Begun>("begun");
  if (before !== undefined) {
    const shadow = build.shadow(before);
    if (run.checkpoint<boolean>("finished") === true || (await shadow.isInPlace())) return before;
    await run.chunks.layDown(before.parts);
    const finished = Math.max(0, before.parts.length - (await run.chunks.remaining()));
    const complete = run.checkpoint<number>("complete") === before.generation;
    if (complete ? await shadow.isWhole() : await shadow.holds(finished, before.parts)) {
      await shadow.prepare();
      await shadow.renew();
      return before;
    }
    build.context.onWarning("what the run had built is gone from the server: the filter is built anew");
    await shadow.discard();
  }
  const generation = before === undefined ? 0 : before.generation + 1;
  const method = await chooseMethod(build, generation);
  const shadow = build.shadow({ generation, method });
  await run.pace(0);
  // Of an attempt on what was another target then.
  await shadow.discard();
  const sources = await positions(build);
  const parts: string[] = [];
  for (const source of build.sources) {
    const ranges = await source.parts(sources[source.name], build.config.parts);
    parts.push(...ranges.map((range) => partId({ generation, method, ...range } as Part)));
  }
  const begun = { generation, method, parts, sources };
  await shadow.prepare();
  await run.saveCheckpoint("begun", begun);
  await run.chunks.layDown(parts);
  return begun;
}

/** Rejects when a sampled id that was sent before the read began is absent from the new filter, or from a replica's. */
async function requireComplete(build: Build, begun: Begun, shadow: ShadowFilter): Promise<void> {
  const { config, connection, context } = build;
  const { capacity } = config.dedup.filter;
  const { estimatedIds } = await shadow.filter.state();
  if (estimatedIds > capacity * estimateTolerance) throw tooManyIds(capacity, connection.target);
  const samples = await Promise.all(
    build.sources.map((source) => source.sample(config.canaryIds, begun.sources[source.name])),
  );
  const ids = samples.flat();
  const present = await shadow.filter.has(ids);
  const absent = present.filter((found) => !found).length;
  if (absent > 0) {
    throw new RedisopsError(
      "VERIFICATION_FAILED",
      `The new filter lacks ${absent} of ${ids.length} sampled known-sent ids; it was not put in place`,
      {
        next: "Run the command again. If it fails again, look for what removes or changes shadow keys, and for rows that turn up in Postgres long after their sent_at.",
      },
    );
  }
  const { key } = build.options(begun.generation);
  const { signal, onWarning } = context;
  await requireOnReplicas({ connection, config: config.dedup, key, ids, signal, onWarning });
}

/** Removes a shadow that nothing can be made of, or in which nothing is finished yet. */
async function discardUseless(error: unknown, begun: Begun, shadow: ShadowFilter, run: Run): Promise<void> {
  const { code } = toRedisopsError(error);
  const lost = error instanceof ShadowLost || hopeless.has(code);
  const isKept = async () => {
    if (code === "FENCED_OFF" || run.checkpoint("complete") !== undefined) return true;
    if (await shadow.isInPlace()) return true;
    return (await run.chunks.remaining()) < begun.parts.length;
  };
  const discard = async () => {
    if (lost || !(await isKept())) await shadow.discard();
  };
  await withDeadline(discard(), discardDeadline, () => new Error("timed out")).catch(() => undefined);
}

/** Builds the filter beside the live one, checks it, swaps it in, and adds what was sent meanwhile. */
export async function executeBloom(
  context: RecoveryContext<"bloom">,
  plan: Plan<BloomDetails>,
  run: Run,
): Promise<void> {
  const build = await Build.open(context, run, plan.items);
  const { config, connection } = build;
  const live = openFilter(connection, config.dedup.filter);
  try {
    const begun = await begin(build, run);
    const shadow = build.shadow(begun);
    if (run.checkpoint<boolean>("finished") === true) {
      await shadow.discard();
      return;
    }
    // The live filter may have been lost, filled or replaced since the plan was made.
    const decide = async () => mergesLive(live, await live.state(), config.dedup.filter);
    let late: Begun["sources"] | undefined;
    if (!(await shadow.isInPlace())) {
      try {
        await complete(build, begun, shadow, run);
        await run.step("check", () => requireComplete(build, begun, shadow));
        let merge = plan.details.mergesLive && (await decide()) === "merged";
        if (!merge) {
          await run.step("catch up", () => catchUp(build, begun.sources, shadow.filter, run, context.signal));
          const verdict = await decide();
          merge = verdict === "merged";
          if (!merge && verdict !== "no live filter") late = await positions(build);
        }
        await run.step("swap", () => shadow.swap(merge));
      } catch (error) {
        await discardUseless(error, begun, shadow, run);
        throw error;
      }
    }
    // The new filter is live: to stop before it has everything would be no safe point.
    await run
      .finish("catch up live", async () => {
        await catchUp(build, begun.sources, live, run);
        if (late === undefined || config.settle === 0) return;
        // Ids that the former filter had learned shortly before the swap, and that were written down only after it.
        await delay(config.settle);
        await catchUp(build, late, live, run);
      })
      .catch((error: unknown) => {
        throw afterSwap(error);
      });
    await run.saveCheckpoint("finished", true);
    await shadow.discard().catch(() => undefined);
  } finally {
    await build.close();
  }
}

/** Reads all parts, together with whoever has joined, and puts the filter together. */
async function complete(build: Build, begun: Begun, shadow: ShadowFilter, run: Run): Promise<void> {
  if (run.checkpoint<number>("complete") !== begun.generation) {
    await run.step("build", async () => {
      if (shadow instanceof LoadShadow) shadow.expectAll(begun.parts);
      await build.work(begun.generation);
      await shadow.complete(begun.parts);
    });
    await run.saveCheckpoint("complete", begun.generation);
  }
  await shadow.forgetParts();
}

/** Reads parts of a run that another process carries out. */
export async function workBloom(
  context: RecoveryContext<"bloom">,
  plan: Plan<BloomDetails>,
  run: Run,
): Promise<void> {
  const build = await Build.open(context, run, plan.items);
  try {
    await build.work();
  } finally {
    await build.close();
  }
}
