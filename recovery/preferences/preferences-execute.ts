import { performance } from "node:perf_hooks";
import { parseDuration } from "../../core/duration.ts";
import { readPreferences } from "../../core/preferences/read-rows.ts";
import type { Plan, RecoveryContext, Run } from "../recovery.ts";
import { CacheScan } from "./cache-scan.ts";
import { type ActivityPlace, candidatesFrom } from "./candidates.ts";
import { changesPage, changesReach } from "./changes.ts";
import { compareWithRows } from "./judge-by-rows.ts";
import type { PreferencesDetails } from "./preferences-plan.ts";
import { ReadRamp } from "./read-ramp.ts";
import { ask, type PreferencesSetup, preferencesSetup, type Stores, withStores } from "./setup.ts";

/** Milliseconds between two checkpoints: doing a few seconds of it again is harmless. */
const checkpointInterval = 2_000;

/** All that the steps need. */
interface Work {
  readonly context: RecoveryContext<"preferences">;
  readonly setup: PreferencesSetup;
  readonly details: PreferencesDetails;
  readonly run: Run;
  readonly stores: Stores;
  /** The rate at which Postgres is read, from its limit or, as warming does, from far below it. */
  readonly ramps: { readonly deleting: ReadRamp; readonly warming: ReadRamp };
}

/** Writes a place down now and then. */
function placeKeeper(run: Run, name: string) {
  let savedAt = performance.now();
  return async (place: unknown) => {
    if (performance.now() - savedAt < checkpointInterval) return;
    await run.saveCheckpoint(name, place);
    savedAt = performance.now();
  };
}

function* inBatches<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}

/** Goes through the changes of a kind, and deletes the entries that do not reflect them. */
async function deleteChanged(work: Work, kind: "opt_outs" | "others"): Promise<void> {
  const { context, setup, details, run, stores } = work;
  const { database, entries } = stores;
  const { last: upTo } = await ask(database, (client) => changesReach(client, setup.tables));
  const phase = kind === "opt_outs" ? "opt-outs" : "other changes";
  const keep = placeKeeper(run, kind);
  for (let after = run.checkpoint<number>(kind) ?? details.after; ; ) {
    context.signal.throwIfAborted();
    const page = await ask(database, (client) => changesPage(client, setup.tables, { after, upTo, kind }));
    if (page.last === undefined) break;
    if (page.users.length > 0) {
      await run.pace(page.users.length);
      await entries.deleteOutdated(page.users);
    }
    after = page.last;
    await keep(after);
    const done = Math.max(0, after - details.after);
    context.onProgress({ phase, done, total: Math.max(done, upTo - details.after), unit: "changes" });
  }
  await run.saveCheckpoint(kind, upTo);
}

/** Compares every entry with its row, and deletes those that differ. */
async function deleteByScan(work: Work): Promise<void> {
  const { context, setup, run, stores } = work;
  const { database, entries } = stores;
  const { deleting: ramp } = work.ramps;
  const scan = await CacheScan.open(setup.cache);
  try {
    const cursors = { ...run.checkpoint<Readonly<Record<string, string>>>("scan") };
    const keep = placeKeeper(run, "scan");
    const total = await scan.size();
    let done = 0;
    for (const primary of scan.primaries) {
      for (let cursor = cursors[primary] ?? "0"; cursor !== "end"; ) {
        context.signal.throwIfAborted();
        const part = await scan.part(primary, cursor);
        for (const users of inBatches(part.users, ramp.batch)) {
          await run.pace(users.length);
          const found = await entries.read(users);
          const compared = await ramp.paced(found.length, context.signal, () =>
            ask(database, (client) => compareWithRows(client, setup.tables, found)),
          );
          await entries.deleteUnchanged(found.filter((_, index) => compared[index] !== "same"));
          done += users.length;
          context.onProgress({ phase: "entries", done, total: Math.max(done, total), unit: "entries" });
        }
        cursor = part.cursor === "0" ? "end" : part.cursor;
        cursors[primary] = cursor;
        await keep(cursors);
      }
    }
    await run.saveCheckpoint("scan", cursors);
  } finally {
    scan.close();
  }
}

/** How far the warming is. */
interface WarmPlace {
  readonly next: ActivityPlace | undefined;
  readonly done: number;
}

/**
 * Fills the cache with the latest active users. An entry carries the snapshot of its read, so one that was read before an
 * opt-out and written after it is not believed; and it never takes the place of another one.
 */
async function warm(work: Work, planned: NonNullable<PreferencesDetails["warm"]>): Promise<void> {
  const { context, setup, run, stores } = work;
  const { database, entries } = stores;
  const { warming: ramp } = work.ramps;
  const ttlMs = parseDuration(setup.recovery.entry_ttl);
  const keep = placeKeeper(run, "warm");
  const total = planned.users;
  let place: WarmPlace = run.checkpoint<WarmPlace>("warm") ?? { next: planned.from, done: 0 };
  while (place.next !== undefined && place.done < total) {
    context.signal.throwIfAborted();
    const from = place.next;
    const page = await ask(database, (client) => candidatesFrom(client, setup, from, ramp.batch));
    const users = page.users.slice(0, total - place.done);
    const missing = await entries.missing(users);
    if (missing.length > 0) {
      await run.pace(missing.length);
      const read = await ramp.paced(missing.length, context.signal, () =>
        ask(database, (client) => readPreferences(client, setup.tables.table, missing)),
      );
      await entries.fill(read, ttlMs);
    }
    place = { next: page.next, done: place.done + users.length };
    await keep(place);
    context.onProgress({ phase: "warming", done: place.done, total, unit: "people" });
  }
  await run.saveCheckpoint("warm", { ...place, next: undefined });
}

/** Deletes what is outdated, opt-outs first, then warms the cache. */
export async function executePreferences(
  context: RecoveryContext<"preferences">,
  { details }: Plan<PreferencesDetails>,
  run: Run,
): Promise<void> {
  const setup = preferencesSetup(context.config);
  const { limit, rampMs } = details.reads;
  const slowMs = setup.slowReadMs;
  const ramps = {
    // A wrong entry must not wait.
    deleting: new ReadRamp({ limit, rampMs: 0, slowMs }),
    warming: new ReadRamp({ limit, rampMs, slowMs }),
  };
  await withStores(setup, async (stores) => {
    const work: Work = { context, setup, details, run, stores, ramps };
    if (details.by === "scan") {
      await run.step("delete entries that differ from their row", () => deleteByScan(work));
    } else {
      await run.step("delete outdated opt-outs", () => deleteChanged(work, "opt_outs"));
      await run.step("delete other outdated entries", () => deleteChanged(work, "others"));
    }
    const { warm: planned } = details;
    if (planned !== undefined) await run.step("warm the cache", () => warm(work, planned));
  });
}
