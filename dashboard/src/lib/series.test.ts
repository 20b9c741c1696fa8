import { describe, expect, it } from "vitest";
import { alignSeries, latest } from "./series";

describe("alignSeries", () => {
  it("puts reports of the same step on one time", () => {
    expect(
      alignSeries(
        [
          [
            [10_000, 1],
            [20_000, 2],
          ],
          [
            [10_400, 3],
            [19_700, 4],
          ],
        ],
        10,
      ),
    ).toEqual({
      times: [10, 20],
      values: [
        [1, 2],
        [3, 4],
      ],
    });
  });

  it("breaks the line where nothing was reported", () => {
    const columns = alignSeries(
      [
        [
          [10_000, 1],
          [60_000, 2],
        ],
      ],
      10,
    );
    expect(columns.times).toEqual([10, 20, 60]);
    expect(columns.values).toEqual([[1, null, 2]]);
  });

  it("leaves a broker that was silent without values", () => {
    expect(alignSeries([[[10_000, 1]], []], 10).values).toEqual([[1], [null]]);
  });

  it("accepts no points at all", () => {
    expect(alignSeries([], 10)).toEqual({ times: [], values: [] });
  });
});

describe("latest", () => {
  it("skips a gap at the end", () => {
    expect(
      latest([
        [1, 5],
        [2, null],
      ]),
    ).toBe(5);
    expect(latest([])).toBeNull();
  });
});
