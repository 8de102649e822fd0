import { SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { node, tracing } from "@opentelemetry/sdk-node";
import { Registry } from "prom-client";
import { afterAll, expect, test } from "vitest";
import { RateLimiter } from "../../fallbacks/index.ts";
import { startRedis } from "../../lab/servers/redis.ts";
import { createWorkspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";

const workspace = await createWorkspace("spans");

afterAll(async () => {
  trace.disable();
  await workspace.close();
});

test("calls that are sent leave spans once the application has an SDK, without saying who is concerned", {
  timeout: patience,
}, async () => {
  const redis = await startRedis(workspace, { name: "redis" });
  const limiter = new RateLimiter(
    { topology: "standalone", address: `127.0.0.1:${redis.port}` },
    { metrics: new Registry() },
  );
  expect(await limiter.ready(patience)).toBe(true);
  await limiter.check("before-the-sdk");

  const exporter = new tracing.InMemorySpanExporter();
  const provider = new node.NodeTracerProvider({
    spanProcessors: [new tracing.SimpleSpanProcessor(exporter)],
  });
  provider.register();
  await limiter.check("some-user");
  redis.pause();
  await limiter.check("some-user");
  redis.resume();

  const spans = exporter.getFinishedSpans();
  const attributes = {
    "db.system.name": "redis",
    "db.operation.name": "check",
    "redisops.role": "rate_limit",
  };
  expect(spans.map((span) => ({ name: span.name, kind: span.kind, attributes: span.attributes }))).toEqual([
    { name: "check rate_limit", kind: SpanKind.CLIENT, attributes },
    {
      name: "check rate_limit",
      kind: SpanKind.CLIENT,
      attributes: { ...attributes, "error.type": "timeout" },
    },
  ]);
  expect(spans.map(({ status }) => status.code)).toEqual([SpanStatusCode.UNSET, SpanStatusCode.ERROR]);
  expect(JSON.stringify(spans.map(({ name, attributes: all, events }) => [name, all, events]))).not.toContain(
    "user",
  );
  limiter.close();
  await provider.shutdown();
});
