import { z } from "zod";

/** A board that the stand-in keeps. */
export interface KeptBoard {
  readonly json: Record<string, unknown>;
  readonly version: number;
  readonly folderUid: string;
  readonly provisioned: boolean;
  /** Messages of its versions, oldest first. */
  readonly messages: readonly string[];
}

/** An answer of the API: its status and its JSON. */
export interface GrafanaAnswer {
  readonly status: number;
  readonly body: unknown;
}

const saving = z.object({
  dashboard: z.looseObject({
    id: z.number().nullish(),
    uid: z.string().max(40).nullish(),
    title: z.string().min(1),
    version: z.number().optional(),
  }),
  folderUid: z.string().optional(),
  message: z.string().optional(),
  overwrite: z.boolean().optional(),
});
const creating = z.object({ uid: z.string().max(40).optional(), title: z.string().min(1) });

const marking = z.object({
  time: z.number(),
  timeEnd: z.number().optional(),
  tags: z.array(z.string()).optional(),
  text: z.string().min(1),
});
const remarking = marking.partial();

/** A mark on the boards. */
export type KeptAnnotation = z.output<typeof marking>;

const answer = (status: number, body: unknown): GrafanaAnswer => ({ status, body });
const refused = (status: number, message: string, more: object = {}) => answer(status, { message, ...more });

/**
 * Boards, folders and annotations as Grafana's HTTP API keeps them, after its documentation (developers/http_api/dashboard,
 * folder and annotations):
 * a board is addressed by its uid and has a version that rises with each save; a save on another version than the latest is
 * a 412 unless it overwrites, one of a provisioned board or into an unknown folder a 400; without a folder a board goes to
 * the root.
 */
export class GrafanaState {
  readonly boards = new Map<string, KeptBoard>();
  readonly folders = new Map<string, string>();
  readonly annotations = new Map<number, KeptAnnotation>();
  #ids = 0;

  /** Puts a board there without the API: by hand, or from a file. */
  keep(json: Record<string, unknown>, about: Partial<KeptBoard> = {}): void {
    const uid = String(json.uid);
    this.boards.set(uid, { json, version: 1, folderUid: "", provisioned: false, messages: [""], ...about });
  }

  /** Answers a request of somebody who may do everything. */
  handle(method: string, path: string, query: URLSearchParams, body: unknown): GrafanaAnswer {
    const uid = /^\/api\/dashboards\/uid\/([^/]+)$/.exec(path)?.[1];
    if (method === "GET" && uid !== undefined) return this.#board(decodeURIComponent(uid));
    if (method === "POST" && path === "/api/dashboards/db") return this.#save(body);
    if (method === "GET" && path === "/api/folders") return this.#list(query);
    if (method === "POST" && path === "/api/folders") return this.#createFolder(body);
    if (method === "POST" && path === "/api/annotations") return this.#mark(body);
    const mark = /^\/api\/annotations\/(\d+)$/.exec(path)?.[1];
    if (method === "PATCH" && mark !== undefined) return this.#remark(Number(mark), body);
    return refused(404, "Not found");
  }

  #mark(body: unknown): GrafanaAnswer {
    const parsed = marking.safeParse(body);
    if (!parsed.success) return refused(400, "Failed to save annotation");
    this.#ids += 1;
    this.annotations.set(this.#ids, parsed.data);
    return answer(200, { message: "Annotation added", id: this.#ids });
  }

  #remark(id: number, body: unknown): GrafanaAnswer {
    const kept = this.annotations.get(id);
    if (kept === undefined) return refused(404, "Annotation not found");
    const parsed = remarking.safeParse(body);
    if (!parsed.success) return refused(400, "bad request data");
    const changes = Object.entries(parsed.data).filter(([, value]) => value !== undefined);
    this.annotations.set(id, { ...kept, ...Object.fromEntries(changes) });
    return answer(200, { message: "Annotation patched" });
  }

  #board(uid: string): GrafanaAnswer {
    const kept = this.boards.get(uid);
    if (kept === undefined) return refused(404, "Dashboard not found");
    const { json, version, folderUid, provisioned } = kept;
    return answer(200, {
      dashboard: { ...json, id: 1, version },
      meta: { type: "db", canSave: !provisioned, url: `/d/${uid}/x`, version, folderUid, provisioned },
    });
  }

  #save(body: unknown): GrafanaAnswer {
    const parsed = saving.safeParse(body);
    if (!parsed.success) return refused(400, "bad request data");
    const { dashboard, folderUid = "", message = "", overwrite = false } = parsed.data;
    if (folderUid !== "" && !this.folders.has(folderUid)) return refused(400, "folder not found");
    this.#ids += 1;
    const uid = dashboard.uid ?? `generated-${this.#ids}`;
    const kept = this.boards.get(uid);
    if (kept?.provisioned) return refused(400, "Cannot save provisioned dashboard");
    if (kept !== undefined && !overwrite && dashboard.version !== kept.version) {
      return refused(412, "The dashboard has been changed by someone else", { status: "version-mismatch" });
    }
    const { id: _, version: __, ...json } = dashboard;
    const version = (kept?.version ?? 0) + 1;
    const messages = [...(kept?.messages ?? []), message];
    this.boards.set(uid, { json: { ...json, uid }, version, folderUid, provisioned: false, messages });
    return answer(200, { id: this.#ids, uid, url: `/d/${uid}/x`, status: "success", version, slug: "x" });
  }

  #list(query: URLSearchParams): GrafanaAnswer {
    const limit = Number(query.get("limit") ?? 1000);
    const page = Number(query.get("page") ?? 1);
    const all = [...this.folders].map(([uid, title], id) => ({ id, uid, title }));
    return answer(200, all.slice((page - 1) * limit, page * limit));
  }

  #createFolder(body: unknown): GrafanaAnswer {
    const parsed = creating.safeParse(body);
    if (!parsed.success) return refused(400, "bad request data");
    const { title, uid = `folder-${this.folders.size + 1}` } = parsed.data;
    if ([...this.folders.values()].includes(title))
      return refused(409, "a folder with the same name already exists in the current location");
    this.folders.set(uid, title);
    return answer(200, { id: this.folders.size, uid, title, version: 1 });
  }
}
