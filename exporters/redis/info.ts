/** Longest part of an answer that is read, in characters; INFO of a server with all its sections has some ten thousand. */
const longestAnswer = 262_144;
/** Most replicas that are read of one primary. */
const mostReplicas = 100;

/** `name:value` lines, as INFO, CLUSTER INFO and the like answer. What is no such line is passed over. */
export class InfoFields {
  readonly #values = new Map<string, string>();
  readonly #sections = new Set<string>();

  /** Reads an answer. Of a name that occurs twice the first value counts. */
  constructor(answer: string) {
    const text = answer.length > longestAnswer ? answer.slice(0, longestAnswer) : answer;
    for (const line of text.split("\n")) {
      if (line.startsWith("# ")) this.#sections.add(line.slice(2).trimEnd());
      const colon = line.indexOf(":");
      if (colon < 1 || line.startsWith("#")) continue;
      const name = line.slice(0, colon);
      if (!this.#values.has(name)) this.#values.set(name, line.slice(colon + 1).trimEnd());
    }
  }

  /** Whether the answer has a section of that name, which may be empty. */
  hasSection(name: string): boolean {
    return this.#sections.has(name);
  }

  /** The values of the names that fit. */
  matching(pattern: RegExp): readonly string[] {
    return [...this.#values].flatMap(([name, value]) => (pattern.test(name) ? [value] : []));
  }

  text(name: string): string | undefined {
    return this.#values.get(name);
  }

  /** A value that is a finite decimal number; undefined for anything else. */
  number(name: string): number | undefined {
    return toNumber(this.#values.get(name));
  }

  /** A number that cannot be below 0: -1 stands for “none” in several fields. */
  count(name: string): number | undefined {
    const value = this.number(name);
    return value === undefined || value < 0 ? undefined : value;
  }

  /** Whether a field has the one value; undefined where it has neither. */
  either(name: string, yes: string, no: string): boolean | undefined {
    const value = this.#values.get(name);
    return value === yes ? true : value === no ? false : undefined;
  }
}

function toNumber(text: string | undefined): number | undefined {
  if (text === undefined || text.length > 32 || !/^-?\d+(?:\.\d+)?$/.test(text)) return undefined;
  return Number(text);
}

/** `a=1,b=2` as INFO writes replicas and databases. */
function parts(text: string): ReadonlyMap<string, string> {
  return new Map(
    text
      .slice(0, 1024)
      .split(",")
      .flatMap((part) => {
        const equals = part.indexOf("=");
        return equals < 1 ? [] : [[part.slice(0, equals), part.slice(equals + 1)]];
      }),
  );
}

/** A replica as its primary sees it. */
export interface ConnectedReplica {
  /** `host:port` as the primary knows it, which need not be how others know it. */
  readonly address: string;
  readonly online: boolean;
  /** How far it has acknowledged the replication stream, in bytes. */
  readonly offset: number | undefined;
  /** Seconds since it last did. */
  readonly lag: number | undefined;
}

/** The replicas that a server lists. */
export function connectedReplicas(info: InfoFields): readonly ConnectedReplica[] {
  const replicas: ConnectedReplica[] = [];
  for (let index = 0; index < mostReplicas; index++) {
    const line = info.text(`slave${index}`);
    if (line === undefined) break;
    const fields = parts(line);
    replicas.push({
      address: `${fields.get("ip")}:${fields.get("port")}`,
      online: fields.get("state") === "online",
      offset: toNumber(fields.get("offset")),
      lag: toNumber(fields.get("lag")),
    });
  }
  return replicas;
}

/** Keys of all databases, and those of them with a time to live; undefined where the answer does not tell. */
export function keyCounts(
  info: InfoFields,
): { readonly keys: number; readonly expiring: number } | undefined {
  if (!info.hasSection("Keyspace")) return undefined;
  const databases = info.matching(/^db\d+$/).map(parts);
  const sum = (name: string) =>
    databases.reduce((total, fields) => total + Math.max(0, toNumber(fields.get(name)) ?? 0), 0);
  return { keys: sum("keys"), expiring: sum("expires") };
}

/** The server's version, `7.0.15`, with its name where it is no Redis, `valkey-8.1.0`; `unknown` where it has none. */
export function versionOf(info: InfoFields): string {
  const name = info.text("server_name") ?? "redis";
  const version = info.text(`${name}_version`) ?? info.text("redis_version") ?? "";
  const known = name === "redis" ? version : `${name}-${version}`;
  return /^(?:[a-z]{1,16}-)?\d[\w.+-]{0,31}$/.test(known) ? known : "unknown";
}

/** What the server says that it is; undefined where it says neither. */
export function kindOf(info: InfoFields): "primary" | "replica" | undefined {
  const primary = info.either("role", "master", "slave");
  return primary === undefined ? undefined : primary ? "primary" : "replica";
}
