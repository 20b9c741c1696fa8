import { expect, it } from "vitest";
import { safeReturnUrl } from "./return-url";

it("keeps a path of ours with its search", () => {
  expect(safeReturnUrl("/clusters/orders/topics?q=pay&page=2")).toBe("/clusters/orders/topics?q=pay&page=2");
});

it.each(["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", undefined, "/sign-in"])(
  "does not follow %s",
  (candidate) => {
    expect(safeReturnUrl(candidate)).toBe("/clusters");
  },
);
