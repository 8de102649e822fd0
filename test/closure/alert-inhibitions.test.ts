import { afterEach, expect, test } from "vitest";
import { alertSeverities } from "../../alerts/rules.ts";
import type { DegradationMode } from "../../catalog/mode.ts";
import { modes } from "../../catalog/modes.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { type KnownAlert, labelsOf, startOwnAlertmanager } from "../fixtures/alertmanager.ts";
import { patience } from "../fixtures/processes.ts";

let workspace: Workspace | undefined;

afterEach(async () => {
  await workspace?.close();
  workspace = undefined;
});

type Labels = Readonly<Record<string, string>>;

/** An alert that silences another, in a role of their own. */
interface Pair {
  readonly name: string;
  readonly source: Labels;
  readonly target: Labels;
  /** The same target in another role, and of another part of the role: not silenced. */
  readonly others: readonly Labels[];
}

const parts = ["provider", "account", "shard"] as const;

function pair(
  index: number,
  [source, from]: readonly [DegradationMode, DegradationMode["severity"]],
  [target, to]: readonly [DegradationMode, DegradationMode["severity"]],
): Pair {
  const role = `role-${index}`;
  const partsOf = ({ signal }: DegradationMode, value: string) =>
    Object.fromEntries(
      parts.filter((part) => (signal.by as readonly string[]).includes(part)).map((part) => [part, value]),
    );
  const labels = { ...labelsOf(target.id, to), ...partsOf(target, "one"), role };
  const common = parts.filter((part) => part in partsOf(source, "") && part in partsOf(target, ""));
  return {
    name: `${source.id} (${from}) -> ${target.id} (${to})`,
    source: { ...labelsOf(source.id, from), ...partsOf(source, "one"), role },
    target: labels,
    others: [
      { ...labels, role: `other-${index}` },
      ...common.map((part) => ({ ...labels, [part]: "another" })),
    ],
  };
}

/** Every inhibition that the catalog states, by the severities of both sides, and those within a budget. */
const stated = modes.flatMap((source) => {
  const targets = modes.filter(({ id }) => source.inhibits.includes(id));
  const severities = alertSeverities(source);
  const caused = severities.flatMap((from) =>
    targets.flatMap((target) =>
      alertSeverities(target).map((to) => [[source, from] as const, [target, to] as const] as const),
    ),
  );
  const own = [
    [[source, "page"] as const, [source, "ticket"] as const] as const,
    [[source, "ticket"] as const, [source, "page"] as const] as const,
  ];
  return severities.length > 1 ? [...caused, ...own] : caused;
});

const mayNot = ([[, from], [, to]]: (typeof stated)[number]) => from === "ticket" && to === "page";

/** A page that a ticket would silence if severity were not minded is nobody’s target. */
const sleepers = stated.filter(mayNot).map(([source, target], index) => pair(1000 + index, source, target));

const pairs = stated
  .filter((each) => !mayNot(each))
  .map(([source, target], index) => pair(index, source, target));

const key = (labels: Labels) => JSON.stringify(Object.entries(labels).sort());

test(
  "every inhibition silences its consequence in the same role and part, nothing else, and only while it lasts",
  async () => {
    expect(pairs.length).toBeGreaterThan(0);
    workspace = await createWorkspace("inhibitions");
    const alertmanager = await startOwnAlertmanager(workspace, {});
    const posted = [...pairs, ...sleepers].flatMap(({ source, target, others }) => [
      source,
      target,
      ...others,
    ]);
    await alertmanager.post(posted.map((labels) => ({ labels })));

    /** What of the pairs is not as it should be, while their sources fire or after they ended. */
    const wrong = async (sourcesFire: boolean): Promise<string[]> => {
      const known = new Map((await alertmanager.all()).map((alert) => [key(alert.labels), alert]));
      const silencedBy = (labels: Labels): KnownAlert["status"]["inhibitedBy"] | undefined =>
        known.get(key(labels))?.status.inhibitedBy;
      const expected = ({ source, target, others }: Pair): [Labels, readonly string[]][] => {
        const fingerprint = known.get(key(source))?.fingerprint;
        return [
          [target, sourcesFire && fingerprint !== undefined ? [fingerprint] : []],
          ...others.map((labels): [Labels, readonly string[]] => [labels, []]),
        ];
      };
      const found = pairs.flatMap((each) =>
        expected(each)
          .filter(([labels, by]) => JSON.stringify(silencedBy(labels)) !== JSON.stringify(by))
          .map(([labels]) => `${each.name}: ${JSON.stringify(labels)} by ${silencedBy(labels)}`),
      );
      const asleep = sleepers.filter(({ target }) => silencedBy(target)?.length !== 0);
      return [...found, ...asleep.map(({ name }) => name)];
    };
    const all = (sourcesFire: boolean) =>
      waitUntil(async () => ((await wrong(sourcesFire)).length === 0 ? true : undefined), {
        what: `the pairs while their sources ${sourcesFire ? "fire" : "are over"}`,
        deadlineMs: patience / 2,
      }).catch(async () => expect(await wrong(sourcesFire)).toEqual([]));

    await all(true);
    await alertmanager.post(
      pairs.map(({ source }) => ({ labels: source })),
      new Date().toISOString(),
    );
    await all(false);
  },
  2 * patience,
);
