/** Milliseconds that the others are given after the first answer: a node that is cut off may be the first one. */
const grace = 50;

/**
 * Of the answers that arrive within some milliseconds after the first one, the one with the highest epoch. Rejects with
 * all the reasons (AggregateError) when every one of them fails.
 */
export async function youngest<View extends { readonly epoch: number }>(
  answers: readonly Promise<View>[],
): Promise<View> {
  const arrived: View[] = [];
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
  return arrived.reduce((best, view) => (view.epoch > best.epoch ? view : best), first);
}
