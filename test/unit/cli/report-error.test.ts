import { expect, test } from "vitest";
import { aligned, reportError } from "../../../cli/output.ts";
import { type ErrorCodeName, errorCodes } from "../../../core/error-codes.ts";
import { RedisopsError } from "../../../core/errors.ts";
import { written } from "./output.ts";

const names = Object.keys(errorCodes) as ErrorCodeName[];

test.each(names)("%s is told with its next step, and ends with its own exit code", async (name) => {
  const error = new RedisopsError(name, "what happened");
  let code: number | undefined;
  const plain = await written(() => {
    code = reportError(error, false);
  });
  expect(code).toBe(errorCodes[name].exitCode);
  expect(plain).toEqual({
    stdout: "",
    stderr: `error ${name}  what happened\n  next: ${errorCodes[name].next}\n`,
  });
  const asJson = await written(() => reportError(error, true));
  expect(asJson.stderr).toBe("");
  expect(JSON.parse(asJson.stdout)).toEqual({
    error: { code: name, message: "what happened", next: errorCodes[name].next },
  });
});

test("what nobody foresaw is a defect, whatever was thrown", async () => {
  for (const thrown of [new TypeError("x is undefined"), "x is undefined"]) {
    let code: number | undefined;
    const { stderr } = await written(() => {
      code = reportError(thrown, false);
    });
    expect(code).toBe(1);
    expect(stderr).toContain("error INTERNAL  x is undefined\n");
  }
});

test("labels are aligned", () => {
  expect(
    aligned([
      { label: "a", value: "1" },
      { label: "long", value: "2" },
    ]),
  ).toEqual(["  a     1", "  long  2"]);
  expect(aligned([])).toEqual([]);
});
