import { expect, it } from "vitest";
import { youngest } from "../../../../exporters/redis/youngest.ts";

const view = (epoch: number, digest: string) => ({ epoch, digest });
const never = new Promise<never>(() => undefined);

it("takes the view with the highest epoch, whichever answers first", async () => {
  const late = new Promise<ReturnType<typeof view>>((resolve) => setImmediate(resolve, view(7, "b")));
  expect(await youngest([Promise.resolve(view(6, "a")), late])).toEqual(view(7, "b"));
});

it("takes what most of those with the highest epoch say", async () => {
  const views = [view(5, "forgotten"), view(5, "others"), view(5, "others"), view(4, "old"), view(4, "old")];
  expect(await youngest(views.map((one) => Promise.resolve(one)))).toEqual(view(5, "others"));
});

it("waits neither for those that never answer nor for those that fail", async () => {
  const failing = Promise.reject(new Error("gone"));
  expect(await youngest([never, failing, Promise.resolve(view(1, "a"))])).toEqual(view(1, "a"));
});

it("rejects with all reasons when everybody fails", async () => {
  const reasons = [new Error("a"), new Error("b")];
  const failing = youngest(reasons.map((reason) => Promise.reject(reason)));
  await expect(failing).rejects.toMatchObject({ errors: reasons });
});
