import type { DegradationMode } from "../catalog/mode.ts";
import { modes } from "../catalog/modes.ts";
import type { PanelSpec } from "./panel.ts";

/**
 * The modes that a panel serves: those that name it, those of its role that name the panel of which it is that role's
 * part, and those that it stands for by its construction.
 */
export function servedModes(spec: PanelSpec, all: readonly DegradationMode[] = modes): DegradationMode[] {
  const { narrows, standsFor } = spec.kind === "text" ? { narrows: undefined, standsFor: undefined } : spec;
  return all.filter(
    ({ id, role, panels }) =>
      panels.includes(spec.id) ||
      standsFor?.includes(id) ||
      (narrows !== undefined && panels.includes(narrows.panel) && (role === narrows.role || role === "any")),
  );
}
