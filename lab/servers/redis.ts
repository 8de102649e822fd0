import { mkdir, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { findProgram } from "../binaries.ts";
import { type ServerProcess, startServer } from "../process.ts";
import type { Workspace } from "../workspace.ts";

/** How to start a Redis server. */
export interface RedisOptions {
  /** The name in messages and of its folder. */
  readonly name: string;
  /** A free port unless given. */
  readonly port?: number;
  /**
   * Lines of redis.conf, after the lab's own, so that they win. A password belongs here (`requirepass ...`): the file
   * is readable only by its owner, while arguments are visible to everyone.
   */
  readonly config?: readonly string[];
  /** The program and leading arguments, for a server other than the installed `redis-server`. */
  readonly command?: readonly [string, ...string[]];
}

/** A Redis server on 127.0.0.1 that keeps its port over restarts and persists nothing unless configured to. */
export interface RedisServer {
  readonly name: string;
  readonly port: number;
  /** The pid of the current process; another one after {@link RedisServer.restart}. */
  readonly pid: number;
  /** `redis://127.0.0.1:<port>`, never with a password. */
  readonly url: string;
  readonly running: boolean;
  /** SIGKILL: clients see their connections reset, then refused. */
  kill(): Promise<void>;
  /** SIGTERM, then SIGKILL if it does not follow. */
  stop(): Promise<void>;
  /** SIGSTOP: connections are accepted by the kernel and nothing answers. */
  pause(): void;
  /** Ends {@link RedisServer.pause}. */
  resume(): void;
  /** Starts it again on the same port, stopping it first if it runs; `empty` removes whatever it may have persisted. */
  restart(options: { readonly empty: boolean }): Promise<void>;
}

/**
 * Starts a Redis server and waits until it answers a PING.
 *
 * @throws MissingProgramError when there is no redis-server; ServerStartError when it does not come up.
 */
export async function startRedis(workspace: Workspace, options: RedisOptions): Promise<RedisServer> {
  const command = options.command ?? [findProgram("redis-server")];
  const port = options.port ?? (await workspace.port());
  const folder = await workspace.folder(options.name);
  const data = join(folder, "data");
  const configFile = join(folder, "redis.conf");
  await mkdir(data);
  await writeFile(configFile, redisConf(port, data, options.config ?? []), { mode: 0o600 });

  const start = (): Promise<ServerProcess> =>
    startServer(workspace, {
      name: options.name,
      command: [...command, configFile] as [string, ...string[]],
      cwd: folder,
      logFile: join(folder, "redis.log"),
      ready: () => answersPing(port),
    });

  let server = await start();
  return {
    name: options.name,
    port,
    url: `redis://127.0.0.1:${port}`,
    get pid() {
      return server.pid;
    },
    get running() {
      return server.running;
    },
    kill: () => server.kill(),
    stop: () => server.stop(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    async restart({ empty }) {
      await server.stop();
      if (empty) {
        await rm(data, { recursive: true, force: true });
        await mkdir(data);
      }
      server = await start();
    },
  };
}

function redisConf(port: number, data: string, extra: readonly string[]): string {
  const own = [
    "bind 127.0.0.1",
    `port ${port}`,
    `dir ${JSON.stringify(data)}`,
    'save ""',
    "appendonly no",
    "daemonize no",
    'logfile ""',
  ];
  return `${[...own, ...extra].join("\n")}\n`;
}

/** A demand for the password is an answer too: the server is up and has loaded its data. */
async function answersPing(port: number): Promise<boolean> {
  const reply = await new Promise<string>((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port }, () => socket.write("PING\r\n"));
    socket.setTimeout(1000, () => socket.destroy(new Error("no answer to PING within 1 s")));
    socket.once("data", (chunk) => {
      resolve(chunk.toString("latin1"));
      socket.destroy();
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the connection was closed without an answer")));
  });
  return reply.startsWith("+PONG") || reply.startsWith("-NOAUTH");
}
