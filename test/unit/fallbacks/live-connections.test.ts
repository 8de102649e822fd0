import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LiveConnections } from "../../../fallbacks/registry/live-connections.ts";

const lifetime = 60_000;
const connection = (userId: string, connectedAtMs = 1) => ({
  userId,
  serverId: "s",
  connectionId: `${userId}-${connectedAtMs}`,
  connectedAtMs,
});

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});

afterEach(() => {
  vi.useRealTimers();
});

test("one that shows no sign of life is forgotten with its entry, and one that does stays", () => {
  const live = new LiveConnections(lifetime);
  live.alive(connection("quiet"));
  for (let third = 0; third < 9; third += 1) {
    live.alive(connection("beating"));
    vi.advanceTimersByTime(lifetime / 3);
    expect(live.count).toBe(third < 5 ? 2 : 1);
  }
  vi.advanceTimersByTime(2 * lifetime);
  expect(live.count).toBe(0);
});

test("nothing piles up, whether or not somebody asks for the count", () => {
  const live = new LiveConnections(lifetime);
  for (let user = 0; user < 10_000; user += 1) {
    live.alive(connection(`u-${user}`));
    vi.advanceTimersByTime(lifetime / 100);
  }
  expect(live.count).toBeLessThanOrEqual(200);
});

test("the later connection of a user counts, and the end of the earlier one ends nothing", () => {
  const live = new LiveConnections(lifetime);
  live.alive(connection("u", 2));
  live.alive(connection("u", 1));
  expect(live.count).toBe(1);
  live.gone(connection("u", 1));
  expect(live.count).toBe(1);
  live.gone(connection("u", 2));
  expect(live.count).toBe(0);
});
