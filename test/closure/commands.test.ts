import { expect, test } from "vitest";
import { modes } from "../../catalog/modes.ts";
import { recoveryCommands } from "../../recovery/options.ts";
import { commandGaps, commandsOnPage, complaint, namedCommands, remedyGaps } from "./commands.ts";
import { committedPages, committedRules } from "./committed.ts";
import { changed } from "./doctored.ts";

test("every command that the catalog, the alerts and the runbooks name is understood by the command line", async () => {
  const commands = namedCommands(modes, committedRules(), committedPages());
  for (const kind of ["catalog/modes/", "the alert ", "runbooks/"]) {
    expect(commands.filter(({ where }) => where.startsWith(kind)).length, kind).toBeGreaterThanOrEqual(
      modes.length,
    );
  }
  expect(await commandGaps(commands)).toEqual([]);
});

test.each([
  ["redisops recover blom", /Did you mean bloom\?/],
  ["redisops status --role self", /Argument: role, Given: "self"/],
  ["redisops status --roles dedup", /Unknown option: --roles/],
  ["redisops recover", /Say what to recover/],
  ["redisops frobnicate", /Unknown command/],
  ["redisops lab inject kill --rolle dedup", /Unknown option: --rolle/],
  ["redisops runbook show", /Not enough non-option arguments/],
  ["redisops generate alerts", /Missing required argument: out/],
  ["redisop status", /no command of redisops/],
])("%s is not understood", async (command, why) => {
  expect(await complaint(command)).toMatch(why);
  const [gap] = await commandGaps([{ where: "here", command }]);
  expect(gap).toMatch(/^here: "redisop.*" does not parse: /);
});

test.each([
  "redisops recover bloom --execute --json --config other.yaml",
  "redisops status --role dedup",
  "redisops lab inject cut-shard --shard 2 --for 30s",
  "redisops runbook show BloomCold",
  "redisops exporter",
])("%s is understood, and not run", async (command) => {
  expect(await complaint(command)).toBeUndefined();
});

test("commands are found in shell blocks and in code spans", () => {
  const page =
    "`redisops recover bloom`, `redisops_role_up`\n```sh\nredisops status  # see\nwatch -n 5 redisops status --role dedup\namtool x\n```\n";
  expect(commandsOnPage("Page.md", page)).toEqual([
    { where: "runbooks/Page.md", command: "redisops status" },
    { where: "runbooks/Page.md", command: "redisops status --role dedup" },
    { where: "runbooks/Page.md", command: "redisops recover bloom" },
  ]);
});

test("every mode has a remedy or the reason why there is none, and every recovery a mode", () => {
  const names = Object.keys(recoveryCommands);
  expect(remedyGaps(modes, names)).toEqual([]);
  expect(remedyGaps(modes, [...names, "other"])).toEqual([
    expect.stringMatching(/^recover other: no mode's remedy leads to it/),
  ]);
  const withoutBuckets = names.filter((name) => name !== "token-buckets");
  expect(remedyGaps(modes, withoutBuckets)).toEqual([
    expect.stringContaining('names the recovery "token-buckets"'),
  ]);
  const none = modes.find(({ id }) => id === "RegistryDown")?.remedy;
  if (none?.kind !== "none") throw new Error("RegistryDown has a command now");
  expect(remedyGaps(changed("RegistryDown", { remedy: { ...none, reason: "" } }), names)).toEqual([
    expect.stringMatching(/^RegistryDown: neither a command nor a reason/),
  ]);
});
