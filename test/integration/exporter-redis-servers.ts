import { execFile } from "node:child_process";
import { copyFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { findProgram } from "../../lab/binaries.ts";
import { startServer } from "../../lab/process.ts";
import { startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import type { Workspace } from "../../lab/workspace.ts";

const run = promisify(execFile);

/** The first bytes of the answer to a PING, whatever it says. */
async function replyToPing(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port }, () => socket.write("PING\r\n"));
    socket.once("data", (chunk) => {
      resolve(chunk.toString("latin1"));
      socket.destroy();
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed without an answer")));
  });
}

/** A server that reads its data set so slowly that it is loading for some twenty seconds unless told to hurry. */
export async function startLoadingRedis(
  workspace: Workspace,
): Promise<{ port: number; hurry(): Promise<void> }> {
  const source = await startRedis(workspace, { name: "source", config: ["dbfilename slow.rdb"] });
  await withRedis(source.port, async (client) => {
    await client.eval("for i = 1, 20000 do redis.call('SET', 'key:' .. i, i) end", 0);
    await client.save();
  });
  await source.stop();
  const dir = await workspace.folder("loading");
  await copyFile(join(workspace.dir, "source", "data", "slow.rdb"), join(dir, "slow.rdb"));
  const port = await workspace.port();
  const config = [
    "bind 127.0.0.1",
    `port ${port}`,
    `dir ${dir}`,
    'save ""',
    "dbfilename slow.rdb",
    "key-load-delay 1000",
    "loading-process-events-interval-bytes 1024",
  ];
  const file = join(dir, "redis.conf");
  await writeFile(file, config.join("\n"));
  await startServer(workspace, {
    name: "loading redis",
    command: [findProgram("redis-server"), file],
    cwd: dir,
    logFile: join(dir, "redis.log"),
    ready: async () => (await replyToPing(port)).startsWith("-LOADING"),
  });
  return {
    port,
    hurry: async () => {
      await withRedis(port, (client) => client.config("SET", "key-load-delay", "0"));
    },
  };
}

/** A certificate for 127.0.0.1 that nobody but itself vouches for. Returns the files' paths. */
export async function selfSignedCertificate(
  workspace: Workspace,
  name: string,
): Promise<{ key: string; certificate: string }> {
  const dir = await workspace.folder(name);
  const key = join(dir, "key.pem");
  const certificate = join(dir, "certificate.pem");
  await run("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...[
      "-keyout",
      key,
      "-out",
      certificate,
      "-subj",
      `/CN=${name}`,
      "-addext",
      "subjectAltName=IP:127.0.0.1",
    ],
  ]);
  return { key, certificate };
}

/** A Redis server that speaks nothing but TLS. Returns its port. */
export async function startTlsRedis(
  workspace: Workspace,
  { key, certificate }: { key: string; certificate: string },
): Promise<number> {
  const port = await workspace.port();
  const dir = await workspace.folder("tls-redis");
  const config = [
    ...["bind 127.0.0.1", "port 0", `tls-port ${port}`, 'save ""', `dir ${dir}`],
    ...[`tls-cert-file ${certificate}`, `tls-key-file ${key}`, `tls-ca-cert-file ${certificate}`],
    "tls-auth-clients no",
  ];
  const file = join(dir, "redis.conf");
  await writeFile(file, config.join("\n"));
  const answers = async () => {
    const client = new Redis({
      ...{ host: "127.0.0.1", port, protocol: 2, lazyConnect: true, retryStrategy: null },
      tls: { rejectUnauthorized: false },
    });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return (await client.ping()) === "PONG";
    } finally {
      client.disconnect();
    }
  };
  await startServer(workspace, {
    name: "tls redis",
    command: [findProgram("redis-server"), file],
    cwd: dir,
    logFile: join(dir, "redis.log"),
    ready: answers,
  });
  return port;
}
