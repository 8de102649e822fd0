import { Registry } from "prom-client";
import { expect, it } from "vitest";
import { rolesSection } from "../../../core/config/redis-section.ts";
import { DedupClient, defaults } from "../../../fallbacks/dedup/dedup-client.ts";

const address = "127.0.0.1:1";
const filter = { engine: "bitmap", capacity: 1_000 } as const;

it("takes a dedup section of redisops.yaml as it is, and has the same defaults", () => {
  const { dedup } = rolesSection.parse({ dedup: { topology: "standalone", address, filter } });
  if (dedup === undefined) throw new Error("the section was not parsed");
  expect(dedup.filter).toEqual({ ...filter, ...defaults });
  new DedupClient(dedup, { metrics: new Registry() }).close();
});

it("skips the check when Redis refuses the connection", async () => {
  const client = new DedupClient({ topology: "standalone", address, filter }, { metrics: new Registry() });
  const verdicts = await Promise.all(Array.from({ length: 100 }, (_, n) => client.checkAndAdd(`msg-${n}`)));
  expect(new Set(verdicts)).toEqual(new Set(["unknown"]));
  client.close();
});

it("refuses a filter that cannot be sized", () => {
  const open = (error_rate: number) => () =>
    new DedupClient({ topology: "standalone", address, filter: { ...filter, error_rate } });
  expect(open(0)).toThrow(RangeError);
  expect(open(1.5)).toThrow(RangeError);
});
