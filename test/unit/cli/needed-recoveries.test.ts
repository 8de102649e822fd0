import { expect, test } from "vitest";
import { modes } from "../../../catalog/modes.ts";
import { neededRecoveries } from "../../../cli/recover/recover-all.ts";

/** Modes as they are when they hold, with the command that the catalog has for them. */
function held(...ids: readonly string[]) {
  return ids.map((id) => {
    const remedy = modes.find((mode) => mode.id === id)?.remedy;
    if (remedy === undefined) throw new Error(`the catalog has no mode ${id}`);
    return { id, command: remedy.kind === "command" ? remedy.command : undefined };
  });
}

const always = () => true;

test("recoveries come in the order in which they are safe, whatever the order of the modes", () => {
  const all = held(
    "PreferencesStale",
    "TokenBucketsDrained",
    "BloomCold",
    "PendingDeliveriesBacklog",
    "RegistryCold",
    "SequenceRegressed",
  );
  expect([...neededRecoveries(all, always)]).toEqual([
    ["sequence", ["SequenceRegressed"]],
    ["registry", ["RegistryCold"]],
    ["pending", ["PendingDeliveriesBacklog"]],
    ["bloom", ["BloomCold"]],
    ["token-buckets", ["TokenBucketsDrained"]],
    ["preferences", ["PreferencesStale"]],
  ]);
});

test("modes of one recovery call for it once, and those without a command for none", () => {
  const both = held("BloomCold", "RegistryDown", "BloomSaturated");
  expect([...neededRecoveries(both, always)]).toEqual([["bloom", ["BloomCold", "BloomSaturated"]]]);
  expect(neededRecoveries(held("RegistryDown", "RecoveryFailed"), always).size).toBe(0);
});

test("a drain follows the registry, before the filter, where one is possible", () => {
  const cold = held("BloomCold", "RegistryCold");
  expect([...neededRecoveries(cold, always)]).toEqual([
    ["registry", ["RegistryCold"]],
    ["pending", ["after registry"]],
    ["bloom", ["BloomCold"]],
  ]);
  expect([...neededRecoveries(cold, () => false).keys()]).toEqual(["registry", "bloom"]);
});
