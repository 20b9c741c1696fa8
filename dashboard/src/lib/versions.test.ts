import { expect, it } from "vitest";
import { otherVersions } from "./versions";

it("offers the other versions of the same engine", () => {
  const known = [
    { engine: "headrace", version: "0.2.0", default: true },
    { engine: "headrace", version: "0.1.0", default: false },
    { engine: "other", version: "9", default: true },
  ];
  expect(otherVersions({ kind: "headrace", version: "0.1.0" }, known)).toEqual(["0.2.0"]);
  expect(otherVersions({ kind: "headrace", version: "0.0.9" }, known)).toEqual(["0.2.0", "0.1.0"]);
  expect(otherVersions({ kind: "headrace", version: "0.2.0" }, known.slice(0, 1))).toEqual([]);
});
