import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from "fastify";
import { splitAddress } from "../core/address.ts";
import { messageOf, RedisopsError } from "../core/errors.ts";
import { type Sample, sample } from "../core/samples.ts";
import { version } from "../core/version.ts";
import { exposition } from "./exposition.ts";
import type { Probe, ProbeResult } from "./probe.ts";
import type { Probes } from "./probes.ts";

/** Deadline without Prometheus's header, in milliseconds: half a second below its default scrape timeout of 10 s. */
const defaultDeadline = 9_500;
/** What is left to Prometheus's timeout for rendering and the way back, in milliseconds. */
const margin = 500;

/** Milliseconds that a scrape may take, from Prometheus's `X-Prometheus-Scrape-Timeout-Seconds`. */
export function scrapeDeadline(header: string | string[] | undefined): number {
  const seconds = Number(Array.isArray(header) ? header[0] : header);
  if (!Number.isFinite(seconds) || seconds <= 0) return defaultDeadline;
  const milliseconds = seconds * 1000;
  return milliseconds > 2 * margin ? milliseconds - margin : milliseconds / 2;
}

const landingPage = `<!doctype html><title>redisops exporter</title><h1>redisops exporter ${version}</h1>
<ul><li><a href="/metrics">/metrics</a></li><li><a href="/-/healthy">/-/healthy</a></li><li><a href="/-/ready">/-/ready</a></li></ul>`;

/** The exporter's HTTP interface. Each scrape probes; nothing runs between scrapes. */
export function exporterServer(probes: Probes, logger: FastifyBaseLogger): FastifyInstance {
  const failing = new Map<Probe, string>();
  /** A probe that starts to fail, fails differently or recovers is worth a line; one that keeps failing is not. */
  const logChanges = (results: readonly ProbeResult[]) => {
    for (const { probe, error } of results) {
      if (failing.get(probe) === error?.code) continue;
      const fields = { probe: probe.name, role: probe.role, target: probe.target };
      if (error === undefined) {
        failing.delete(probe);
        logger.info(fields, "the probe succeeds again");
      } else {
        failing.set(probe, error.code);
        logger.warn({ ...fields, code: error.code }, error.message);
      }
    }
  };
  const server = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
  });
  server.get("/", async (_request, reply) => reply.type("text/html; charset=utf-8").send(landingPage));
  server.get("/-/healthy", async () => "ok\n");
  server.get("/-/ready", async () => "ok\n");
  server.get("/metrics", async (request, reply) => {
    const results = await probes.run(scrapeDeadline(request.headers["x-prometheus-scrape-timeout-seconds"]));
    logChanges(results);
    const samples: Sample[] = [
      sample("redisops_build_info", { version }, 1),
      ...results.flatMap((result) => result.samples),
    ];
    const { contentType, body } = await exposition(samples);
    return reply.type(contentType).send(body);
  });
  return server;
}

/** Listens on host:port. Rejects with LISTEN_FAILED. */
export async function listen(server: FastifyInstance, address: string): Promise<string> {
  try {
    return await server.listen(splitAddress(address));
  } catch (error) {
    throw new RedisopsError("LISTEN_FAILED", `Cannot listen on ${address}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
