import { gunzipSync } from "node:zlib";
import { hashSync } from "bcryptjs";
import { describe, expect, test } from "vitest";
import type { MetricName } from "../../../../catalog/metrics.ts";
import { RedisopsError } from "../../../../core/errors.ts";
import { type Sample, sample } from "../../../../core/samples.ts";
import { acceptsGzip, encoded, preferredFormat } from "../../../../exporters/http/negotiation.ts";
import { escapeHtml, landingPage } from "../../../../exporters/http/pages.ts";
import type { Probe, ProbeResult } from "../../../../exporters/probe.ts";
import { capSeries } from "../../../../exporters/series-cap.ts";
import { BasicAuth } from "../../../../exporters/web-config/basic-auth.ts";
import { alternativeNames, clientRefusal } from "../../../../exporters/web-config/client-certificate.ts";
import { RateLimit } from "../../../../exporters/web-config/rate-limit.ts";
import { type TlsSection, webConfigSchema } from "../../../../exporters/web-config/schema.ts";

describe("the format of a page", () => {
  const prometheus =
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
  test.each([
    [undefined, "text"],
    ["", "text"],
    ["*/*", "text"],
    ["text/html,application/xhtml+xml,*/*;q=0.8", "text"],
    [prometheus, "openmetrics"],
    ["text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "text"],
    ["application/openmetrics-text;version=0.0.1", "text"],
    ["application/openmetrics-text;version=1.0.0;q=0", "text"],
    ["application/openmetrics-text;version=1.0.0;q=0.2, text/plain;q=0.9", "text"],
    ["APPLICATION/OPENMETRICS-TEXT; VERSION=1.0.0", "openmetrics"],
    [";;,,q=;=", "text"],
    ["application/openmetrics-text;version=1.0.0;q=7", "text"],
  ])("is, for %j, %s", (accept, format) => {
    expect(preferredFormat(accept)).toBe(format);
  });

  test.each([
    [undefined, false],
    ["", false],
    ["gzip", true],
    ["deflate, gzip;q=0.5", true],
    ["gzip;q=0", false],
    ["*", true],
    ["*;q=0", false],
    ["gzip;q=0, *", false],
    ["identity", false],
    ["xgzip", false],
  ])("is compressed for %j: %j", (header, compressed) => {
    expect(acceptsGzip(header)).toBe(compressed);
  });

  test("is compressed without loss, and left alone when it is short", async () => {
    const long = "metric 1\n".repeat(1000);
    const { body, encoding } = await encoded(long, "gzip");
    expect(encoding).toBe("gzip");
    expect(gunzipSync(body).toString()).toBe(long);
    expect(body.length).toBeLessThan(long.length / 10);
    expect(await encoded("short\n", "gzip")).toEqual({ body: "short\n", encoding: undefined });
    expect(await encoded(long, undefined)).toEqual({ body: long, encoding: undefined });
  });
});

/** A result with so many series of each metric. */
function result(
  name: Probe["name"],
  target: string,
  counts: Partial<Record<MetricName, number>>,
): ProbeResult {
  const probe = {
    name,
    target,
    role: "registry",
    group: target,
    address: "",
    run: async () => undefined,
  } as Probe;
  const samples: Sample[] = Object.entries(counts).flatMap(([metric, count]) =>
    Array.from({ length: count }, (_, index) => ({
      metric: metric as MetricName,
      labels: { node: String(index) },
      value: 1,
    })),
  );
  samples.push(sample("redisops_probe_success", { probe: name, role: "registry", target }, 1));
  return { probe, samples, seconds: 0, error: undefined, trace: [], startedAt: 0 };
}

/** How many series of each metric there are. */
function counted(samples: readonly Sample[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { metric } of samples) counts[metric] = (counts[metric] ?? 0) + 1;
  return counts;
}

const droppedOf = (samples: readonly Sample[]) =>
  samples
    .filter(({ metric }) => metric === "redisops_exporter_series_dropped")
    .map(({ labels, value }) => `${labels.probe} ${value}`);

describe("the cap on series", () => {
  const results = [
    result("redis", "registry", { redisops_role_up: 1, redisops_role_failure: 11 }),
    result("postgres", "postgres", {
      redisops_role_up: 1,
      redisops_postgres_connections: 900,
      redisops_role_failure: 11,
    }),
  ];

  test("leaves a page alone that fits, and says 0", () => {
    const page = capSeries(results, 928);
    expect(page).toHaveLength(928);
    expect(droppedOf(page)).toEqual(["redis 0", "postgres 0"]);
  });

  test("drops the largest metric whole, and nothing of the others", () => {
    const page = capSeries(results, 927);
    expect(counted(page)).toEqual({
      redisops_role_up: 2,
      redisops_role_failure: 22,
      redisops_probe_success: 2,
      redisops_exporter_series_dropped: 2,
    });
    expect(droppedOf(page)).toEqual(["redis 0", "postgres 900"]);
  });

  test("drops in the same order each time, whatever the order of the samples", () => {
    const shuffled = results.map((each) => ({ ...each, samples: each.samples.toReversed() }));
    for (const limit of [900, 20, 10, 5]) {
      expect(counted(capSeries(shuffled, limit))).toEqual(counted(capSeries(results, limit)));
      expect(droppedOf(capSeries(shuffled, limit))).toEqual(droppedOf(capSeries(results, limit)));
    }
  });

  test("never drops whether a probe worked, however low it is", () => {
    const page = capSeries(results, 1);
    expect(counted(page)).toEqual({ redisops_probe_success: 2, redisops_exporter_series_dropped: 2 });
    expect(droppedOf(page)).toEqual(["redis 12", "postgres 912"]);
  });
});

describe("the names in a client's certificate", () => {
  test.each([
    [undefined, []],
    ["", []],
    ["DNS:a.example", ["a.example"]],
    [
      "DNS:a, DNS:b, IP Address:10.0.0.1, URI:spiffe://x/y, email:a@b.c",
      ["a", "b", "10.0.0.1", "spiffe://x/y", "a@b.c"],
    ],
    ["IP Address:0:0:0:0:0:0:0:1", ["::1"]],
    ["IP Address:2001:DB8:0:0:0:0:0:1", ["2001:db8::1"]],
    ["othername:<unsupported>, DNS:a", ["a"]],
    ["DirName:CN=x, DNS:a", ["a"]],
    // One value that pretends to be two: Node writes it as a JSON string.
    ['DNS:"a, DNS:admin", DNS:b', ["a, DNS:admin", "b"]],
    ['URI:"http://a/\\"", DNS:b', ['http://a/"', "b"]],
  ])("%j are %j", (text, names) => {
    expect(alternativeNames(text)).toEqual(names);
  });

  const certificate = { subjectAltName: "DNS:prometheus.example, IP Address:10.0.0.1" };
  const section = (more: Partial<TlsSection>) =>
    ({ client_auth_type: "NoClientCert", ...more }) as TlsSection;
  test.each([
    ["none asked, none shown", "NoClientCert", undefined, false, undefined, undefined],
    ["one asked, none shown", "RequestClientCert", undefined, false, undefined, undefined],
    ["any, none shown", "RequireAnyClientCert", undefined, false, undefined, "no certificate"],
    ["any by its old name, none shown", "RequireClientCert", undefined, false, undefined, "no certificate"],
    ["any, a bad one shown", "RequireAnyClientCert", certificate, false, undefined, undefined],
    ["verified if given, none shown", "VerifyClientCertIfGiven", undefined, false, undefined, undefined],
    [
      "verified if given, a bad one shown",
      "VerifyClientCertIfGiven",
      certificate,
      false,
      undefined,
      "not accepted",
    ],
    ["verified, none shown", "RequireAndVerifyClientCert", undefined, false, undefined, "no certificate"],
    [
      "verified, a bad one shown",
      "RequireAndVerifyClientCert",
      certificate,
      false,
      undefined,
      "not accepted",
    ],
    ["verified, a good one shown", "RequireAndVerifyClientCert", certificate, true, undefined, undefined],
    ["a name that is there", "RequireAndVerifyClientCert", certificate, true, ["10.0.0.1"], undefined],
    [
      "a name that is not there",
      "RequireAndVerifyClientCert",
      certificate,
      true,
      ["10.0.0.2"],
      "none of client_allowed_sans",
    ],
    [
      "a part of a name",
      "RequireAndVerifyClientCert",
      certificate,
      true,
      ["example"],
      "none of client_allowed_sans",
    ],
    [
      "a bad one with the right name",
      "RequireAndVerifyClientCert",
      certificate,
      false,
      ["10.0.0.1"],
      "not accepted",
    ],
  ] as const)("%s", (_, policy, shown, authorized, sans, words) => {
    const socket = {
      authorized,
      authorizationError: "X",
      getPeerX509Certificate: () => shown,
    } as unknown as Parameters<typeof clientRefusal>[0];
    const refused = clientRefusal(
      socket,
      section({
        client_auth_type: policy,
        ...(sans === undefined ? {} : { client_allowed_sans: [...sans] }),
      }),
    );
    if (words === undefined) expect(refused).toBeUndefined();
    else expect(refused).toContain(words);
  });
});

describe("basic authentication", () => {
  const users = { alice: hashSync("secret:with:colons", 4), bob: hashSync("pässword", 4) };
  const header = (user: string, password: string) =>
    `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  test.each([
    ["nothing", undefined, "refused"],
    ["an empty header", "", "refused"],
    ["another scheme", "Bearer abc", "refused"],
    ["no credentials", "Basic", "refused"],
    ["what is no base64", "Basic ***", "refused"],
    ["no colon", `Basic ${Buffer.from("alice").toString("base64")}`, "refused"],
    ["a wrong password", header("alice", "x"), "refused"],
    ["an empty password", header("alice", ""), "refused"],
    ["the hash as the password", header("alice", users.alice), "refused"],
    ["an unknown user", header("carol", "secret:with:colons"), "refused"],
    ["a user of Object's", header("constructor", "x"), "refused"],
    ["a user in upper case", header("ALICE", "secret:with:colons"), "refused"],
    ["another user's password", header("bob", "secret:with:colons"), "refused"],
    ["the right password", header("alice", "secret:with:colons"), "granted"],
    ["the scheme in lower case", header("alice", "secret:with:colons").replace("Basic", "basic"), "granted"],
    ["a password beyond ASCII", header("bob", "pässword"), "granted"],
  ])("judges %s", async (_, given, verdict) => {
    const auth = new BasicAuth();
    expect(await auth.judge(given, users)).toBe(verdict);
    expect(await auth.judge(given, users)).toBe(verdict);
  });

  test("forgets an answer when the hash changes", async () => {
    const auth = new BasicAuth();
    expect(await auth.judge(header("alice", "secret:with:colons"), users)).toBe("granted");
    expect(
      await auth.judge(header("alice", "secret:with:colons"), { ...users, alice: hashSync("new", 4) }),
    ).toBe("refused");
    expect(await auth.judge(header("alice", "new"), { ...users, alice: hashSync("new", 4) })).toBe("granted");
  });

  test("takes the same trouble over an unknown user as over a known one", async () => {
    for (const user of ["alice", "nobody"]) {
      const auth = new BasicAuth();
      const verdicts = await Promise.all(
        Array.from({ length: 40 }, (_, index) => auth.judge(header(user, `guess ${index}`), users)),
      );
      // Each guess is compared, or waits for those that are.
      expect(verdicts.filter((verdict) => verdict === "busy")).toHaveLength(8);
    }
  });

  test("answers a flood of guesses as busy, and who is remembered at once", async () => {
    const auth = new BasicAuth();
    const good = header("alice", "secret:with:colons");
    expect(await auth.judge(good, users)).toBe("granted");
    const guesses = Array.from({ length: 60 }, (_, index) =>
      auth.judge(header("alice", `guess ${index}`), users),
    );
    expect(await auth.judge(good, users)).toBe("granted");
    const verdicts = await Promise.all(guesses);
    expect(verdicts.filter((verdict) => verdict === "busy")).toHaveLength(28);
    expect(verdicts).not.toContain("granted");
  });
});

test("a rate limit is a bucket that refills", () => {
  const limit = new RateLimit();
  const section = webConfigSchema.parse({ rate_limit: { interval: "1s", burst: 2 } }).rate_limit;
  const at = (milliseconds: number) => limit.allows(section, milliseconds);
  expect([at(0), at(0), at(0), at(900), at(1000), at(1001), at(60_000), at(60_000), at(60_000)]).toEqual([
    true,
    true,
    false,
    false,
    true,
    false,
    true,
    true,
    false,
  ]);
  expect(limit.allows(undefined)).toBe(true);
});

describe("the landing page", () => {
  const probe = {
    name: "redis",
    role: "registry",
    group: "registry",
    target: "registry",
    address: "a:1",
  } as Probe;
  test("shows errors as text, whatever they hold", () => {
    const error = new RedisopsError("REDIS_ERROR", `<script>alert("x")</script> & 'more'`);
    const page = landingPage([probe], () => ({ error, seconds: 1, startedAt: 0 }), "/metrics");
    expect(page).not.toContain("<script>");
    expect(page).toContain("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;more&#39;");
    expect(page).toContain("REDIS_ERROR");
    expect(page).toContain("1970-01-01T00:00:00Z");
    expect(page).not.toMatch(/src=|@import|https?:/);
  });

  test("says what was not probed yet, and that nothing is configured", () => {
    expect(landingPage([probe], () => undefined, "/metrics")).toContain("not probed yet");
    expect(landingPage([], () => undefined, "/metrics")).toContain("redisops.yaml names nothing to probe");
  });

  test("escapes what has a meaning in HTML", () => {
    expect(escapeHtml(`<a href="x">&'`)).toBe("&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
  });
});
