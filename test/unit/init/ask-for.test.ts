import { expect, test } from "vitest";
import { askFor } from "../../../operations/init/request.ts";

/** Somebody who types these answers, one after the other. */
function typing(...answers: readonly string[]) {
  const asked: string[] = [];
  const left = [...answers];
  const ask = async (question: string) => {
    asked.push(question);
    return left.shift() ?? "";
  };
  return { ask, asked };
}

test("a secret that is typed in place of its reference is not taken and not repeated", async () => {
  const { ask, asked } = typing("hunter2", "${REDIS_PASSWORD}");
  expect(await askFor("reference", ask, "Its reference")).toBe("${REDIS_PASSWORD}");
  expect(asked).toEqual([
    "Its reference",
    "That is no reference such as ${NAME} or file:/path. Its reference",
  ]);
});

test("addresses have a port, and URLs no credentials", async () => {
  expect(await askFor("address", typing("db", "db:5432").ask, "Postgres")).toBe("db:5432");
  expect(await askFor("url", typing("http://me:hunter2@p:9090", "http://p:9090").ask, "Prometheus")).toBe(
    "http://p:9090",
  );
});

test("nothing typed, and nobody there, is nothing", async () => {
  expect(await askFor("address", typing("").ask, "Postgres")).toBeUndefined();
  expect(await askFor("address", undefined, "Postgres")).toBeUndefined();
});
