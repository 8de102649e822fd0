import type { FastifyBaseLogger } from "fastify";
import type { Config } from "../../core/config/schema.ts";
import { type RedisopsError, toRedisopsError } from "../../core/errors.ts";
import { type Sample, sample } from "../../core/samples.ts";
import { version } from "../../core/version.ts";
import type { Probe, ProbeResult } from "../probe.ts";
import { ProbeMemory, Probes } from "../probes.ts";
import type { LastResult } from "./pages.ts";

/** What tells a probe from another, also across a reload. */
const identity = ({ name, group }: Probe) => `${name} ${group}`;

/** What the exporter probes now, how that went last, and what it counts of itself. */
export class ExporterState {
  readonly #load: () => Config;
  readonly #logger: FastifyBaseLogger;
  readonly #memory = new ProbeMemory();
  readonly #last = new Map<string, LastResult>();
  #config: Config;
  #probes: Probes;
  #reloadedAt = Date.now();
  #reloadSucceeded = true;
  /** Whether the web configuration's files are in use as they are on disk. */
  webConfigCurrent = true;
  readonly scrapes = { begun: 0, failed: 0, inFlight: 0 };

  /** `load` reads and checks redisops.yaml anew. Throws what it throws. */
  constructor(load: () => Config, logger: FastifyBaseLogger) {
    this.#load = load;
    this.#logger = logger;
    this.#config = load();
    this.#probes = new Probes(this.#config, this.#memory);
  }

  get config(): Config {
    return this.#config;
  }

  /** The probes of the configuration in use. A scrape keeps those that it began with. */
  get probes(): Probes {
    return this.#probes;
  }

  /** Reads redisops.yaml anew. Answers why it was refused; what was in use then stays in use. */
  reload(): RedisopsError | undefined {
    try {
      const config = this.#load();
      const probes = new Probes(config, this.#memory);
      if (config.exporter.listen !== this.#config.exporter.listen) {
        this.#logger.warn("exporter.listen has changed; the new address counts after a restart");
      }
      this.#config = config;
      this.#probes = probes;
    } catch (thrown) {
      const error = toRedisopsError(thrown);
      this.#reloadSucceeded = false;
      this.#logger.error(
        { code: error.code },
        `redisops.yaml was refused, the one before stays: ${error.message}`,
      );
      return error;
    }
    this.#reloadedAt = Date.now();
    this.#reloadSucceeded = true;
    const known = new Set(this.#probes.all.map(identity));
    for (const key of this.#last.keys()) if (!known.has(key)) this.#last.delete(key);
    this.#logger.info({ probes: this.#probes.all.length }, "redisops.yaml was read anew");
    return undefined;
  }

  /** How a probe ended when it ran last. */
  readonly lastOf = (probe: Probe): LastResult | undefined => this.#last.get(identity(probe));

  /** Keeps results; a probe that starts to fail, fails differently or recovers is logged, one that keeps failing is not. */
  note(results: readonly ProbeResult[], probes: Probes): void {
    if (probes !== this.#probes) return;
    for (const { probe, error, seconds, startedAt } of results) {
      const key = identity(probe);
      const before = this.#last.get(key);
      if (before !== undefined && before.startedAt > startedAt) continue;
      this.#last.set(key, { error, seconds, startedAt });
      if (before?.error?.code === error?.code) continue;
      const fields = { probe: probe.name, role: probe.role, target: probe.target };
      if (error === undefined) this.#logger.info(fields, "the probe succeeds again");
      else this.#logger.warn({ ...fields, code: error.code }, error.message);
    }
  }

  /** What the exporter reports of itself. */
  ownSamples(): Sample[] {
    const { user, system } = process.cpuUsage();
    const { begun, failed, inFlight } = this.scrapes;
    return [
      sample("redisops_build_info", { version }, 1),
      sample("redisops_exporter_scrapes_total", {}, begun),
      sample("redisops_exporter_scrapes_failed_total", {}, failed),
      sample("redisops_exporter_scrapes_in_flight", {}, inFlight),
      sample("redisops_exporter_config_last_reload_successful", {}, this.#reloadSucceeded ? 1 : 0),
      sample(
        "redisops_exporter_config_last_reload_success_timestamp_seconds",
        {},
        Math.round(this.#reloadedAt) / 1000,
      ),
      sample("redisops_exporter_web_config_last_reload_successful", {}, this.webConfigCurrent ? 1 : 0),
      sample("redisops_exporter_cpu_seconds_total", {}, (user + system) / 1e6),
      sample("redisops_exporter_resident_memory_bytes", {}, process.memoryUsage.rss()),
    ];
  }
}
