/**
 * As many points as a plot can show: where there are more than two for each of its `columns`, the lowest and the
 * highest of each column, so that no peak is lost, and the gaps. Points are [x, y], x ascending.
 */
export function thin(
  points: readonly (readonly [number, number])[],
  columns: number,
): readonly (readonly [number, number])[] {
  const first = points[0]?.[0];
  const last = points.at(-1)?.[0];
  if (points.length <= columns * 2 || first === undefined || last === undefined || last <= first)
    return points;
  const kept: (readonly [number, number])[] = [];
  let column = -1;
  let held: (readonly [number, number])[] = [];
  const keep = () => {
    const [low, high] = [held[0], held.at(-1)];
    if (low === undefined || high === undefined) return;
    if (low === high) kept.push(low);
    else kept.push(...(low[0] <= high[0] ? [low, high] : [high, low]));
  };
  for (const point of points) {
    const own = Math.floor(((point[0] - first) / (last - first)) * columns);
    const gap = !Number.isFinite(point[1]);
    if (own !== column || gap) {
      keep();
      held = [];
      column = own;
    }
    if (gap) {
      kept.push(point);
      continue;
    }
    const [low, high] = [held[0] ?? point, held.at(-1) ?? point];
    held = [point[1] < low[1] ? point : low, point[1] >= high[1] ? point : high];
  }
  keep();
  return kept;
}
