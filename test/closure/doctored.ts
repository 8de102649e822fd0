import type { DegradationMode } from "../../catalog/mode.ts";
import { modes } from "../../catalog/modes.ts";

/** The catalog with one mode changed, to see that a check can fail. */
export function changed(id: string, change: Partial<DegradationMode>): DegradationMode[] {
  if (!modes.some((mode) => mode.id === id)) throw new Error(`there is no mode ${id} to change`);
  return modes.map((mode) => (mode.id === id ? { ...mode, ...change } : mode));
}

/** The catalog without a mode. */
export function without(id: string): DegradationMode[] {
  return modes.filter((mode) => mode.id !== id);
}
