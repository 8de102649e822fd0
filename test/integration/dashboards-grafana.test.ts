import { expect, test } from "vitest";
import { Secret } from "../../core/config/secret.ts";
import { GrafanaApi } from "../../core/grafana.ts";
import { buildDashboards } from "../../dashboards/build.ts";
import { fingerprint, projection } from "../../dashboards/publishing/projection.ts";
import { compareBoards, pushBoards } from "../../dashboards/publishing/publish.ts";
import { filledIn } from "../../dashboards/queries.ts";

const url = process.env.REDISOPS_TEST_GRAFANA_URL;
const token = process.env.REDISOPS_TEST_GRAFANA_TOKEN ?? "";

async function call(path: string, body?: object): Promise<unknown> {
  const response = await fetch(new URL(path, url?.endsWith("/") ? url : `${url}/`), {
    method: body === undefined ? "GET" : "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000),
  });
  expect(response.status, path).toBe(200);
  return response.json();
}

test.skipIf(url === undefined)(
  "a real Grafana takes every board, gives it back as it was, and answers each panel’s queries",
  { timeout: 600_000 },
  async () => {
    const api = new GrafanaApi({
      url: url ?? "",
      token: new Secret("${REDISOPS_TEST_GRAFANA_TOKEN}"),
      folder: "redisops test",
      timeout: "30s",
    });
    const boards = buildDashboards({ thresholds: {}, runbookBaseUrl: "https://runbooks.example" });
    const options = { folder: "redisops test", force: true, message: "a test", onPushed: () => undefined };
    await pushBoards(api, await compareBoards(api, boards), options);
    const compared = await compareBoards(api, boards);
    for (const { board, stored, standing } of compared) {
      expect(standing, board.uid).toBe("same");
      expect(fingerprint(projection(stored?.json ?? {})), board.uid).toBe(
        fingerprint(projection(board.json)),
      );
    }
    const sources = (await call("api/datasources")) as { type: string; uid: string }[];
    const prometheus = sources.find(({ type }) => type === "prometheus");
    if (prometheus === undefined) throw new Error("this Grafana has no Prometheus data source");
    for (const { uid, json } of boards) {
      for (const panel of json.panels as {
        title: string;
        targets?: { refId: string; expr: string; instant?: boolean }[];
      }[]) {
        const queries = (panel.targets ?? []).map(({ refId, expr, instant = false }) => ({
          refId,
          expr: filledIn(expr),
          instant,
          range: !instant,
          datasource: { type: "prometheus", uid: prometheus.uid },
          intervalMs: 15_000,
          maxDataPoints: 200,
        }));
        if (queries.length === 0) continue;
        const { results } = (await call("api/ds/query", { queries, from: "now-15m", to: "now" })) as {
          results: Record<string, { error?: string; status?: number }>;
        };
        for (const { refId } of queries)
          expect(results[refId]?.error, `${uid}: ${panel.title} ${refId}`).toBeUndefined();
      }
    }
  },
);
