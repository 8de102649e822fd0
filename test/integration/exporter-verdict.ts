import { inspect } from "node:util";
import { expect } from "vitest";
import type { ErrorCodeName } from "../../core/error-codes.ts";
import type { ExporterUnderTest } from "./exporter-harness.ts";
import type { MetricsPage } from "./exporter-page.ts";

/** What a failing Redis role must look like to Prometheus and to on-call. */
interface ExpectedVerdict {
  readonly role: string;
  readonly errorClass: string;
  readonly code: ErrorCodeName;
  /** What the message must name besides the role: an address, a reason. */
  readonly says: readonly string[];
  /** What must not be shown anywhere. */
  readonly secrets?: readonly string[];
}

/** Expects the verdict on the page, in the probe's error and in the log; returns the page. */
export async function expectVerdict(
  exporter: ExporterUnderTest,
  { role, errorClass, code, says, secrets = [] }: ExpectedVerdict,
): Promise<MetricsPage> {
  const page = await exporter.scrape();
  expect(page.verdict(role)).toBe(errorClass);
  expect(page.value("redisops_probe_success", { probe: "redis", target: role })).toBe(0);
  expect(page.all("redisops_role_response_seconds", { role })).toEqual([]);

  const { error } = await exporter.result("redis", role);
  expect(error?.code).toBe(code);
  for (const words of [`${role} Redis`, ...says]) expect(error?.message).toContain(words);
  expect(error?.next).toMatch(/\S.*\.$/);
  const shown = [page.text, JSON.stringify(error), inspect(error, { depth: 9 }), ...exporter.log].join("\n");
  expect(exporter.log.join("")).toContain(code);
  for (const secret of secrets) expect(shown).not.toContain(secret);
  return page;
}

/** Waits until the role answers again, with nothing left of its failure. */
export async function expectRecovery(exporter: ExporterUnderTest, role: string): Promise<MetricsPage> {
  const page = await exporter.scrapeUntil(`${role} to be up`, (found) => found.verdict(role) === "up");
  expect(page.value("redisops_probe_success", { probe: "redis", target: role })).toBe(1);
  expect(page.value("redisops_role_response_seconds", { role })).toBeGreaterThan(0);
  return page;
}
