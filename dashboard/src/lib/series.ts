/**
 * Turns the API's series (one list of points per broker, each with its own times) into the columns
 * that a chart wants: one shared time axis, one column per series, `null` where nothing was
 * reported, so that silence is drawn as a gap and never as a line between its two ends.
 */
export type Point = readonly [unixMs: number, value: number | null];

export interface Columns {
  /** Unix seconds, ascending. */
  times: number[];
  values: (number | null)[][];
}

/** How many steps may pass without a point before the line is broken. */
const GAP_STEPS = 2.5;

export function alignSeries(series: readonly (readonly Point[])[], stepSeconds: number): Columns {
  const byTime = new Map<number, (number | null)[]>();
  const at = (ms: number) => {
    let row = byTime.get(ms);
    if (!row) byTime.set(ms, (row = series.map(() => null)));
    return row;
  };
  const step = Math.max(1, stepSeconds) * 1_000;
  series.forEach((points, column) => {
    for (const [ms, value] of points) {
      // Brokers report a little apart; points of one step share a place on the axis.
      at(Math.round(ms / step) * step)[column] = value;
    }
  });
  const present = [...byTime.keys()].sort((a, b) => a - b);
  for (const [index, ms] of present.entries()) {
    const next = present[index + 1];
    if (next !== undefined && next - ms > step * GAP_STEPS) at(ms + step);
  }
  const times = [...byTime.keys()].sort((a, b) => a - b);
  return {
    times: times.map((ms) => ms / 1_000),
    values: series.map((_, column) => times.map((ms) => byTime.get(ms)?.[column] ?? null)),
  };
}

/** The newest known value of a series, or null if it never had one. */
export function latest(points: readonly Point[]): number | null {
  for (let index = points.length - 1; index >= 0; index -= 1) {
    const value = points[index]?.[1];
    if (value !== null && value !== undefined) return value;
  }
  return null;
}
