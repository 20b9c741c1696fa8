import { describe, expect, it } from "vitest";
import {
  ageOf,
  formatAge,
  formatByteRate,
  formatBytes,
  formatCount,
  formatDuration,
  formatPercent,
  plural,
} from "./format";

describe("formatBytes", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1 KiB"],
    [1536, "1.5 KiB"],
    [1024 * 1024 - 1, "1.0 MiB"],
    [345 * 1024 ** 2 + 1, "345 MiB"],
    [5 * 1024 ** 5, "5 PiB"],
    [4096 * 1024 ** 5, "4096 PiB"],
  ])("writes %d as %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it("says that an unknown figure is unknown, not zero", () => {
    expect(formatBytes(null)).toBe("–");
    expect(formatBytes(undefined)).toBe("–");
    expect(formatByteRate(Number.NaN)).toBe("–");
  });
});

describe("formatCount", () => {
  it.each([
    [7, "7"],
    [999, "999"],
    [1000, "1 k"],
    [1_250_000, "1.3 M"],
    [0.25, "0.3"],
  ])("writes %d as %s", (value, text) => {
    expect(formatCount(value)).toBe(text);
  });
});

describe("formatDuration", () => {
  it.each([
    [-5, "0 ms"],
    [850, "850 ms"],
    [59_600, "1 min"],
    [250_000, "4 min 10 s"],
    [3_600_000, "1 h"],
    [183_600_000, "2 d 3 h"],
  ])("writes %d ms as %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

describe("ages", () => {
  it("keeps one unit", () => {
    expect(formatAge(300)).toBe("now");
    expect(formatAge(12_900)).toBe("12 s");
    expect(formatAge(3 * 86_400_000 + 5)).toBe("3 d");
  });

  it("never goes negative when the server's clock is ahead", () => {
    expect(ageOf("2026-01-01T00:00:10Z", Date.parse("2026-01-01T00:00:00Z"))).toBe(0);
  });

  it("is unknown for a missing or broken time", () => {
    expect(ageOf(null, 0)).toBeNull();
    expect(ageOf("yesterday", 0)).toBeNull();
  });
});

it("does not divide by an empty disk", () => {
  expect(formatPercent(0, 0)).toBe("–");
  expect(formatPercent(1, 3)).toBe("33%");
});

it("counts in English", () => {
  expect(plural(1, "broker")).toBe("1 broker");
  expect(plural(1200, "broker")).toBe("1,200 brokers");
});
