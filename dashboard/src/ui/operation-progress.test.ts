import { expect, it } from "vitest";
import { operationTitle } from "./operation-progress";

it("has a title for an upgrade, and the word itself for what a newer service does", () => {
  expect(operationTitle("cluster.upgrade")).toBe("Upgrade cluster");
  expect(operationTitle("cluster.rebalance" as "cluster.upgrade")).toBe("cluster.rebalance");
});
