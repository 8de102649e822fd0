import { modes } from "../../catalog/modes.ts";
import type { Config } from "../../core/config/schema.ts";
import { messageOf, RedisopsError } from "../../core/errors.ts";
import type { ActiveAlert } from "../../core/prometheus.ts";
import type { ProbeResult } from "../../exporters/probe.ts";
import type { Probes } from "../../exporters/probes.ts";
import { platformStatus } from "../../exporters/status.ts";
import type { ShownRow } from "../status-table.ts";
import type { StatusOptions } from "./options.ts";

/** Longest wait for Prometheus, which knows since when a mode holds and those that no probe sees, in milliseconds. */
export const prometheusDeadline = 2_000;

/** What one look at the platform showed. */
export interface Look {
  /** When all had answered, in milliseconds since 1970. */
  readonly at: number;
  readonly rows: readonly ShownRow[];
  readonly healthy: boolean;
  readonly results: readonly ProbeResult[];
  /** Why Prometheus could not be asked. */
  readonly warning: string | undefined;
}

/** What Prometheus knows; nothing where it is not configured or does not answer. */
async function knownAlerts({ prometheus }: Config): Promise<{ alerts: ActiveAlert[]; warning?: string }> {
  if (prometheus === undefined) return { alerts: [] };
  const { activeAlerts } = await import("../../core/prometheus.ts");
  try {
    return { alerts: await activeAlerts(prometheus.url, prometheusDeadline) };
  } catch (error) {
    return { alerts: [], warning: `${messageOf(error)}; since when a mode holds is not known` };
  }
}

/** Probes everything once, and asks Prometheus meanwhile. `role` leaves out the others. */
export async function lookAt(config: Config, probes: Probes, role: string | undefined): Promise<Look> {
  const [{ alerts, warning }, results, { linkAnnotations }, { ruleOptions }] = await Promise.all([
    knownAlerts(config),
    probes.run(),
    import("../../alerts/rules.ts"),
    import("../../alerts/defaults.ts"),
  ]);
  const at = Date.now();
  const runbookOf = (id: string) => {
    const mode = modes.find((each) => each.id === id);
    return mode === undefined ? "" : (linkAnnotations(mode, ruleOptions(config)).runbook_url ?? "");
  };
  const rows = platformStatus(results, config.thresholds, alerts, at)
    .filter((row) => role === undefined || row.role === role)
    .map((row) => ({
      ...row,
      modes: row.modes.map((mode) => ({ ...mode, runbook: runbookOf(mode.id) })),
    }));
  return { at, rows, healthy: rows.every(({ state }) => state === "ok"), results, warning };
}

/** A look is told as one JSON document. */
export function lookDocument({ platform }: { readonly platform: string }, { rows, healthy }: Look) {
  return { platform, healthy, roles: rows };
}

/** Makes sure that something was looked at. Throws CONFIG_INCOMPLETE. */
export function requireRows({ rows }: Look, { role, config }: StatusOptions): void {
  if (rows.some((row) => row.role !== "self")) return;
  const missing = role === undefined ? "no role, no Postgres and no provider" : `no ${role}`;
  throw new RedisopsError("CONFIG_INCOMPLETE", `${config} describes ${missing}: there is nothing to probe`);
}
