import { z } from "zod";
import { redisRoles } from "../../catalog/roles.ts";
import { bounds, units } from "../capacity/failure.ts";
import { origins } from "../capacity/figures.ts";
import type { OutputDocument } from "./shared.ts";

const list = z.array(z.string());
const figure = z.strictObject({
  value: z.number(),
  from: z.enum(origins).describe("Who says so."),
  how: z.string().describe("An expression, a key of redisops.yaml, or the reason of an assumption."),
});

const row = z.strictObject({
  id: z.string(),
  what: z.string(),
  unit: z.enum(units),
  value: z.number().nullable().describe("By the formula; null where it has none, or no bound."),
  bound: z.enum(bounds).optional().describe("What the formula says of the truth; exactly when left out."),
  formula: z.string(),
  source: z.string().describe("Whose formula it is."),
  simulated: z.number().nullable().optional().describe("By simulation; null where it did not end."),
});

const simulation = z.strictObject({
  id: z.string(),
  seed: z.int(),
  scale: z.string().describe("What was simulated in place of the whole platform."),
  title: z.string(),
  x: z.string(),
  y: z.string(),
  series: z.array(z.strictObject({ name: z.string(), points: z.array(z.tuple([z.number(), z.number()])) })),
});

export const capacityDocuments: readonly OutputDocument[] = [
  {
    command: "capacity",
    about: "What each failure would do.",
    schema: z.strictObject({
      platform: z.string(),
      seed: z.int().describe("What the simulations are drawn from."),
      figures: z.record(z.string(), figure).describe("What the model starts from, by name."),
      providers: z.array(z.strictObject({ provider: z.string(), load: figure, limits: z.array(z.number()) })),
      failures: z.array(
        z.strictObject({
          id: z.string(),
          title: z.string(),
          role: z.enum(redisRoles),
          modes: list.describe("The degradation modes that it shows as."),
          rows: z.array(row),
          missing: list.describe("Figures without which nothing can be said; then there are no rows."),
          notes: list,
          simulations: z.array(simulation),
        }),
      ),
    }),
  },
];
