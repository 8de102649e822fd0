import { describe, expect, test } from "vitest";
import type { Role } from "../../../../catalog/roles.ts";
import {
  BadQuestion,
  metricsQuestion,
  noParameters,
  type ProbeCatalog,
  probeQuestion,
} from "../../../../exporters/http/query.ts";
import { askedHost, targetGroups } from "../../../../exporters/http/service-discovery.ts";
import type { Probe, ProbeName } from "../../../../exporters/probe.ts";
import { malformedHosts, malformedQuestions } from "./malformed-questions.ts";

/** A group of probes of these kinds. */
function group(name: string, role: Role, kinds: readonly ProbeName[]) {
  const probes = kinds.map((kind): Probe => {
    return { name: kind, role, group: name, target: name, address: "", run: async () => undefined };
  });
  return [name, { name, probes }] as const;
}

const catalog: ProbeCatalog = {
  groups: new Map([
    group("registry", "registry", ["redis"]),
    group("dedup", "dedup", ["redis", "bloom"]),
    group("postgres", "postgres", ["postgres"]),
    group("twilio/main", "token_bucket", ["provider"]),
  ]),
};

/** Why something is refused. */
function refusal(ask: () => unknown): string {
  try {
    ask();
  } catch (error) {
    if (error instanceof BadQuestion) return error.message;
    throw error;
  }
  throw new Error("this was accepted");
}

describe("a question to /probe", () => {
  test.each(malformedQuestions)("with %s is refused", (_, query, words) => {
    const message = refusal(() => probeQuestion(`/probe${query}`, catalog));
    expect(message).toContain(words);
    expect(message).not.toMatch(/hunter2|script|passwd|169\.254|[<>"]/);
  });

  test.each([
    ["?target=registry", { target: "registry", module: undefined, debug: false }],
    ["?target=registry&module=redis", { target: "registry", module: "redis", debug: false }],
    ["?target=twilio/main&debug=true", { target: "twilio/main", module: undefined, debug: true }],
    ["?target=twilio%2Fmain&debug=false", { target: "twilio/main", module: undefined, debug: false }],
    ["?module=postgres&target=postgres", { target: "postgres", module: "postgres", debug: false }],
    ["?target=self", { target: "self", module: undefined, debug: false }],
    ["?debug=true&target=self", { target: "self", module: undefined, debug: true }],
  ])("%s is understood", (query, question) => {
    expect(probeQuestion(`/probe${query}`, catalog)).toEqual(question);
  });
});

describe("a question to another path", () => {
  test.each([
    ["/metrics?target=registry", "unknown query parameter; allowed here: debug"],
    ["/metrics?debug=1", "debug is neither true nor false"],
    ["/metrics?debug=true&debug=true", "debug is given twice"],
    ["/metrics?collect[]=redis", "unknown query parameter"],
  ])("%s is refused", (url, words) => {
    expect(refusal(() => metricsQuestion(url))).toContain(words);
  });

  test("/sd?x is refused, /sd and /sd? are not", () => {
    expect(refusal(() => noParameters("/sd?role=registry"))).toBe(
      "unknown query parameter; none is allowed here",
    );
    for (const url of ["/sd", "/sd?"]) expect(() => noParameters(url)).not.toThrow();
  });

  test("/metrics is understood with debug and without", () => {
    expect(metricsQuestion("/metrics")).toEqual({ debug: false });
    expect(metricsQuestion("/metrics?debug=true")).toEqual({ debug: true });
  });
});

describe("the host by which /sd was asked", () => {
  test.each(malformedHosts)("is refused when it is %s", (_, header) => {
    expect(refusal(() => askedHost(header, "http"))).toMatch(/^the Host header must be host or host:port/);
  });

  test.each([
    ["exporter-1:9910", "exporter-1:9910"],
    ["exporter.example.com", "exporter.example.com:80"],
    ["10.0.0.1:9910", "10.0.0.1:9910"],
    ["[::1]:9910", "[::1]:9910"],
    ["[2001:db8::1]", "[2001:db8::1]:80"],
    ["redisops_exporter.ns.svc.cluster.local:9910", "redisops_exporter.ns.svc.cluster.local:9910"],
  ])("%s is the target %s", (header, target) => {
    expect(askedHost(header, "http")).toBe(target);
  });

  test("has the scheme's port where it names none", () => {
    expect(askedHost("a", "https")).toBe("a:443");
  });
});

test("every group is a target of its own, named by role, provider and account", () => {
  const groups = targetGroups(catalog, "a:1");
  expect(groups.map(({ labels }) => labels)).toEqual([
    { __metrics_path__: "/probe", __param_target: "self", role: "self" },
    { __metrics_path__: "/probe", __param_target: "registry", role: "registry" },
    { __metrics_path__: "/probe", __param_target: "dedup", role: "dedup" },
    { __metrics_path__: "/probe", __param_target: "postgres", role: "postgres" },
    {
      __metrics_path__: "/probe",
      __param_target: "twilio/main",
      role: "token_bucket",
      provider: "twilio",
      account: "main",
    },
  ]);
  for (const { targets } of groups) expect(targets).toEqual(["a:1"]);
});
