import { afterEach, beforeEach, expect, test } from "vitest";
import { Secret } from "../../core/config/secret.ts";
import type { RedisopsError } from "../../core/errors.ts";
import { GrafanaApi } from "../../core/grafana.ts";
import { type BuiltDashboard, buildDashboards } from "../../dashboards/build.ts";
import { compareBoards, type Pushed, pushBoards } from "../../dashboards/publishing/publish.ts";
import { type GrafanaStandIn, startGrafanaStandIn } from "../../lab/servers/grafana-api-stand-in.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";

const tokens = { editor: "glsa_editor-5d1f-distinctive", viewer: "glsa_viewer-77b0-distinctive" };
const builtWith = (thresholds = {}, runbookBaseUrl = "https://runbooks.example") =>
  buildDashboards({ thresholds, runbookBaseUrl });
const boards = builtWith();
const [first] = boards;

let workspace: Workspace;
let grafana: GrafanaStandIn;

beforeEach(async () => {
  workspace = await createWorkspace("push");
  grafana = await startGrafanaStandIn(workspace, tokens);
});

afterEach(async () => {
  delete process.env.PUSH_TEST_TOKEN;
  await workspace.close();
});

function api(token: string = tokens.editor, timeout = "30s", url: string = grafana.url): GrafanaApi {
  process.env.PUSH_TEST_TOKEN = token;
  return new GrafanaApi({ url, token: new Secret("${PUSH_TEST_TOKEN}"), folder: "redisops", timeout });
}

async function push(all: readonly BuiltDashboard[] = boards, force = false): Promise<Pushed[]> {
  const told: Pushed[] = [];
  const comparisons = await compareBoards(api(), all);
  const pushed = await pushBoards(api(), comparisons, {
    folder: "redisops",
    force,
    message: "redisops test",
    onPushed: (board) => told.push(board),
  });
  expect(told).toEqual(pushed);
  return pushed;
}

const outcomes = (pushed: readonly Pushed[]) => [...new Set(pushed.map(({ outcome }) => outcome))];
const standings = async (all: readonly BuiltDashboard[] = boards) =>
  (await compareBoards(api(), all)).map(({ standing }) => standing);
const saves = () => grafana.requests.filter(({ method }) => method === "POST").length;
const kept = (uid = "redisops-overview") => {
  const found = grafana.state.boards.get(uid);
  if (found === undefined) throw new Error(`Grafana has no board ${uid}`);
  return found;
};

async function failure(work: Promise<unknown>): Promise<RedisopsError> {
  const error = await work.then(
    () => undefined,
    (thrown: RedisopsError) => thrown,
  );
  if (error === undefined) throw new Error("it did not fail");
  expect(JSON.stringify([error.message, error.toJSON(), String(error.cause)])).not.toContain("distinctive");
  return error;
}

test("all boards are created in one folder, and the second push changes nothing", async () => {
  expect(outcomes(await push())).toEqual(["created"]);
  expect([...grafana.state.folders.values()]).toEqual(["redisops"]);
  const [folder] = grafana.state.folders.keys();
  for (const { uid, json } of boards) {
    expect(kept(uid)).toMatchObject({ version: 1, folderUid: folder, messages: ["redisops test"] });
    expect(kept(uid).json).toEqual(json);
  }
  const before = saves();
  expect(await standings()).toEqual(boards.map(() => "same"));
  expect(outcomes(await push())).toEqual(["same"]);
  expect(saves()).toBe(before);
});

test("a folder of that name is used, also on a later page", async () => {
  for (let index = 0; index < 1200; index += 1) grafana.state.folders.set(`f${index}`, `folder ${index}`);
  grafana.state.folders.set("mine", "redisops");
  await push(boards.slice(0, 1));
  expect(kept().folderUid).toBe("mine");
  expect(grafana.state.folders.size).toBe(1201);
});

test("a folder that somebody else creates at the same moment is used", async () => {
  grafana.intercept(({ method, path }) => {
    if (method !== "POST" || path !== "/api/folders") return undefined;
    grafana.state.folders.set("theirs", "redisops");
    return undefined;
  });
  await push(boards.slice(0, 1));
  expect(kept().folderUid).toBe("theirs");
});

test("a change gives a new version of the boards that it concerns, where they are", async () => {
  await push();
  grafana.state.folders.set("ops", "Operations");
  grafana.state.keep(kept("redisops-dedup").json, { folderUid: "ops", version: 4 });
  const changed = builtWith({ BloomCold: { absent_ratio: 0.3 } });
  const comparisons = await compareBoards(api(), changed);
  const outdated = comparisons.filter(({ standing }) => standing === "outdated");
  expect(outdated.map(({ board }) => board.uid)).toEqual(["redisops-dedup"]);
  expect(outdated[0]?.difference).toMatchObject({
    parts: [],
    panels: [
      { title: expect.stringContaining("ids"), change: "changed", parts: ["description", "thresholds"] },
    ],
  });
  const pushed = await push(changed);
  expect(pushed.filter(({ outcome }) => outcome !== "same")).toEqual([
    { uid: "redisops-dedup", outcome: "changed", version: 5 },
  ]);
  expect(kept("redisops-dedup").folderUid).toBe("ops");
});

test("what others made or changed stays without force, and force overwrites it", async () => {
  await push();
  const edited = JSON.parse(JSON.stringify(kept().json)) as { panels: { title: string }[] };
  for (const panel of edited.panels.slice(0, 1)) panel.title = "Mine";
  grafana.state.keep(edited as never, { version: 2 });
  grafana.state.keep({ uid: "redisops-registry", title: "Theirs", panels: [{ id: 1, title: "A" }] });
  expect((await standings()).slice(0, 2)).toEqual(["edited", "foreign"]);

  const pushed = await push();
  expect(pushed.slice(0, 2)).toEqual([
    { uid: "redisops-overview", outcome: "kept", reason: expect.stringContaining("changed it in Grafana") },
    { uid: "redisops-registry", outcome: "kept", reason: "redisops did not make it" },
  ]);
  expect(kept().version).toBe(2);
  expect(kept("redisops-registry").json.title).toBe("Theirs");

  expect(outcomes(await push(boards, true))).toEqual(["changed", "same"]);
  expect(await standings()).toEqual(boards.map(() => "same"));
  expect(kept().version).toBe(3);
});

/** A value as Grafana 12 and later give it out: without nulls, at any depth. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([, each]) => each !== null);
  return Object.fromEntries(kept.map(([key, each]) => [key, withoutNulls(each)]));
}

test("what Grafana adds and leaves out by itself is no change", async () => {
  await push();
  // What apps/dashboard/pkg/migration of Grafana does to a board of the latest schema version.
  for (const { uid } of boards) {
    const json = withoutNulls(kept(uid).json) as {
      templating: { list: { type: string }[] };
      panels: Record<string, unknown>[];
    };
    for (const variable of json.templating.list)
      if (variable.type !== "constant") Object.assign(variable, { options: [] });
    for (const panel of json.panels) {
      delete panel.transparent;
      if (Array.isArray(panel.links) && panel.links.length === 0) delete panel.links;
      if (panel.type !== "row") panel.pluginVersion = "13.0.0";
    }
    grafana.state.keep({ ...json, id: 7, gnetId: null, timepicker: {}, weekStart: "" });
  }
  expect(await standings()).toEqual(boards.map(() => "same"));
});

test("what Grafana adds to annotations by itself is no change", async () => {
  await push();
  const annotations = kept().json.annotations as { list: object[] };
  const builtIn = { builtIn: 1, name: "Annotations & Alerts", type: "dashboard" };
  grafana.state.keep({
    ...kept().json,
    annotations: { list: [builtIn, ...annotations.list] },
    preload: false,
    weekStart: "",
  });
  expect((await standings())[0]).toBe("same");
});

test("a provisioned board is never saved, with force neither", async () => {
  grafana.state.keep({ ...first?.json, title: "from a file" }, { provisioned: true });
  expect((await standings())[0]).toBe("provisioned");
  for (const force of [false, true]) {
    const [pushed] = await push(boards.slice(0, 1), force);
    expect(pushed).toMatchObject({ outcome: "kept", reason: expect.stringContaining("from files") });
  }
  expect(saves()).toBe(0);
});

test("a save at the same moment by somebody else is a conflict, and their board stays", async () => {
  await push(boards.slice(0, 1));
  grafana.intercept(({ path }) => {
    if (path === "/api/dashboards/db")
      grafana.state.keep({ uid: "redisops-overview", title: "B" }, { version: 9 });
    return undefined;
  });
  const [pushed] = await push(builtWith({}, "https://elsewhere.example").slice(0, 1));
  expect(pushed).toMatchObject({
    outcome: "kept",
    reason: expect.stringContaining("changed by someone else (status 412)"),
  });
  expect(kept().json.title).toBe("B");
});

test("force overwrites what was compared, not what came meanwhile", async () => {
  grafana.intercept(({ path }) => {
    if (path === "/api/dashboards/db") grafana.state.keep({ uid: "redisops-overview", title: "Theirs" });
    return undefined;
  });
  const [pushed] = await push(boards.slice(0, 1), true);
  expect(pushed?.outcome).toBe("kept");
  expect(kept().json.title).toBe("Theirs");
});

test("another reason than a save at the same moment is told as it is", async () => {
  grafana.intercept(({ path }) =>
    path === "/api/dashboards/db"
      ? {
          status: 412,
          body: {
            status: "name-exists",
            message: "A dashboard with the same name in the folder already exists",
          },
        }
      : undefined,
  );
  const [pushed] = await push(boards.slice(0, 1));
  expect(pushed).toMatchObject({
    outcome: "kept",
    reason: expect.stringMatching(
      /^Grafana does not replace it: A dashboard with the same name .* \(status 412\)$/,
    ),
  });
});

test("a board that was saved in the v2 schema stays, with force too, and the others are pushed", async () => {
  const v2 =
    "dashboard api version not supported, use /apis/dashboard.grafana.app/v2/namespaces/default/dashboards/x";
  grafana.intercept(({ path }) =>
    path === "/api/dashboards/uid/redisops-overview" ? { status: 406, body: { message: v2 } } : undefined,
  );
  expect((await standings()).slice(0, 2)).toEqual(["v2", "missing"]);
  for (const force of [false, true]) {
    const [overview, registry] = await push(boards.slice(0, 2), force);
    expect(overview).toMatchObject({ outcome: "kept", reason: expect.stringContaining("v2 schema") });
    expect(registry?.outcome).toBe(force ? "same" : "created");
  }
  expect(grafana.state.boards.has("redisops-overview")).toBe(false);
});

test("the line break that a file or variable ends in is no part of the token, nor shown", async () => {
  grafana.intercept(() => ({ status: 502, body: { message: `no ${tokens.editor}` } }));
  const error = await failure(compareBoards(api(`${tokens.editor}\n`), boards));
  expect(error.message).toContain("no *** (status 502)");
  grafana.intercept(() => undefined);
  expect(await api(`${tokens.editor}\n`).board("none")).toBeUndefined();
});

test.each(["glsa_editor\n-distinctive", "glsa’-distinctive", " \n"])(
  "a token that no header can carry is told before anything is sent, and not shown",
  async (token) => {
    const error = await failure(compareBoards(api(token), boards));
    expect([error.code, error.exitCode]).toEqual(["SECRET_UNRESOLVED", 64]);
    expect(error.message).toContain("grafana.token");
    expect(grafana.requests).toEqual([]);
  },
);

test("a redirect is not followed, and its target is told", async () => {
  grafana.intercept(({ path }) => ({ status: 301, body: `/other${path}?token=x` }));
  const error = await failure(compareBoards(api(), boards));
  const { origin } = new URL(grafana.url);
  expect(error.message).toBe(
    `Grafana at ${grafana.url}: it redirects to ${origin}/other/api/dashboards/uid/redisops-overview (status 301)`,
  );
  expect(error.next).toContain("grafana.url");
  expect(grafana.requests.length).toBe(1);
});

test.each([
  ["a token that is unknown", "glsa_other-distinctive", "GRAFANA_DENIED", "Invalid API key (status 401)"],
  ["a token that may only read", tokens.viewer, "GRAFANA_DENIED", "additional permissions"],
])("%s is told, and not shown", async (_, token, code, words) => {
  const work = async () =>
    pushBoards(api(token), await compareBoards(api(token), boards), {
      folder: "redisops",
      force: false,
      message: "",
      onPushed: () => undefined,
    });
  const error = await failure(work());
  expect(error.code).toBe(code);
  expect(error.message).toContain(words);
  expect(error.exitCode).toBe(77);
  expect(grafana.state.boards.size).toBe(0);
});

test.each([
  [
    "an error of Grafana",
    { status: 500, body: { message: "database is locked" } },
    "database is locked (status 500)",
  ],
  [
    "a page of a proxy",
    { status: 200, body: "<html>glsa_editor-5d1f-distinctive</html>" },
    "not that of Grafana",
  ],
  ["another server’s 404", { status: 404, body: "<html>404</html>" }, "did not read the board"],
  ["another server’s 404 in JSON", { status: 404, body: { error: "Not Found" } }, "did not read the board"],
  [
    "a redirect to another host",
    { status: 302, body: "https://elsewhere.example/login?x=y" },
    "it redirects to https://elsewhere.example/login (status 302)",
  ],
  [
    "its own token in the message",
    { status: 502, body: { message: `no ${tokens.editor}` } },
    "no *** (status 502)",
  ],
] as const)("%s is no answer", async (_, answer, words) => {
  grafana.intercept(() => answer);
  const error = await failure(compareBoards(api(), boards));
  expect(error.message).toContain(words);
  expect(["GRAFANA_UNAVAILABLE", "GRAFANA_REFUSED"]).toContain(error.code);
});

test("a Grafana that hangs, or is not there, is told by the deadline", async () => {
  grafana.intercept(() => "hang");
  const hung = await failure(compareBoards(api(tokens.editor, "200ms"), boards));
  expect([hung.code, hung.message]).toEqual([
    "GRAFANA_UNAVAILABLE",
    `Grafana at ${grafana.url}: no answer within 0.2 s`,
  ]);
  await grafana.stop();
  const gone = await failure(compareBoards(api(), boards));
  expect(gone.code).toBe("GRAFANA_UNAVAILABLE");
  expect(gone.message).toContain("ECONNREFUSED");
});

test("what Grafana does not accept is told in its words", async () => {
  grafana.intercept(({ path }) =>
    path === "/api/dashboards/db" ? { status: 400, body: { message: "bad request data" } } : undefined,
  );
  const error = await failure(push());
  expect(error.code).toBe("GRAFANA_REFUSED");
  expect(error.message).toContain("did not save the board redisops-overview: bad request data (status 400)");
});
