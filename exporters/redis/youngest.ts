/** Milliseconds that the others are given after the first answer: a node that is cut off may be the first one. */
const grace = 50;

/** An opinion on the topology. */
interface View {
  /** Of two views, the one with the higher epoch is younger. */
  readonly epoch: number;
  /** The same for views that say the same. */
  readonly digest: string;
}

/**
 * Of the views, those with the highest epoch; of these the one that most of them share, because a node that was forgotten by
 * the others has the same epoch as they have.
 */
function prevailing<Opinion extends View>(views: readonly Opinion[], first: Opinion): Opinion {
  const epoch = Math.max(...views.map((view) => view.epoch));
  const young = views.filter((view) => view.epoch === epoch);
  const shared = (view: Opinion) => young.filter(({ digest }) => digest === view.digest).length;
  return young.reduce((best, view) => (shared(view) > shared(best) ? view : best), young[0] ?? first);
}

/**
 * Of the answers that arrive within some milliseconds after the first one, the one with the highest epoch that most of
 * them share. Rejects with all the reasons (AggregateError) when every one of them fails.
 */
export async function youngest<Opinion extends View>(answers: readonly Promise<Opinion>[]): Promise<Opinion> {
  const arrived: Opinion[] = [];
  const collected = answers.map(async (answer) => {
    const view = await answer;
    arrived.push(view);
    return view;
  });
  const settled = Promise.allSettled(collected);
  const first = await Promise.any(collected);
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, grace);
  });
  await Promise.race([settled, patience]);
  clearTimeout(timer);
  return prevailing(arrived, first);
}
