import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { boards } from "../../catalog/boards.ts";
import { type GrafanaStandIn, startGrafanaStandIn } from "../../lab/servers/grafana-api-stand-in.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { printedError, run } from "./run.ts";

const tokens = { editor: "glsa_editor-90c2-distinctive", viewer: "glsa_viewer-1f6e-distinctive" };
const uids = Object.keys(boards);

let workspace: Workspace;
let grafana: GrafanaStandIn;
let folder: string;
let path: string;

beforeEach(async () => {
  workspace = await createWorkspace("dashboards");
  grafana = await startGrafanaStandIn(workspace, tokens);
  folder = await mkdtemp(join(tmpdir(), "redisops-dashboards-"));
  path = join(folder, "redisops.yaml");
  await configure({ url: grafana.url });
});

afterEach(async () => {
  await workspace.close();
  await rm(folder, { recursive: true, force: true });
});

const configure = ({ url, more = "" }: { url: string; more?: string }) =>
  writeFile(
    path,
    `platform: test\nroles: {}\n${more}grafana: { url: "${url}", token: "\${GRAFANA_TOKEN}", timeout: 20s }\n`,
  );

async function dashboards(words: readonly string[], token = tokens.editor) {
  const outcome = await run(["dashboards", ...words, "--config", path], {
    GRAFANA_TOKEN: token,
    REDISOPS_DEBUG: "1",
  });
  expect(outcome.stdout + outcome.stderr).not.toContain("distinctive");
  return outcome;
}

test("a first push creates every board, diff then has nothing to say, and a second push does nothing", async () => {
  const before = await dashboards(["diff"]);
  expect(before.code).toBe(2);
  expect(before.stdout).toBe(uids.map((uid) => `${uid}  not in Grafana yet: a push creates it\n`).join(""));
  expect(grafana.state.boards.size).toBe(0);

  const pushed = await dashboards(["push"]);
  expect(pushed).toMatchObject({ code: 0, stderr: "" });
  expect(pushed.stdout).toBe(uids.map((uid) => `${uid}  created, version 1\n`).join(""));

  const after = await dashboards(["diff"]);
  expect([after.code, after.stdout]).toEqual([0, uids.map((uid) => `${uid}  up to date\n`).join("")]);
  const again = await dashboards(["push", "--json"]);
  expect([again.code, JSON.parse(again.stdout)]).toEqual([
    0,
    { boards: uids.map((uid) => ({ uid, outcome: "same" })) },
  ]);
});

test("diff names the panels that a push would change, and push leaves what others made", async () => {
  await dashboards(["push"]);
  await configure({ url: grafana.url, more: "thresholds: { BloomCold: { absent_ratio: 0.3 } }\n" });
  grafana.state.keep({ uid: "redisops-exporter", title: "Theirs", panels: [] });
  const diff = await dashboards(["diff"]);
  expect(diff.code).toBe(2);
  expect(diff.stdout).toMatch(
    /^redisops-dedup {2}a push changes it\n {2}~ Known-sent ids that the filter does not know: description, thresholds$/m,
  );
  expect(diff.stdout).toMatch(
    /^redisops-exporter {2}not made by redisops: a push needs --force\n {2}~ title/m,
  );
  expect(diff.stdout).toMatch(/^ {2}\+ Exporters$/m);
  const json = JSON.parse((await dashboards(["diff", "--json"])).stdout) as {
    boards: { uid: string; standing: string }[];
  };
  expect(json.boards.filter(({ standing }) => standing !== "same").map(({ uid }) => uid)).toEqual([
    "redisops-dedup",
    "redisops-exporter",
  ]);

  const push = await dashboards(["push"]);
  expect(push.code).toBe(8);
  expect(push.stdout).toMatch(/^redisops-dedup {2}changed, version 2$/m);
  expect(push.stdout).toMatch(/^redisops-exporter {2}kept as it is: redisops did not make it$/m);
  expect(push.stderr).toMatch(/^error GRAFANA_BOARD_KEPT {2}Left as they are: redisops-exporter\n/);
  expect((await dashboards(["push", "--force"])).code).toBe(0);
  expect(grafana.state.boards.get("redisops-exporter")?.json.title).toBe("redisops / Exporter");
});

test("what is missing or denied is told without the token", async () => {
  const denied = await dashboards(["push", "--json"], tokens.viewer);
  expect(denied.code).toBe(77);
  expect(printedError({ ...denied, stderr: "" })).toMatchObject({ code: "GRAFANA_DENIED" });

  await grafana.stop();
  const gone = await dashboards(["diff"]);
  expect(gone.code).toBe(1);
  expect(gone.stderr).toMatch(
    /^error GRAFANA_UNAVAILABLE {2}Grafana at http:\/\/127\.0\.0\.1:\d+\/grafana: .*ECONNREFUSED/,
  );

  const unset = await run(["dashboards", "diff", "--config", path]);
  expect(unset.code).toBe(64);
  expect(unset.stderr).toContain("grafana.token: The environment variable GRAFANA_TOKEN is not set");

  await configure({ url: `${grafana.url}?orgId=2` });
  const queried = await dashboards(["diff"]);
  expect(queried.code).toBe(64);
  expect(queried.stderr).toMatch(/grafana\.url: .*expected an address without \? and #/);

  await writeFile(path, "platform: test\nroles: {}\n");
  const incomplete = await dashboards(["push"]);
  expect(incomplete.code).toBe(64);
  expect(incomplete.stderr).toMatch(/^error CONFIG_INCOMPLETE .* has no section grafana/);
});

test.each(["classic", "v2"])("build writes every board in the %s schema, without Grafana", async (schema) => {
  await writeFile(path, "platform: test\nroles: {}\n");
  const out = join(folder, "out");
  const { code, stdout } = await dashboards(["build", "--schema", schema, "--out", out]);
  expect([code, stdout]).toEqual([0, uids.map((uid) => `${join(out, uid)}.json\n`).join("")]);
  expect((await readdir(out)).toSorted()).toEqual(uids.map((uid) => `${uid}.json`).toSorted());
  const board = JSON.parse(await readFile(join(out, "redisops-topology.json"), "utf8")) as object;
  expect(board).toMatchObject(
    schema === "v2"
      ? { apiVersion: "dashboard.grafana.app/v2", kind: "Dashboard" }
      : { uid: "redisops-topology" },
  );
});
