import { expect, test } from "vitest";
import { missingLine } from "../../../lab/drills/shown-lines.ts";

const output = `ROLE      TARGET           STATE    MODE
registry  127.0.0.1:24121  refused  RegistryDown

registry  127.0.0.1:24121
  REDIS_REFUSED: connect ECONNREFUSED (127.0.0.1:24121)
    next: Start it.
`;

test.each<readonly string[]>([
  [],
  ["registry … refused RegistryDown"],
  ["registry … refused RegistryDown", "REDIS_REFUSED: connect ECONNREFUSED (…)", "next: Start it."],
  ["…", "…Start it."],
  ["ROLE TARGET STATE MODE", "registry 127.0.0.1:24121"],
])("%j is shown", (...shows) => {
  expect(missingLine(shows, output)).toBeUndefined();
});

test.each<readonly [shows: readonly string[], line: string, after: string | undefined]>([
  [["dedup …"], "dedup …", undefined],
  // The whole line counts, and so does the order.
  [["REDIS_REFUSED"], "REDIS_REFUSED", undefined],
  [["…next: Start it.", "REDIS_REFUSED…"], "REDIS_REFUSED…", "…next: Start it."],
  // A line is not found twice.
  [["…ECONNREFUSED…", "…ECONNREFUSED…"], "…ECONNREFUSED…", "…ECONNREFUSED…"],
  [["registry 127.0.0.1.24121"], "registry 127.0.0.1.24121", undefined],
])("%j is not shown", (shows, line, after) => {
  expect(missingLine(shows, output)).toEqual({ line, after });
});
