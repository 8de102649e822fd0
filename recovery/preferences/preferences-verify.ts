import { PreferencesStale } from "../../catalog/modes/PreferencesStale.ts";
import { changesSource } from "../../core/preferences/changed-users.ts";
import { type EntryState, entrySamples } from "../../core/preferences/judge-entries.ts";
import { evaluateSignal } from "../../core/signal/evaluate.ts";
import { effectiveThresholds } from "../../core/signal/thresholds.ts";
import type { Fact, Plan, RecoveryContext, Verification } from "../recovery.ts";
import { candidatesFrom } from "./candidates.ts";
import { countChanged } from "./changed-entries.ts";
import { candidateRows, type PreferencesDetails, warmRatio } from "./preferences-plan.ts";
import { ask, type PreferencesSetup, preferencesSetup, type Stores, withStores } from "./setup.ts";
import { exportersSample, sampleCache } from "./stale-sample.ts";

/** Entries of each primary that are compared with their rows after all entries were. */
const entriesOfPrimary = 2_000;

const count = (value: number) => value.toLocaleString("en-US");

/** Whether PreferencesStale holds for what the exporter would measure. */
function staleHolds({ config }: RecoveryContext<"preferences">, states: readonly EntryState[]): boolean {
  const thresholds = effectiveThresholds(PreferencesStale, config.thresholds);
  const findings = evaluateSignal(PreferencesStale.signal, entrySamples(states), thresholds) ?? [];
  return findings.some(({ holds }) => holds);
}

function staleWords(holds: boolean | undefined): string {
  if (holds === undefined) return "cannot be judged: nothing says who changed something";
  return holds ? "holds" : "does not hold";
}

/** Share of the latest active people of the plan who have an entry. */
async function hitRatio(
  setup: PreferencesSetup,
  { entries, database }: Stores,
  { users, from }: NonNullable<PreferencesDetails["warm"]>,
): Promise<number> {
  const page = await ask(database, (client) => candidatesFrom(client, setup, from, candidateRows));
  const sampled = page.users.slice(0, users);
  const missing = await entries.missing(sampled);
  return sampled.length === 0 ? 1 : 1 - missing.length / sampled.length;
}

/** Looks at the entries of all who changed something, at the exporter's own sample, and at those who were warmed. */
export async function verifyPreferences(
  context: RecoveryContext<"preferences">,
  { details }: Plan<PreferencesDetails>,
): Promise<Verification> {
  const setup = preferencesSetup(context.config);
  return withStores(setup, async (stores) => {
    const facts: Fact[] = [];
    const figures: Record<string, number> = {};
    const source = await ask(stores.database, (client) => changesSource(client, setup.tables));
    let wrong: number;
    if (details.by === "changes") {
      const found = await countChanged(setup, stores, details);
      wrong = found.outdated + found.otherLayout;
      figures.changed_people = found.people;
      facts.push({
        label: "outdated",
        value: `${count(wrong)} of the entries of all ${count(found.people)} people who changed something; ${count(found.later)} changed again since, which their readers know`,
      });
    } else {
      const { compared, stale } = await sampleCache(setup, stores, source, entriesOfPrimary);
      wrong = stale + compared.filter((one) => one === "future" || one === "other_layout").length;
      figures.sampled_entries = compared.length;
      facts.push({
        label: "wrong",
        value: `${count(wrong)} of ${count(compared.length)} sampled entries are believed although they contradict their row`,
      });
    }
    figures.wrong_entries = wrong;
    const isStale =
      source === "none" ? undefined : staleHolds(context, await exportersSample(setup, stores, source));
    facts.push({ label: "PreferencesStale", value: staleWords(isStale) });
    const hits = details.warm === undefined ? undefined : await hitRatio(setup, stores, details.warm);
    if (hits !== undefined) {
      figures.warm_hit_ratio = hits;
      facts.push({
        label: "warm",
        value: `${(hits * 100).toFixed(1)} % of the latest active people have an entry`,
      });
    }
    return {
      holds: wrong === 0 && isStale !== true && (hits ?? 1) >= warmRatio,
      facts,
      figures,
    };
  });
}
