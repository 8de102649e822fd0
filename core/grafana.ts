import { z } from "zod";
import type { GrafanaConfig } from "./config/grafana-section.ts";
import { parseDuration } from "./duration.ts";
import { messageOf, RedisopsError } from "./errors.ts";

/** A board as Grafana keeps it: its JSON, and what Grafana knows about it. */
export interface StoredBoard {
  readonly json: Readonly<Record<string, unknown>>;
  readonly version: number;
  readonly folderUid: string;
  /** Whether Grafana reads it from files and refuses to save it. */
  readonly provisioned: boolean;
}

export interface BoardToSave {
  readonly json: Readonly<Record<string, unknown>>;
  /** Of the stored board that it replaces; another one is a conflict unless `overwrite` is set. */
  readonly version?: number;
  readonly folderUid: string;
  /** For Grafana's list of versions. */
  readonly message: string;
  readonly overwrite: boolean;
}

/**
 * What became of a board: its new version, that it is another one than was read, or why else Grafana keeps its own (its
 * 412: of a plugin, or another board of that title).
 */
export type Saved =
  | { readonly kind: "saved"; readonly version: number }
  | { readonly kind: "conflict" | "refused"; readonly message: string };

const stored = z.object({
  dashboard: z.looseObject({ version: z.number() }),
  meta: z.looseObject({ folderUid: z.string().optional(), provisioned: z.boolean().optional() }),
});
const saved = z.object({ version: z.number() });
const folder = z.object({ uid: z.string(), title: z.string() });
const annotation = z.object({ id: z.number() });
const refusal = z.object({
  message: z.string().optional(),
  title: z.string().optional(),
  status: z.unknown().optional(),
});
/** How Grafana says that it has not got something; other servers have other words for a 404. */
const unknown = z.object({ message: z.string() });

/** Folders on one page, and pages that are read at most. */
const pageSize = 1000;
const mostPages = 50;
/** Characters of an answer that are read at most: the largest boards have some 100,000. */
const mostCharacters = 20_000_000;

interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** Where a redirect leads. */
  readonly location: string | undefined;
}

/** What an HTTP header can carry of a token: printable ASCII. */
const headerToken = /^[\x20-\x7e]+$/;

/** Grafana's HTTP API, as far as boards and the marks of recoveries need it. Each call ends by `timeout`, and no error tells the token. */
export class GrafanaApi {
  readonly #config: GrafanaConfig;

  constructor(config: GrafanaConfig) {
    this.#config = config;
  }

  /**
   * The board of that uid, or undefined; "v2" where somebody saved it in the v2 schema, in which Grafana 12 and later do
   * not give it out here. Rejects with GRAFANA_DENIED or GRAFANA_UNAVAILABLE.
   */
  async board(uid: string): Promise<StoredBoard | "v2" | undefined> {
    const answer = await this.#call("GET", `api/dashboards/uid/${encodeURIComponent(uid)}`);
    const { success: inItsWords } = unknown.safeParse(answer.body);
    if (answer.status === 404 && inItsWords) return undefined;
    if (answer.status === 406 && inItsWords) return "v2";
    const { dashboard, meta } = this.#parsed(stored, this.#expectOk(answer, `read the board ${uid}`));
    return {
      json: dashboard,
      version: dashboard.version,
      folderUid: meta.folderUid ?? "",
      provisioned: meta.provisioned ?? false,
    };
  }

  /** Creates the board or a new version of it. Rejects with GRAFANA_DENIED, GRAFANA_REFUSED or GRAFANA_UNAVAILABLE. */
  async save({ json, version, folderUid, message, overwrite }: BoardToSave): Promise<Saved> {
    const answer = await this.#call("POST", "api/dashboards/db", {
      dashboard: { ...json, id: null, ...(version !== undefined && { version }) },
      folderUid,
      message,
      overwrite,
    });
    if (answer.status === 412) {
      const raced = refusal.safeParse(answer.body).data?.status === "version-mismatch";
      return { kind: raced ? "conflict" : "refused", message: this.#said(answer) };
    }
    const body = this.#expectOk(answer, `save the board ${String(json.uid)}`);
    return { kind: "saved", version: this.#parsed(saved, body).version };
  }

  /** The uid of the folder with that title at the top, which is created where there is none. */
  async folder(title: string): Promise<string> {
    const known = await this.#knownFolder(title);
    if (known !== undefined) return known;
    const answer = await this.#call("POST", "api/folders", { title });
    // Somebody else may have created it meanwhile: 409 by the documentation, 412 of older versions.
    const raced = answer.status === 409 || answer.status === 412 ? await this.#knownFolder(title) : undefined;
    return raced ?? this.#parsed(folder, this.#expectOk(answer, `create the folder “${title}”`)).uid;
  }

  /** Marks a moment on all boards; answers the mark's id. Times are milliseconds since 1970. */
  async addAnnotation(mark: {
    readonly time: number;
    readonly tags: readonly string[];
    readonly text: string;
  }): Promise<number> {
    const answer = await this.#call("POST", "api/annotations", mark);
    return this.#parsed(annotation, this.#expectOk(answer, "add an annotation")).id;
  }

  /** Makes a mark last until a moment. */
  async endAnnotation(
    id: number,
    change: { readonly timeEnd: number; readonly text: string },
  ): Promise<void> {
    this.#expectOk(await this.#call("PATCH", `api/annotations/${id}`, change), "change an annotation");
  }

  async #knownFolder(title: string): Promise<string | undefined> {
    for (let page = 1; page <= mostPages; page += 1) {
      const answer = await this.#call("GET", `api/folders?limit=${pageSize}&page=${page}`);
      const folders = this.#parsed(z.array(folder), this.#expectOk(answer, "list the folders"));
      const found = folders.find((each) => each.title === title);
      if (found !== undefined || folders.length < pageSize) return found?.uid;
    }
    return undefined;
  }

  #error(
    code: "GRAFANA_UNAVAILABLE" | "GRAFANA_DENIED" | "GRAFANA_REFUSED",
    message: string,
    { cause, next }: { readonly cause?: unknown; readonly next?: string } = {},
  ): RedisopsError {
    const { url } = this.#config;
    // A proxy’s page or Grafana itself may repeat what it was sent.
    const text = `Grafana at ${url}: ${message}`.replaceAll(this.#token(), "***");
    return new RedisopsError(code, text, { target: url, cause, ...(next !== undefined && { next }) });
  }

  /** The token without the line break that files and variables end in. Throws SECRET_UNRESOLVED without showing it. */
  #token(): string {
    const token = this.#config.token.reveal().trim();
    if (headerToken.test(token)) return token;
    throw new RedisopsError(
      "SECRET_UNRESOLVED",
      "The secret of grafana.token is empty, or holds a character that no HTTP header can carry",
      { next: "Compare the variable or the file that grafana.token refers to with what Grafana gave out." },
    );
  }

  /** What Grafana says of a refusal, in a line. */
  #said({ status, body }: Answer): string {
    const { message, title } = refusal.safeParse(body).data ?? {};
    const words = message || title;
    return words === undefined ? `status ${status}` : `${words.slice(0, 300)} (status ${status})`;
  }

  #expectOk(answer: Answer, what: string): unknown {
    const { status, body, location } = answer;
    if (status === 200) return body;
    if (location !== undefined) {
      throw this.#error("GRAFANA_UNAVAILABLE", `it redirects to ${location} (status ${status})`, {
        next: "Give grafana.url the address, with its scheme and path, at which Grafana answers by itself: redirects are not followed, because the token would go with them.",
      });
    }
    const message = `it did not ${what}: ${this.#said(answer)}`;
    if (status === 401 || status === 403) throw this.#error("GRAFANA_DENIED", message);
    if (status >= 400 && status < 500) throw this.#error("GRAFANA_REFUSED", message);
    throw this.#error("GRAFANA_UNAVAILABLE", message);
  }

  #parsed<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
    const result = schema.safeParse(body);
    if (result.success) return result.data;
    throw this.#error("GRAFANA_UNAVAILABLE", "the answer is not that of Grafana", { cause: result.error });
  }

  async #call(method: "GET" | "POST" | "PATCH", path: string, body?: unknown): Promise<Answer> {
    const { url, timeout } = this.#config;
    const token = this.#token();
    const deadline = parseDuration(timeout);
    const target = new URL(path, url.endsWith("/") ? url : `${url}/`);
    try {
      const response = await fetch(target, {
        method,
        // A redirect would take the token to another place.
        redirect: "manual",
        headers: {
          Accept: "application/json",
          Authorization: `Bearer ${token}`,
          ...(body !== undefined && { "Content-Type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(deadline),
      });
      const { status } = response;
      return { status, body: await readJson(response), location: redirection(response, target) };
    } catch (error) {
      if (error instanceof RedisopsError) throw error;
      throw this.#error("GRAFANA_UNAVAILABLE", reasonOf(error, deadline), { cause: error });
    }
  }
}

/** Where a redirect leads, without what follows a question mark. */
function redirection({ status, headers }: Response, from: URL): string | undefined {
  const location = headers.get("location");
  if (status < 300 || status > 399 || location === null || !URL.canParse(location, from.href))
    return undefined;
  const { origin, pathname } = new URL(location, from);
  return `${origin}${pathname}`;
}

/** The JSON of an answer; of any other text, and of one that is too long, undefined. */
async function readJson(response: Response): Promise<unknown> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > mostCharacters) return undefined;
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Why there is no answer, in words. */
function reasonOf(error: unknown, deadline: number): string {
  if (error instanceof Error && error.name === "TimeoutError") return `no answer within ${deadline / 1000} s`;
  // fetch itself only says that it failed; its cause says why.
  return messageOf(error instanceof TypeError ? (error.cause ?? error) : error);
}
