import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { findProgram } from "../binaries.ts";
import { startServer } from "../process.ts";
import type { Workspace } from "../workspace.ts";
import { answersOk } from "./http-ready.ts";

/** How to start an Alertmanager. */
export interface AlertmanagerOptions {
  /** The name in messages and of its folder; `alertmanager` unless given. */
  readonly name?: string;
  /** A free port unless given. */
  readonly port?: number;
  /** The absolute path of its configuration. */
  readonly configFile: string;
  /** Further command-line flags. */
  readonly flags?: readonly string[];
}

/** An Alertmanager on 127.0.0.1, without a cluster. */
export interface AlertmanagerServer {
  readonly port: number;
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** `127.0.0.1:<port>`, as Prometheus wants it. */
  readonly address: string;
  /** The pid of the current process; another one after `restart`. */
  readonly pid: number;
  stop(): Promise<void>;
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Starts it again on the same port with what it has stored, stopping it first if it runs. */
  restart(): Promise<void>;
}

/**
 * Starts Alertmanager, under its upstream or its Debian name, and waits until `/-/ready` answers 200.
 *
 * @throws MissingProgramError when it is not installed; ServerStartError when it does not come up, for example because
 *   the configuration is wrong.
 */
export async function startAlertmanager(
  workspace: Workspace,
  options: AlertmanagerOptions,
): Promise<AlertmanagerServer> {
  const program = findProgram("alertmanager", "prometheus-alertmanager");
  const name = options.name ?? "alertmanager";
  const port = options.port ?? (await workspace.port());
  const folder = await workspace.folder(name);
  await mkdir(join(folder, "data"));

  const url = `http://127.0.0.1:${port}`;
  const start = () =>
    startServer(workspace, {
      name,
      command: [
        program,
        `--config.file=${options.configFile}`,
        `--storage.path=${join(folder, "data")}`,
        `--web.listen-address=127.0.0.1:${port}`,
        "--cluster.listen-address=",
        ...(options.flags ?? []),
      ],
      cwd: folder,
      logFile: join(folder, "alertmanager.log"),
      ready: () => answersOk(`${url}/-/ready`),
    });
  let server = await start();
  return {
    port,
    url,
    address: `127.0.0.1:${port}`,
    get pid() {
      return server.pid;
    },
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
