import type { Config } from "../../core/config/schema.ts";
import { withDeadline } from "../../core/deadline.ts";
import { messageOf } from "../../core/errors.ts";
import { GrafanaApi } from "../../core/grafana.ts";

/** Longest wait at a run's end, in milliseconds. */
const endDeadline = 3_000;

/** A run as it is marked, with tags of its own beside those that every mark has. */
export interface MarkedRun {
  readonly kind: "recovery" | "drill";
  readonly tags: readonly string[];
  readonly text: string;
}

/**
 * Marks the time of a run on the boards, where redisops.yaml has a Grafana. The run neither waits for its beginning nor
 * fails by it: `onProblem` gets a sentence. The function that is returned writes down the end.
 */
export function annotate(
  { grafana, platform }: Config,
  run: MarkedRun,
  onProblem: (problem: string) => void,
): (outcome: string) => Promise<void> {
  if (grafana === undefined) return async () => undefined;
  const api = new GrafanaApi(grafana);
  const tags = ["redisops", run.kind, `platform:${platform}`, ...run.tags];
  const { text } = run;
  let said = false;
  const complain = (error: unknown) => {
    if (!said) onProblem(`the run is not marked in Grafana: ${messageOf(error)}`);
    said = true;
    return undefined;
  };
  const begun = api.addAnnotation({ time: Date.now(), tags, text }).catch(complain);
  return async (outcome) => {
    const end = async () => {
      const id = await begun;
      if (id !== undefined) await api.endAnnotation(id, { timeEnd: Date.now(), text: `${text}: ${outcome}` });
    };
    await withDeadline(end(), endDeadline, () => new Error("no answer in time")).catch(complain);
  };
}
