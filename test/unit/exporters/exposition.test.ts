import { describe, expect, it } from "vitest";
import { sample } from "../../../core/samples.ts";
import { exposition } from "../../../exporters/exposition.ts";

const account = { role: "token_bucket", provider: "twilio", account: "main" };

describe("the exposition", () => {
  it("writes help, type and labels as the contract has them", async () => {
    const { contentType, body } = await exposition([
      sample("redisops_role_up", { role: "registry" }, 1),
      sample("redisops_role_up", { role: "dedup" }, 0),
      sample("redisops_provider_requests_total", account, 0),
    ]);
    expect(contentType).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(body.trimEnd().split("\n")).toEqual([
      "# HELP redisops_role_up 1 when the role’s server accepted a real command before the deadline (Redis: a write), else 0. In a cluster 1 as long as any shard does; see redisops_role_key_space_available_ratio.",
      "# TYPE redisops_role_up gauge",
      'redisops_role_up{role="registry"} 1',
      'redisops_role_up{role="dedup"} 0',
      "",
      "# HELP redisops_provider_requests_total Answered requests made to the provider’s account by this process.",
      "# TYPE redisops_provider_requests_total counter",
      'redisops_provider_requests_total{role="token_bucket",provider="twilio",account="main"} 0',
    ]);
  });

  it("forgets what the previous page had", async () => {
    await exposition([sample("redisops_role_up", { role: "registry" }, 1)]);
    const { body } = await exposition([sample("redisops_provider_requests_total", account, 3)]);
    expect(body).not.toContain("redisops_role_up");
    const again = await exposition([sample("redisops_provider_requests_total", account, 3)]);
    expect(again.body).toBe(body); // the counter was set, not added to
  });

  it("writes a filter with every bit set as Prometheus wants infinity", async () => {
    const { body } = await exposition([
      sample("redisops_bloom_estimated_ids", { role: "dedup" }, Number.POSITIVE_INFINITY),
    ]);
    expect(body).toContain('redisops_bloom_estimated_ids{role="dedup"} +Inf');
  });
});
