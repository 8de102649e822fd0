import { describe, expect, it } from "vitest";
import { formatEntry, parseEntry, registryKeys } from "../../../../core/registry/entry.ts";

describe("a registry entry", () => {
  const entry = {
    connectedAtMs: 1_700_000_000_000,
    connectionId: "9f0c",
    serverId: "10.0.0.7:9000",
    delivery: "direct",
    sinceMs: 1_700_000_004_321,
  } as const;

  it("is stored as documented, and read as it was stored", () => {
    expect(formatEntry(entry)).toBe("1 1700000000000 9f0c 10.0.0.7:9000 direct 1700000004321");
    expect(parseEntry(formatEntry(entry))).toEqual(entry);
    const queued = { ...entry, delivery: "queued" } as const;
    expect(parseEntry(formatEntry(queued))).toEqual(queued);
  });

  it.each([
    "",
    "server-1",
    "2 1 c s direct 1",
    "1 x c s direct 1",
    "1 1 c s other 1",
    "1 1 c s direct 1 more",
    "1 1 c s direct",
  ])("of another layout is none: %j", (text) => {
    expect(parseEntry(text)).toBeUndefined();
  });

  it("has its key from the pattern", () => {
    expect(registryKeys("conn:{user_id}")("$1")).toBe("conn:$1");
    expect(registryKeys("{{user_id}}:conn")("ann")).toBe("{ann}:conn");
  });
});
