import { expect, test } from "vitest";
import { modes } from "../../../catalog/modes.ts";
import { filledIn, panelQueries } from "../../../dashboards/queries.ts";
import { allBoards } from "./board.ts";

const queries = panelQueries();

test("every query of every board is there, with nothing left for Grafana to fill in", () => {
  const onBoards = allBoards().flatMap(({ board, dataPanels }) =>
    dataPanels.flatMap(({ targets = [] }) => targets.map(({ expr }) => `${board.uid} ${filledIn(expr)}`)),
  );
  expect(queries.map(({ board, expression }) => `${board} ${expression}`).sort()).toEqual(onBoards.sort());
  expect(queries.filter(({ expression }) => expression.includes("$"))).toEqual([]);
  expect(panelQueries({ window: "12s" }).some(({ expression }) => expression.includes("[12s]"))).toBe(true);
});

test("what a query waits for is a mode of the catalog", () => {
  const ids = modes.map(({ id }) => id);
  const named = queries.flatMap(({ present }) =>
    typeof present === "object" && "during" in present ? present.during : [],
  );
  expect(named.length).toBeGreaterThan(0);
  for (const id of named) expect(ids).toContain(id);
  expect(queries.filter(({ present }) => present === "always").length).toBeGreaterThan(queries.length / 2);
});
