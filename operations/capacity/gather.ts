import leven from "leven";
import type { RecoveryName } from "../../catalog/recoveries.ts";
import type { Config } from "../../core/config/schema.ts";
import { RedisopsError } from "../../core/errors.ts";
import { earlierRates, journalFolder } from "../../recovery/run/journal.ts";
import { exampleFigures, withAssumptions } from "./assumptions.ts";
import {
  type Figure,
  type FigureName,
  type Figures,
  figureDefinition,
  figureNames,
  type ProviderFigures,
} from "./figures.ts";
import { type Live, measureReads, observe } from "./live.ts";

/** Figures that the operator gives, by name. */
export type GivenFigures = Readonly<Partial<Record<FigureName, number>>>;

/** The recoveries whose earlier runs tell a figure. */
const ratedBy: Partial<Record<FigureName, RecoveryName>> = {
  rebuild_ids_per_second: "bloom",
  drain_messages_per_second: "pending",
  registry_entries_per_second: "registry",
};

function nearest(name: string): string {
  const begun = name === "" ? undefined : figureNames.find((each) => each.startsWith(name));
  const [closest] = [...figureNames].sort((one, other) => leven(name, one) - leven(name, other));
  return begun ?? closest ?? "";
}

function checked(name: FigureName, text: string): number {
  const { unit, positive } = figureDefinition(name);
  const value = text.trim() === "" ? Number.NaN : Number(text);
  const expected =
    unit === "ratio" ? "a number from 0 to 1" : positive === true ? "a number above 0" : "a number from 0 up";
  const fits =
    Number.isFinite(value) &&
    value >= 0 &&
    (positive !== true || value > 0) &&
    (unit !== "ratio" || value <= 1);
  if (!fits || value > 1e15)
    throw new RedisopsError("USAGE", `--set ${name}: expected ${expected}, got "${text}"`);
  return value;
}

/** Reads `name=value` words. Throws USAGE on an unknown name, one that comes twice, or a value that it cannot have. */
export function parseGiven(words: readonly string[]): GivenFigures {
  const given: Partial<Record<FigureName, number>> = {};
  for (const word of words) {
    const [, name = word, text] = /^([^=]*)=(.*)$/s.exec(word) ?? [];
    const known = figureNames.find((each) => each === name);
    if (known === undefined) {
      throw new RedisopsError("USAGE", `--set: there is no figure "${name}"`, {
        next: `Did you mean ${nearest(name)}? redisops capacity --example shows the figures, under STARTS FROM.`,
      });
    }
    if (text === undefined) throw new RedisopsError("USAGE", `--set ${name}: expected ${name}=number`);
    if (given[known] !== undefined) throw new RedisopsError("USAGE", `--set ${name} is given twice`);
    given[known] = checked(known, text);
  }
  return given;
}

/** What the operator gave, as figures. */
function givenAsFigures(given: GivenFigures): Partial<Record<FigureName, Figure>> {
  const figures: Partial<Record<FigureName, Figure>> = {};
  for (const name of figureNames) {
    const value = given[name];
    if (value !== undefined) figures[name] = { value, from: "option", how: `--set ${name}` };
  }
  return figures;
}

/** The figures of `--example`, with those that the operator gave over them. */
export function gatherExample(given: GivenFigures): Figures {
  return exampleFigures(givenAsFigures(given));
}

function declared(config: Config, name: FigureName): Figure | undefined {
  const place = figureDefinition(name).declared;
  const value = place?.read(config);
  if (place === undefined || value === undefined) return undefined;
  return { value, from: "config", how: place.key };
}

function fromEarlierRuns(config: Config, name: FigureName): Figure | undefined {
  const recovery = ratedBy[name];
  if (recovery === undefined) return undefined;
  const rates = earlierRates(journalFolder(config), recovery).sort((one, other) => one - other);
  const median = rates[Math.floor(rates.length / 2)];
  if (median === undefined) return undefined;
  return {
    value: median,
    from: "earlier runs",
    how: `median of ${rates.length} of redisops recover ${recovery} on this machine`,
  };
}

function providerFigures(config: Config, live: Live, notifications: Figure | undefined): ProviderFigures[] {
  const limitsOf = Object.entries(config.providers).map(([provider, { accounts }]) => ({
    provider,
    limits: Object.values(accounts).map((account) => account.limit_per_second),
  }));
  const all = limitsOf.flatMap(({ limits }) => limits).reduce((sum, limit) => sum + limit, 0);
  return limitsOf.map(({ provider, limits }) => {
    const own = limits.reduce((sum, limit) => sum + limit, 0);
    const said = config.capacity.providers[provider]?.notifications_per_second;
    const load: Figure = live.sent.get(provider) ??
      (said === undefined
        ? undefined
        : {
            value: said,
            from: "config" as const,
            how: `capacity.providers.${provider}.notifications_per_second`,
          }) ?? {
        value: notifications === undefined ? own : (notifications.value * own) / all,
        from: "assumed",
        how: notifications === undefined ? "as much as its accounts grant" : "notifications shared by limits",
      };
    return { provider, load, limits };
  });
}

/** How the figures are gathered. */
export interface GatherOptions {
  /** Whether Postgres's reads are measured now. */
  readonly measure: boolean;
  readonly given: GivenFigures;
  readonly onWarning: (message: string) => void;
}

/**
 * All that can be known of a platform: what the operator gives, else what is observed, else what redisops.yaml says (the
 * other way round for its settings), else what earlier runs did, else what may be assumed.
 */
export async function gatherFigures(
  config: Config,
  { measure, given, onWarning }: GatherOptions,
): Promise<Figures> {
  // Before the platform is asked: a burst would show in what it says of itself.
  const live = await observe(config, onWarning);
  const measured = measure ? await measureReads(config, onWarning) : undefined;
  const known: Partial<Record<FigureName, Figure>> = {};
  for (const name of figureNames) {
    const { setting } = figureDefinition(name);
    const [seen, said] = [live.values[name], declared(config, name)];
    const figure = (setting === true ? (said ?? seen) : (seen ?? said)) ?? fromEarlierRuns(config, name);
    if (figure !== undefined) known[name] = figure;
  }
  if (measured !== undefined) known.postgres_reads_per_second = measured;
  const values = withAssumptions({ ...known, ...givenAsFigures(given) });
  return { values, providers: providerFigures(config, live, values.notifications_per_second) };
}
