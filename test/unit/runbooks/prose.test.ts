import { expect, test } from "vitest";
import { codeBlock, table } from "../../../runbooks/markdown.ts";
import { metricsNamedIn, prose } from "../../../runbooks/prose.ts";

const cases: readonly (readonly [plain: string, markdown: string])[] = [
  ["run redisops recover bloom.", "run `redisops recover bloom`."],
  ["run redisops recover token-buckets --execute now", "run `redisops recover token-buckets --execute` now"],
  ["watch redisops status until it ends", "watch `redisops status` until it ends"],
  ["redisops status --role dedup shows it", "`redisops status --role dedup` shows it"],
  ["Run it again with --execute.", "Run it again with `--execute`."],
  ["see BloomCold", "see [BloomCold](BloomCold.md)"],
  ["DedupSkipped itself", "DedupSkipped itself"],
  ["MEMORY_SHORT", "[MEMORY_SHORT](../docs/errors.md#memory_short)"],
  ['redisops_role_up{role="dedup"} is 1.', '`redisops_role_up{role="dedup"}` is 1.'],
  ['up{job="redisops"} is 1', '`up{job="redisops"}` is 1'],
  ["what is up is not down", "what is up is not down"],
  ["raise roles.dedup.filter.capacity, then", "raise `roles.dedup.filter.capacity`, then"],
  ["limit_per_second in redisops.yaml", "`limit_per_second` in `redisops.yaml`"],
  ["see docs/security.md.", "see [docs/security.md](../docs/security.md)."],
  ["pg_hba.conf, tls.ca_file, state_dir/runs", "`pg_hba.conf`, `tls.ca_file`, `state_dir/runs`"],
  ["in roles.<role>.contract.replicas", "in `roles.<role>.contract.replicas`"],
  ["set user_id. Then", "set `user_id`. Then"],
  ["already `quoted_here`", "already `quoted_here`"],
  ["a < b, *c* and [d]", "a &lt; b, \\*c\\* and \\[d\\]"],
];

test.each(cases)("%s", (plain, markdown) => {
  expect(prose(plain, "DedupSkipped")).toBe(markdown);
});

test("metrics are found with their matchers, once each", () => {
  expect(
    metricsNamedIn(
      'redisops_role_up{role="dedup"} is 1; redisops_pending_deliveries falls, redisops_pending_deliveries',
    ),
  ).toEqual(['redisops_role_up{role="dedup"}', "redisops_pending_deliveries"]);
});

test("bars and line breaks do not break a table, and its columns are aligned", () => {
  expect(table(["a", "b"], [["x|y", "one\ntwo"]])).toBe(
    "| a    | b       |\n| ---- | ------- |\n| x\\|y | one two |",
  );
});

test("code in a list item is indented as a whole", () => {
  expect(codeBlock("sh", "one\ntwo", "   ")).toBe("   ```sh\n   one\n   two\n   ```");
});
