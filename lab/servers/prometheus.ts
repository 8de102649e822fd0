import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { findProgram } from "../binaries.ts";
import { startServer } from "../process.ts";
import type { Workspace } from "../workspace.ts";
import { answersOk } from "./http-ready.ts";

/** One scrape job of a Prometheus server. */
export interface ScrapeJob {
  /** The `job` label. */
  readonly job: string;
  /** `host:port` of each target. */
  readonly targets: readonly string[];
  /** `/metrics` unless given. */
  readonly metricsPath?: string;
}

/** How to start a Prometheus server. Durations are written as Prometheus writes them: `1s`, `500ms`. */
export interface PrometheusOptions {
  /** The name in messages and of its folder; `prometheus` unless given. */
  readonly name?: string;
  /** A free port unless given. */
  readonly port?: number;
  readonly scrapeInterval: string;
  readonly evaluationInterval: string;
  /** Absolute paths of rule files; Prometheus expands `*` in them. */
  readonly ruleFiles?: readonly string[];
  readonly scrape?: readonly ScrapeJob[];
  /** Further entries of `scrape_configs`, as Prometheus writes them. */
  readonly scrapeConfigs?: readonly object[];
  /** `host:port` of an Alertmanager. */
  readonly alertmanager?: string;
  /** Further command-line flags. */
  readonly flags?: readonly string[];
}

/** A Prometheus server on 127.0.0.1 with a database of its own. */
export interface PrometheusServer {
  readonly port: number;
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** The pid of the current process; another one after `restart`. */
  readonly pid: number;
  /** The prometheus.yml it was started with. */
  readonly configFile: string;
  stop(): Promise<void>;
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Starts it again on the same port with what it has stored, stopping it first if it runs. */
  restart(): Promise<void>;
}

/**
 * Starts Prometheus and waits until `/-/ready` answers 200.
 *
 * @throws MissingProgramError when it is not installed; ServerStartError when it does not come up, for example because
 *   a rule file is wrong.
 */
export async function startPrometheus(
  workspace: Workspace,
  options: PrometheusOptions,
): Promise<PrometheusServer> {
  const program = findProgram("prometheus");
  const name = options.name ?? "prometheus";
  const port = options.port ?? (await workspace.port());
  const folder = await workspace.folder(name);
  const configFile = join(folder, "prometheus.yml");
  await mkdir(join(folder, "tsdb"));
  await writeFile(configFile, stringify(prometheusConfig(options)));

  const url = `http://127.0.0.1:${port}`;
  const start = () =>
    startServer(workspace, {
      name,
      command: [
        program,
        `--config.file=${configFile}`,
        `--storage.tsdb.path=${join(folder, "tsdb")}`,
        `--web.listen-address=127.0.0.1:${port}`,
        ...(options.flags ?? []),
      ],
      cwd: folder,
      logFile: join(folder, "prometheus.log"),
      ready: () => answersOk(`${url}/-/ready`),
    });
  let server = await start();
  return {
    port,
    url,
    get pid() {
      return server.pid;
    },
    configFile,
    stop: () => server.stop(),
    kill: () => server.kill(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    async restart() {
      await server.stop();
      server = await start();
    },
  };
}

function prometheusConfig(options: PrometheusOptions): object {
  const { alertmanager } = options;
  return {
    global: { scrape_interval: options.scrapeInterval, evaluation_interval: options.evaluationInterval },
    rule_files: options.ruleFiles ?? [],
    scrape_configs: [
      ...(options.scrape ?? []).map((each) => ({
        job_name: each.job,
        metrics_path: each.metricsPath ?? "/metrics",
        static_configs: [{ targets: each.targets }],
      })),
      ...(options.scrapeConfigs ?? []),
    ],
    ...(alertmanager !== undefined && {
      alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager] }] }] },
    }),
  };
}
