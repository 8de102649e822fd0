import type { RecoveryName } from "../catalog/recoveries.ts";
import { parseDuration } from "../core/duration.ts";
import { RedisopsError } from "../core/errors.ts";
import { type OptionSpec, recoveryCommands } from "./options.ts";

function checkedValue(option: string, { type, default: standard }: OptionSpec, value: unknown): unknown {
  const given = value ?? standard;
  if (given === undefined) return type === "strings" ? [] : undefined;
  if (Array.isArray(given) && type !== "strings") {
    throw new RedisopsError("USAGE", `--${option} was given more than once`);
  }
  if (type === "number" && !Number.isFinite(given)) {
    throw new RedisopsError("USAGE", `--${option} must be a number`);
  }
  if (type !== "duration") return given;
  try {
    return parseDuration(String(given));
  } catch {
    throw new RedisopsError("USAGE", `--${option} must be a duration such as 30s or 1m30s, not “${given}”`);
  }
}

/** The values of a recovery's own options among those of its command. Throws USAGE. */
export function ownOptions(
  name: RecoveryName,
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const values = Object.entries<OptionSpec>(recoveryCommands[name].options).map(([option, spec]) => [
    option,
    checkedValue(option, spec, given[option]),
  ]);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}
