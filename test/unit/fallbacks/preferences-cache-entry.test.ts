import { expect, test } from "vitest";
import { decodePreferences, encodePreferences } from "../../../core/preferences/cache-entry.ts";

test("an entry is read as it was written", () => {
  for (const optedOut of [[], ["sms"], ["sms", 'odd, "channel"']]) {
    const preferences = { asOf: 4_294_967_296_123, readAt: 1_780_000_000, optedOut };
    expect(decodePreferences(encodePreferences(preferences))).toEqual(preferences);
  }
  expect(encodePreferences({ asOf: 7, readAt: 9, optedOut: ["sms"] })).toBe('[7,9,"sms"]');
});

test.each(["", "sms", "null", "{}", "[]", "[1]", '["1",2]', "[1,2,3]", "[1,2,null]", "[1,2,[]]"])(
  "%s is no entry",
  (value) => expect(decodePreferences(value)).toBeUndefined(),
);
