import { expect, it } from "vitest";
import { failing } from "./conditions";

function condition(type: string, status: boolean, reason: string) {
  return { type, status, reason, message: "", last_transition_at: "2026-01-01T00:00:00Z" };
}

const CREATING = [
  condition("Ready", false, "Starting"),
  condition("InSync", false, "Unknown"),
  condition("Reconciled", false, "InProgress"),
];
const STUCK = [condition("Ready", false, "Unschedulable"), condition("InSync", true, "AllInSync"), condition("Reconciled", false, "Waiting")];
const types = (conditions: ReturnType<typeof condition>[]) => conditions.map((each) => each.type);

it("tells of every condition that does not hold", () => {
  expect(types(failing(STUCK, false))).toEqual(["Ready", "Reconciled"]);
});

it("does not count as trouble that something is being done", () => {
  expect(types(failing(CREATING, false))).toEqual(["Ready", "InSync"]);
});

it("does not raise an alarm at what is a part of a change, but does at what holds it up", () => {
  expect(failing(CREATING, true)).toEqual([]);
  expect(types(failing(STUCK, true))).toEqual(["Ready"]);
  expect(types(failing([condition("Ready", false, "NewInALaterVersion")], true))).toEqual(["Ready"]);
});
