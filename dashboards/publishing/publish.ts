import type { GrafanaApi, StoredBoard } from "../../core/grafana.ts";
import type { BuiltDashboard } from "../build.ts";
import { type BoardDifference, boardDifference } from "./difference.ts";
import { markOf } from "./mark.ts";
import { fingerprint, projection } from "./projection.ts";

/**
 * How Grafana's board stands to the one that redisops has built: it is not there, it is the same, an older one of
 * redisops, one of redisops that somebody has changed since, somebody else's, one that Grafana reads from files, or one
 * that was saved in the v2 schema, which the API of classic boards does not give out.
 */
export type Standing = "missing" | "same" | "outdated" | "edited" | "foreign" | "provisioned" | "v2";

/** A board of redisops beside what Grafana has under its uid. */
export interface Comparison {
  readonly board: BuiltDashboard;
  readonly stored: StoredBoard | undefined;
  readonly standing: Standing;
  /** What a push would change; undefined where Grafana has no board of that uid, or does not give it out. */
  readonly difference: BoardDifference | undefined;
}

function standingOf({ json }: BuiltDashboard, stored: StoredBoard | undefined): Standing {
  if (stored === undefined) return "missing";
  const ours = markOf(json);
  const theirs = markOf(stored.json);
  const untouched = theirs !== undefined && fingerprint(projection(stored.json)) === theirs.visible;
  if (untouched && theirs.content === ours?.content) return "same";
  if (stored.provisioned) return "provisioned";
  if (theirs === undefined) return "foreign";
  return untouched ? "outdated" : "edited";
}

/** Compares each board with Grafana's. Rejects as GrafanaApi does. */
export async function compareBoards(
  api: GrafanaApi,
  boards: readonly BuiltDashboard[],
): Promise<Comparison[]> {
  const compared: Comparison[] = [];
  for (const board of boards) {
    const stored = await api.board(board.uid);
    if (stored === "v2") {
      compared.push({ board, stored: undefined, standing: "v2", difference: undefined });
      continue;
    }
    compared.push({
      board,
      stored,
      standing: standingOf(board, stored),
      difference: stored && boardDifference(stored.json, board.json),
    });
  }
  return compared;
}

/** What became of a board: nothing was to do, it was created or changed, or it was kept as it is in Grafana. */
export interface Pushed {
  readonly uid: string;
  readonly outcome: "same" | "created" | "changed" | "kept";
  readonly version?: number;
  /** Why it was kept. */
  readonly reason?: string;
}

const keptBecause = {
  edited: "somebody has changed it in Grafana since redisops made it",
  foreign: "redisops did not make it",
  provisioned: "Grafana reads it from files, which --force cannot change either",
  v2: "it was saved in the v2 schema, which --force cannot change either: delete it in Grafana, then push again",
} as const;

/** Whether a push leaves the board as it is, and why. */
function keeps(standing: Standing, force: boolean): string | undefined {
  if (standing === "provisioned" || standing === "v2") return keptBecause[standing];
  if (force || (standing !== "edited" && standing !== "foreign")) return undefined;
  return keptBecause[standing];
}

interface PushOptions {
  /** Folder of boards that are not there yet. */
  readonly folder: string;
  /** Overwrites what others have made or changed. */
  readonly force: boolean;
  readonly message: string;
  onPushed(pushed: Pushed): void;
}

/**
 * Brings Grafana's boards to what redisops has built: creates what is missing, in the folder, and replaces what is outdated
 * where it is. What is the same gets no new version. Rejects as GrafanaApi does; what was pushed before then stays.
 */
export async function pushBoards(
  api: GrafanaApi,
  comparisons: readonly Comparison[],
  { folder, force, message, onPushed }: PushOptions,
): Promise<Pushed[]> {
  const needsFolder = comparisons.some(({ standing }) => standing === "missing");
  const folderUid = needsFolder ? await api.folder(folder) : "";
  const all: Pushed[] = [];
  for (const { board, stored, standing } of comparisons) {
    const pushed = await pushBoard(standing, board, stored);
    all.push(pushed);
    onPushed(pushed);
  }
  return all;

  async function pushBoard(
    standing: Standing,
    { uid, json }: BuiltDashboard,
    stored: StoredBoard | undefined,
  ): Promise<Pushed> {
    if (standing === "same") return { uid, outcome: "same" };
    const reason = keeps(standing, force);
    if (reason !== undefined) return { uid, outcome: "kept", reason };
    const saved = await api.save({
      json,
      ...(stored !== undefined && { version: stored.version }),
      folderUid: stored?.folderUid ?? folderUid,
      message,
      // A board that was not there is nothing that force was given for: it came meanwhile, or has the same title.
      overwrite: force && stored !== undefined,
    });
    if (saved.kind !== "saved") {
      const why = { conflict: "it was changed at the same moment", refused: "Grafana does not replace it" };
      return { uid, outcome: "kept", reason: `${why[saved.kind]}: ${saved.message}` };
    }
    return { uid, outcome: stored === undefined ? "created" : "changed", version: saved.version };
  }
}
