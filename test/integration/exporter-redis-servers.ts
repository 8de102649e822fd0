import { execFile } from "node:child_process";
import { copyFile, mkdir, symlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { findProgram } from "../../lab/binaries.ts";
import { type ServerProcess, startServer } from "../../lab/process.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { waitUntil } from "../../lab/wait.ts";
import type { Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";

const run = promisify(execFile);

/** Works on a server with a client of its own, also while the server is loading. */
export async function withRedis<T>(port: number, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis({ host: "127.0.0.1", port, protocol: 2, enableReadyCheck: false });
  client.on("error", () => undefined); // rejects the command as well
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

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

/** A server in cluster mode that serves no slot yet. */
export async function startClusterNode(
  workspace: Workspace,
  name: string,
): Promise<RedisServer & { bus: number }> {
  const bus = await workspace.port();
  const config = [
    "cluster-enabled yes",
    `cluster-port ${bus}`,
    "cluster-announce-ip 127.0.0.1",
    "cluster-node-timeout 2000",
  ];
  return Object.assign(await startRedis(workspace, { name, config }), { bus });
}

const slotCount = 16_384;

/** Spreads all slots over the nodes, lets them meet, and waits until each of them sees the cluster as healthy. */
export async function formCluster(nodes: readonly { port: number; bus: number }[]): Promise<void> {
  const share = Math.ceil(slotCount / nodes.length);
  for (const [index, { port }] of nodes.entries()) {
    await withRedis(port, async (client) => {
      const last = Math.min(slotCount, (index + 1) * share) - 1;
      await client.call("CLUSTER", "ADDSLOTSRANGE", index * share, last);
      await client.call("CLUSTER", "SET-CONFIG-EPOCH", index + 1);
      for (const other of nodes.slice(0, index))
        await client.call("CLUSTER", "MEET", "127.0.0.1", other.port, other.bus);
    });
  }
  const healthy = (port: number) =>
    withRedis(port, async (client) => {
      const [info, slots] = await Promise.all([client.cluster("INFO"), client.cluster("SLOTS")]);
      return String(info).includes("cluster_state:ok") && slots.length === nodes.length;
    });
  for (const { port } of nodes) {
    await waitUntil(() => healthy(port), { what: "the cluster to be healthy", deadlineMs: patience });
  }
}

/** A Sentinel that watches one primary. */
export async function startSentinel(
  workspace: Workspace,
  primary: { name: string; port: number },
): Promise<{ port: number; process: ServerProcess }> {
  const port = await workspace.port();
  const dir = await workspace.folder("sentinel");
  const program = join(dir, "redis-sentinel"); // under this name redis-server is a Sentinel
  await symlink(findProgram("redis-server"), program);
  await mkdir(join(dir, "data"));
  const config = [
    ...["bind 127.0.0.1", `port ${port}`, `dir ${join(dir, "data")}`],
    `sentinel monitor ${primary.name} 127.0.0.1 ${primary.port} 1`,
    `sentinel down-after-milliseconds ${primary.name} 60000`,
  ];
  const file = join(dir, "sentinel.conf");
  await writeFile(file, config.join("\n"));
  const process = await startServer(workspace, {
    name: "sentinel",
    command: [program, file],
    cwd: dir,
    logFile: join(dir, "sentinel.log"),
    ready: async () => (await replyToPing(port)).startsWith("+PONG"),
  });
  return { port, process };
}
