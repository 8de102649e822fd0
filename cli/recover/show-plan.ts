import type { PreparedPlan } from "../../recovery/engine.ts";
import type { Plan } from "../../recovery/recovery.ts";
import { aligned, print, styled } from "../output.ts";

/** The plan as `--json` has it. */
export function plainPlan({ plan, duration }: Pick<PreparedPlan<unknown>, "plan" | "duration">) {
  const { refusal: _, details: __, ...shown } = plan;
  return { ...shown, duration };
}

/** Prints what a recovery would do. */
export function showPlan(name: string, plan: Plan, duration: string): void {
  print(styled("bold", `Plan: recover ${name} on ${plan.target}`));
  for (const line of aligned([...plan.facts, { label: "duration", value: duration }])) print(line);
  if (!plan.hasChanges) return;
  print("Steps");
  plan.steps.forEach((step, index) => {
    print(`  ${index + 1}. ${step}`);
  });
  print("Risks");
  for (const risk of plan.risks) print(`  - ${risk}`);
  if (plan.severe !== undefined) print(styled("bold", `  ! ${plan.severe}`));
}
