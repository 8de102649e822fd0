import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { ConfigChanges, RecoverPlatform } from "../fixtures/recover-platform.ts";
import { startRecoverPlatform } from "../fixtures/recover-platform.ts";
import type { Outcome } from "../fixtures/redisops-child.ts";
import { type ExportedSpan, type SpanSink, startSpanSink } from "../fixtures/span-sink.ts";

let platform: RecoverPlatform;

beforeAll(async () => {
  platform = await startRecoverPlatform();
});
afterEach(() => platform.reset());
afterAll(() => platform?.close());

async function traced(
  endpoint: string | undefined,
  changes: ConfigChanges,
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const words = ["recover", "bloom", "--execute", "--config", await platform.configure(changes)];
  const tracing =
    endpoint === undefined
      ? {}
      : { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" };
  return platform.start(words, { ...tracing, ...env }).outcome;
}

const named = (sink: SpanSink, name: string): ExportedSpan | undefined =>
  sink.spans.find((span) => span.name === name);

const runOf = (span: ExportedSpan | undefined) =>
  span?.attributes.find(({ key }) => key === "redisops.run")?.value.stringValue;

function expectNoSecret(sink: SpanSink): void {
  const text = sink.bodies.join("\n");
  for (const secret of [platform.env.TEST_REDIS_PASSWORD, platform.env.TEST_POSTGRES_PASSWORD]) {
    expect(text).not.toContain(secret);
  }
}

describe("OpenTelemetry spans of a recovery", () => {
  it("are exported: the plan, the run and its steps, with the run's id and without a secret", async () => {
    await platform.send(1_000);
    const sink = await startSpanSink(platform.workspace, "answers");
    const { code, stdout } = await traced(sink.url, {});
    expect(code).toBe(0);

    const run = named(sink, "recovery bloom");
    const id = /runs\/(bloom-.+)\.jsonl/.exec(stdout)?.[1];
    expect(id).toBeDefined();
    const steps = ["build", "check", "catch up", "swap", "catch up live", "verify"];
    expect(sink.spans.map(({ name }) => name)).toEqual([
      "recovery bloom plan",
      ...steps.map((step) => `recovery bloom ${step}`),
      "recovery bloom",
    ]);
    for (const span of sink.spans.slice(1)) expect(runOf(span)).toBe(id);
    for (const span of sink.spans.slice(1, -1)) expect(span.parentSpanId).toBe(run?.spanId);
    expect(sink.spans.map(({ status }) => status.code)).toEqual(sink.spans.map(() => 0));
    expectNoSecret(sink);
  });

  it("show what failed, without a secret", async () => {
    const ids = await platform.send(1_000);
    await platform.closeGate(1);
    const sink = await startSpanSink(platform.workspace, "answers");
    const outcome = traced(sink.url, { source: { table: "gated" } });
    await platform.admin.query("SELECT pg_terminate_backend($1)", [await platform.atGate(1)]);
    expect((await outcome).code).toBe(5);
    for (const name of ["recovery bloom build", "recovery bloom"]) {
      expect(named(sink, name)?.status).toMatchObject({
        code: 2,
        message: expect.stringContaining("terminating connection"),
      });
    }
    expect(named(sink, "recovery bloom plan")?.status.code).toBe(0);
    expect(sink.bodies.join("\n")).not.toContain(ids[0]);
    expectNoSecret(sink);
  });

  it.each([
    { what: "the Redis password", changes: { dedupPassword: "${HOME}" } },
    { what: "the Postgres password", changes: { postgres: { password: "${HOME}" } } },
  ])("show a plan that failed because $what is wrong, and not the password", async ({ changes }) => {
    const sink = await startSpanSink(platform.workspace, "answers");
    const password = "wrong-password-of-the-test";
    expect((await traced(sink.url, changes, { HOME: password })).code).toBe(1);
    expect(named(sink, "recovery bloom plan")?.status.code).toBe(2);
    expect(sink.bodies.join("\n")).not.toContain(password);
  });

  it.each(["refuses", "hangs"] as const)("do no harm where the endpoint %s", async (fault) => {
    const ids = await platform.send(1_000);
    const url =
      fault === "refuses"
        ? `http://127.0.0.1:${await platform.workspace.port()}`
        : (await startSpanSink(platform.workspace, "hangs")).url;
    // A run that waited for the exporter would not end within the test's time.
    const { code, stdout, stderr } = await traced(url, {}, { OTEL_EXPORTER_OTLP_TIMEOUT: "3600000" });
    expect(stdout).toContain("Verification holds");
    expect(stderr).toMatch(/^ {2}read: .+\n {2}push: .+\n$/);
    expect(code).toBe(0);
    expect(await platform.lacking(ids)).toEqual([]);
  });

  it("leave a failed run's exit code alone where the endpoint hangs", async () => {
    const { url } = await startSpanSink(platform.workspace, "hangs");
    const { code } = await traced(
      url,
      { source: { table: "missing" } },
      { OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "3600000" },
    );
    expect(code).toBe(1);
  });

  it("cost nothing without an endpoint: OpenTelemetry is not even loaded", async () => {
    await platform.send(1_000);
    const sink = await startSpanSink(platform.workspace, "answers");
    const load = async (endpoint: string | undefined): Promise<string[]> => {
      const file = join(platform.folder, "modules");
      const list = fileURLToPath(new URL("../fixtures/list-modules.ts", import.meta.url));
      const env = { NODE_OPTIONS: `--import=${list}`, TEST_MODULES_FILE: file };
      expect((await traced(endpoint, {}, env)).code).toBe(0);
      return readFileSync(file, "utf8")
        .split("\n")
        .filter((path) => path.includes("/@opentelemetry/"));
    };
    expect(await load(undefined)).toEqual([]);
    expect((await load(sink.url)).some((path) => path.includes("/@opentelemetry/sdk-node/"))).toBe(true);
  });
});
