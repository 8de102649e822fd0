import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { documentedRules } from "../../../operations/doctor/redis-rules.ts";
import { untriable } from "../../../operations/doctor/redis-tries.ts";

const document = readFileSync(new URL("../../../docs/security.md", import.meta.url), "utf8");

test("the rules that doctor tries are those of docs/security.md", () => {
  const rows = new Map(
    [...document.matchAll(/^\| ([^|`]+?) +\| `(.+)` +\|$/gm)].map(([, user = "", rules = ""]) => [
      user,
      rules.replaceAll("\\|", "|"),
    ]),
  );
  for (const [user, rules] of Object.entries(documentedRules))
    expect([user, rows.get(user)]).toEqual([user, rules]);
  // Of other servers than a role's: what applications are, and where messages are handed over.
  const others = [...rows.keys()].filter((user) => !(user in documentedRules));
  expect(
    others.filter((user) => !/^application, |^recover pending, delivery|^redisops init/.test(user)),
  ).toEqual([]);
});

test("every command of the rules can be tried", () => {
  const rules = Object.values(documentedRules).flatMap((row) => row.split(" "));
  expect(untriable(rules)).toEqual([]);
  expect(untriable(["+flushall"])).toEqual(["flushall"]);
});
