import { ProxyTracerProvider, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { ErrorClass } from "../../catalog/error-class.ts";
import type { Role } from "../../catalog/roles.ts";

/** Whether the application has started an OpenTelemetry SDK; without one not even empty spans are made. */
function tracing(): boolean {
  const provider = trace.getTracerProvider();
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer("redisops") !== undefined;
}

/** A span of one call to a role's store, or none. Its attributes are bounded: no keys, no ids. */
export function startSpan(operation: string, role: Role): Span | undefined {
  if (!tracing()) return undefined;
  return trace.getTracer("redisops").startSpan(`${operation} ${role}`, {
    kind: SpanKind.CLIENT,
    attributes: {
      "db.system.name": role === "postgres" ? "postgresql" : "redis",
      "db.operation.name": operation,
      "redisops.role": role,
    },
  });
}

/** Ends a span of a call that got no answer. */
export function failSpan(span: Span | undefined, errorClass: ErrorClass): void {
  span?.setAttribute("error.type", errorClass);
  span?.setStatus({ code: SpanStatusCode.ERROR });
  span?.end();
}
