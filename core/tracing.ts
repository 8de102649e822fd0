import type { Attributes } from "@opentelemetry/api";
import { messageOf } from "./errors.ts";

/** OpenTelemetry's API once the SDK is started: to load it costs a tenth of the start of a command. */
let api: typeof import("@opentelemetry/api") | undefined;

/**
 * Runs `work` inside a span where tracing was started, and by itself elsewhere. Attributes must hold no secrets, ids or
 * keys of users.
 */
export async function withSpan<T>(name: string, attributes: Attributes, work: () => Promise<T>): Promise<T> {
  if (api === undefined) return work();
  const { SpanStatusCode, trace } = api;
  return trace.getTracer("redisops").startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await work();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Longest wait for the last spans to be delivered when the process ends, in milliseconds. */
const flushDeadline = 2_000;

/**
 * Starts the OpenTelemetry SDK when `OTEL_EXPORTER_OTLP_ENDPOINT` is set; otherwise loads nothing. Returns what
 * delivers the remaining spans at the end; it never throws, because a missing collector must not fail a recovery.
 */
export async function startTracing(): Promise<() => Promise<void>> {
  if (!process.env.OTEL_EXPORTER_OTLP_ENDPOINT) return async () => undefined;
  process.env.OTEL_SERVICE_NAME ??= "redisops";
  // Metrics are Prometheus's here and logs go to stderr: unless asked for, the SDK exports neither.
  process.env.OTEL_METRICS_EXPORTER ??= "none";
  process.env.OTEL_LOGS_EXPORTER ??= "none";
  // A request that is under way keeps the process alive, so none may take longer than the flush.
  for (const name of ["OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"]) {
    process.env[name] = String(Math.min(Number(process.env[name]) || flushDeadline, flushDeadline));
  }
  const { NodeSDK } = await import("@opentelemetry/sdk-node");
  api = await import("@opentelemetry/api");
  const sdk = new NodeSDK({ instrumentations: [] });
  sdk.start();
  return async () => {
    const timeout = new Promise<void>((resolve) => setTimeout(resolve, flushDeadline).unref());
    await Promise.race([sdk.shutdown().catch(() => undefined), timeout]);
  };
}
