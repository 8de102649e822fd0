import type { DegradationMode } from "../../catalog/mode.ts";
import { modes } from "../../catalog/modes.ts";
import { RedisopsError } from "../../core/errors.ts";

/** At most this many of a name’s letters may be wrong for it to be suggested. */
const mistakes = 4;

/** Names that somebody may have meant, nearest first. */
async function suggestions(name: string): Promise<string[]> {
  const { default: leven } = await import("leven");
  const wanted = name.toLowerCase();
  return modes
    .map(({ id }) => {
      const own = id.toLowerCase();
      // The beginning of a name is as good as the whole.
      const beginning = wanted.length < 4 ? own : own.slice(0, wanted.length);
      const distance =
        wanted.length > 2 && own.includes(wanted)
          ? 0
          : Math.min(leven(own, wanted), leven(beginning, wanted));
      return { id, distance };
    })
    .filter(({ distance }) => distance <= Math.min(mistakes, Math.ceil(wanted.length / 3)))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ id }) => id);
}

/** The mode of a name, whatever its case. Throws USAGE with the names that may have been meant. */
export async function findMode(name: string): Promise<DegradationMode> {
  const mode = modes.find(({ id }) => id.toLowerCase() === name.toLowerCase());
  if (mode !== undefined) return mode;
  const near = await suggestions(name);
  const meant = near.length === 0 ? "" : `. Did you mean ${near.join(" or ")}?`;
  throw new RedisopsError("USAGE", `There is no mode called ${name}${meant}`, {
    next: "redisops runbook list shows all modes, redisops runbook search finds one by a word.",
  });
}
