import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import { Secret } from "../../core/config/secret.ts";
import { messageOf, toRedisopsError } from "../../core/errors.ts";
import { connectNode, type NodeConnection } from "../../core/redis/connect.ts";
import { redisError } from "../../core/redis/redis-error.ts";
import { parseClusterNodes } from "../../exporters/redis/cluster-nodes.ts";
import { connectedReplicas, InfoFields } from "../../exporters/redis/info.ts";
import { answerDeadline, askFor, type InitRequest, tlsOf } from "./request.ts";

/** Nodes that are named in redisops.yaml of a cluster; the others are discovered. */
const namedNodes = 3;
/** Primaries that a Sentinel watches and that are looked at, at most. */
const mostPrimaries = 50;

/** How to log in to a server: references, as redisops.yaml has them. */
interface Access {
  readonly username?: string;
  readonly password?: string;
  readonly tls?: object;
}

/** Servers that hold the same keys: one, those behind Sentinels, or a cluster. */
export interface Place {
  /** Where it is, as a section of redisops.yaml. */
  readonly section: Readonly<Record<string, unknown>>;
  /** For a reader, `Redis Cluster at 10.0.0.1:6379, ...`. */
  readonly name: string;
  /** host:port of every primary. */
  readonly primaries: readonly string[];
  /** Every address by which it may be meant. */
  readonly addresses: readonly string[];
  /** What it was found by. */
  readonly why: string;
  readonly access: Access;
}

/** A server that could not be looked at. */
export interface Unreached {
  readonly address: string;
  readonly message: string;
}

const timeouts = { connect: answerDeadline, command: answerDeadline };

/** What a connection takes of an access. */
function connectionConfig(address: string, { username, password, tls }: Access): RedisConnectionConfig {
  return {
    topology: "standalone",
    address,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password: new Secret(password) }),
    ...(tls !== undefined && { tls }),
  };
}

/** Connects to a server by an access that is known to work. Rejects with a RedisopsError. */
export function openNode(address: string, access: Access): Promise<NodeConnection> {
  return connectNode(connectionConfig(address, access), address, `Redis at ${address}`, timeouts);
}

/** Connects and asks for INFO, which a user without the right password or right is refused. */
async function tried(address: string, access: Access) {
  const connection = await openNode(address, access);
  try {
    return { connection, access, info: new InfoFields(await connection.client.info()) };
  } catch (error) {
    connection.close();
    throw redisError(error, connection.target);
  }
}

/** Connects with the first password that the server takes; asks for one where none of them is. */
async function logIn(address: string, request: InitRequest) {
  const { redisUsername: username, redisPasswords, ask } = request;
  const base = tlsOf("redis", request);
  const withPassword = redisPasswords.map((password) => ({
    ...base,
    ...(username !== undefined && { username }),
    password,
  }));
  // Of a server that wants none, none is to be written down; a user that was named is to be used.
  const candidates: Access[] = username === undefined ? [base, ...withPassword] : [...withPassword, base];
  let denied: unknown;
  for (const access of candidates) {
    try {
      return await tried(address, access);
    } catch (error) {
      if (toRedisopsError(error).code !== "REDIS_AUTH") throw error;
      denied ??= error;
    }
  }
  const password = await askFor(
    "reference",
    ask,
    `Redis at ${address} wants a password. Its reference, \${NAME} or file:/path`,
  );
  if (!password) throw denied;
  return tried(address, { ...base, ...(username !== undefined && { username }), password });
}

const pairsOf = (reply: unknown): ReadonlyMap<string, string> => {
  const words = Array.isArray(reply) ? reply.map(String) : [];
  return new Map(words.flatMap((word, index) => (index % 2 === 0 ? [[word, words[index + 1] ?? ""]] : [])));
};

const addressOf = (fields: ReadonlyMap<string, string>) => `${fields.get("ip")}:${fields.get("port")}`;

/** The primaries that a Sentinel watches, each a place. */
async function watchedPlaces(
  address: string,
  connection: NodeConnection,
  request: InitRequest,
): Promise<Place[]> {
  const { client } = connection;
  const masters = await client.call("SENTINEL", "MASTERS");
  const places: Place[] = [];
  for (const master of Array.isArray(masters) ? masters.slice(0, mostPrimaries) : []) {
    const fields = pairsOf(master);
    const name = fields.get("name") ?? "";
    const [others, replicas] = await Promise.all([
      client.call("SENTINEL", "SENTINELS", name),
      client.call("SENTINEL", "REPLICAS", name),
    ]);
    const listed = (reply: unknown) =>
      Array.isArray(reply) ? reply.map((each) => addressOf(pairsOf(each))) : [];
    const sentinels = [address, ...listed(others).toSorted()];
    const primary = addressOf(fields);
    const { connection: data, access } = await logIn(primary, request);
    data.close();
    places.push({
      section: { topology: "sentinel", sentinels, primary: name, ...access },
      name: `Redis ${name} behind Sentinels`,
      primaries: [primary],
      addresses: [...sentinels, primary, ...listed(replicas)],
      why: `${sentinels.length} Sentinels watch the primary ${name} with ${listed(replicas).length} replicas.`,
      access,
    });
  }
  return places;
}

async function clusterPlace(address: string, connection: NodeConnection, access: Access): Promise<Place> {
  const { topology } = parseClusterNodes(String(await connection.client.cluster("NODES")), address);
  const primaries = topology.shards.map(({ primary }) => primary);
  const nodes = [...new Set([address, ...primaries])].slice(0, namedNodes);
  return {
    section: { topology: "cluster", nodes, ...access },
    name: `Redis Cluster at ${nodes.join(", ")}`,
    primaries,
    addresses: [...topology.nodes.map((node) => node.address), address],
    why: `A cluster of ${topology.shards.length} shards and ${topology.nodes.length} nodes; the others are discovered.`,
    access,
  };
}

function standalonePlace(address: string, info: InfoFields, access: Access, given: string): Place {
  const replicas = connectedReplicas(info).map((replica) => replica.address);
  return {
    section: { topology: "standalone", address, ...access },
    name: `Redis at ${address}`,
    primaries: [address],
    addresses: [address, ...replicas, given],
    why:
      given !== address
        ? `The primary of ${given}.`
        : replicas.length > 0
          ? `One server with ${replicas.length} replicas, and no Sentinel was named.`
          : "One server.",
    access,
  };
}

/** What the server at an address belongs to. Rejects with a RedisopsError. */
async function placesAt(address: string, request: InitRequest): Promise<Place[]> {
  const { connection, access, info } = await logIn(address, request);
  try {
    const mode = info.text("redis_mode") ?? "standalone";
    if (mode === "sentinel") return await watchedPlaces(address, connection, request);
    if (mode === "cluster") return [await clusterPlace(address, connection, access)];
    const master =
      info.text("role") === "slave" ? `${info.text("master_host")}:${info.text("master_port")}` : undefined;
    if (master === undefined) return [standalonePlace(address, info, access, address)];
    const primary = await logIn(master, request);
    primary.connection.close();
    return [standalonePlace(master, primary.info, primary.access, address)];
  } catch (error) {
    throw redisError(error, connection.target);
  } finally {
    connection.close();
  }
}

const shared = (one: Place, other: Place) =>
  one.addresses.some((address) => other.addresses.includes(address));

/** Each place once; a server that Sentinels watch is theirs. */
function distinct(places: readonly Place[]): Place[] {
  const rank = ({ section }: Place) =>
    ["sentinel", "cluster", "standalone"].indexOf(String(section.topology));
  const kept: Place[] = [];
  for (const place of places.toSorted((a, b) => rank(a) - rank(b))) {
    const twin = kept.some((other) =>
      place.section.topology === "sentinel"
        ? other.section.primary === place.section.primary && shared(place, other)
        : shared(place, other),
    );
    if (!twin) kept.push(place);
  }
  return kept;
}

/** The places that the servers at the given addresses belong to, and those addresses that could not be looked at. */
export async function findPlaces(
  addresses: readonly string[],
  request: InitRequest,
): Promise<{ readonly places: readonly Place[]; readonly unreached: readonly Unreached[] }> {
  const places: Place[] = [];
  const unreached: Unreached[] = [];
  // One after the other: each may ask a question.
  for (const address of new Set(addresses)) {
    request.note(`looking at Redis at ${address}`);
    try {
      places.push(...(await placesAt(address, request)));
    } catch (error) {
      unreached.push({ address, message: messageOf(error) });
    }
  }
  return { places: distinct(places), unreached };
}
