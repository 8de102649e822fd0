import type { Check, CheckStatus } from "../operations/doctor/check.ts";
import type { Diagnosis } from "../operations/doctor/doctor.ts";
import { print, styled } from "./output.ts";

const styles = { ok: "green", warning: "yellow", failed: "red", skipped: "gray" } as const;

/** Worst first, so that what matters is below each other. */
const order: readonly CheckStatus[] = ["failed", "warning", "skipped"];

/** Longer findings are cut in the table; those with a fix are whole below it. */
const foundColumns = 90;

function cut(text: string): string {
  const line = text.replace(/\s*\n\s*/g, " ");
  return line.length <= foundColumns ? line : `${line.slice(0, foundColumns - 1)}…`;
}

function printFix({ id, status, found, fix }: Check): void {
  print();
  print(`${styled(styles[status], status)}  ${styled("bold", id)}`);
  for (const line of found.split("\n")) print(`  ${line}`);
  if (fix === undefined) return;
  const [first = "", ...rest] = fix.split("\n");
  print(`  fix: ${first}`);
  for (const line of rest) print(`       ${line}`);
}

/** Prints a line for each check, and below the table what to do about those that are not ok. */
export async function printDiagnosis({ checks }: Diagnosis): Promise<void> {
  const { columns } = await import("./table.ts");
  const rows = checks.map(({ id, status, found }) => [styled(styles[status], status), id, cut(found)]);
  for (const line of columns(["STATUS", "CHECK", "FOUND"], rows)) print(line);
  for (const status of order) {
    for (const check of checks.filter((each) => each.status === status)) printFix(check);
  }
  const counts = (["ok", ...order.toReversed()] as const).map(
    (status) => `${checks.filter((check) => check.status === status).length} ${status}`,
  );
  print();
  print(counts.join(", "));
}
