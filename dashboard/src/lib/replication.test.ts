import { describe, expect, it } from "vitest";
import { partitionTrouble, restartsToGrow, whatCanFail } from "./replication";

describe("replication", () => {
  it("says what a number of brokers can bear", () => {
    expect(whatCanFail(1)).toContain("One replica");
    expect(whatCanFail(2)).toContain("Two replicas");
    for (const many of [3, 100]) expect(whatCanFail(many)).toContain("any one broker may fail");
    for (const none of [0, -1, 1.5, Number.NaN]) expect(whatCanFail(none)).toContain("How many");
  });

  it("knows when growing restarts brokers", () => {
    expect([restartsToGrow(1, 3), restartsToGrow(2, 3), restartsToGrow(1, 2)]).toEqual([true, true, true]);
    expect([restartsToGrow(3, 4), restartsToGrow(3, 3), restartsToGrow(1, 1)]).toEqual([false, false, false]);
  });

  it("names what is wrong with partitions, worst first", () => {
    const well = { total: 9, under_replicated: 0, under_min_isr: 0, offline: 0 };
    expect(partitionTrouble(well)).toEqual([]);
    expect(partitionTrouble({ ...well, under_min_isr: null })).toEqual([]);
    expect(partitionTrouble({ ...well, under_replicated: 3, under_min_isr: 1, offline: 2 })).toEqual([
      { text: "2 partitions without a leader", refuses: true },
      { text: "1 partition below min.insync.replicas", refuses: true },
      { text: "3 partitions under-replicated", refuses: false },
    ]);
  });
});
