import { readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { type RecoveryName, recoveryRoles } from "../catalog/recoveries.ts";
import type { Config } from "../core/config/schema.ts";
import { messageOf, RedisopsError } from "../core/errors.ts";
import type { Fact, Pin, Plan } from "./recovery.ts";

/** The form of the file; one of another form is refused. */
const form = 1;
/** Bytes that are read of a file at most. */
const mostBytes = 10_000_000;

const fact = z.object({ label: z.string(), value: z.string() }) satisfies z.ZodType<Fact>;
const pin = z.object({
  of: z.enum(["target", "source"]),
  label: z.string(),
  value: z.union([z.string(), z.number()]),
}) satisfies z.ZodType<Pin>;

const schema = z.object({
  redisops_plan: z.literal(form),
  platform: z.string(),
  recovery: z.enum(Object.keys(recoveryRoles) as [RecoveryName, ...RecoveryName[]]),
  made_at: z.string(),
  options: z.record(z.string(), z.unknown()),
  pins: z.array(pin),
  plan: z.object({
    target: z.string(),
    facts: z.array(fact),
    steps: z.array(z.string()),
    risks: z.array(z.string()),
    hasChanges: z.boolean(),
    severe: z.string().optional(),
    items: z.number(),
    details: z.unknown(),
  }),
});

/** A plan as it is kept in a file, to be read by others and carried out later. */
export interface SavedPlan {
  readonly recovery: RecoveryName;
  readonly options: Readonly<Record<string, unknown>>;
  readonly pins: readonly Pin[];
  readonly plan: Plan;
}

/** Writes a plan to a file, whole or not at all. Throws USAGE where that cannot be written. */
export function savePlan(path: string, { platform }: Config, { plan, ...saved }: SavedPlan): void {
  const { refusal: _, ...shown } = plan;
  const { recovery, options, pins } = saved;
  const text = JSON.stringify(
    {
      redisops_plan: form,
      platform,
      recovery,
      made_at: new Date().toISOString(),
      options,
      pins,
      plan: shown,
    },
    null,
    2,
  );
  try {
    writeFileSync(`${path}.new`, `${text}\n`, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  } catch (error) {
    throw new RedisopsError("USAGE", `The plan cannot be written to ${path}: ${messageOf(error)}`, {
      next: "Name a file in a folder that this user may write.",
    });
  }
}

/** Reads a plan from a file. Throws PLAN_INVALID for anything that is not one of this platform. */
export function readPlan(path: string, { platform }: Config): SavedPlan {
  let content: unknown;
  try {
    if (statSync(path).size > mostBytes) throw new Error("it is too large for a plan");
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new RedisopsError("PLAN_INVALID", `${path} cannot be read as a plan: ${messageOf(error)}`);
  }
  const { data } = schema.safeParse(content);
  if (data === undefined) {
    throw new RedisopsError("PLAN_INVALID", `${path} is not a plan that this version of redisops saved`);
  }
  if (data.platform !== platform) {
    throw new RedisopsError(
      "PLAN_INVALID",
      `${path} is a plan for the platform ${data.platform}, not ${platform}`,
    );
  }
  const { severe, ...plan } = data.plan;
  return { ...data, plan: { ...plan, ...(severe === undefined ? {} : { severe }) } };
}
