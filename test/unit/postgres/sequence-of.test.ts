import { expect, test } from "vitest";
import { sequenceOf } from "../../../core/postgres/sequence-maxima.ts";
import { sequenceId, timestampId } from "../../../core/sequence/message-id.ts";

test.each([
  ["17", 17],
  ["0", 0],
  [sequenceId(42, 1_700_000_000_000).text, 42],
  [timestampId(1_700_000_000_000, 5).text, undefined],
  ["-3", undefined],
  ["1700000000000-s42", undefined],
  ["", undefined],
  ["a text", undefined],
])("of the id %j the sequence number is %s", (text, expected) => {
  expect(sequenceOf(text)).toBe(expected);
});
