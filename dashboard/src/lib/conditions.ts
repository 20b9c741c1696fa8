/** Which of a cluster's conditions deserve attention. Pure. */
import type { Condition } from "../api/types";

/** Reasons that are a part of every start, stop and change, and pass by themselves. */
const PASSING = new Set(["BrokersAway", "InProgress", "NotReady", "ReplicasBehind", "Starting", "Stopping", "Unknown", "Waiting"]);

export function passes(reason: string): boolean {
  return PASSING.has(reason);
}

/**
 * The conditions that do not hold; while the cluster is being changed without those that are a part of that. That
 * something is being done about it is no trouble by itself, even when nobody asked for a change.
 */
export function failing(conditions: readonly Condition[], busy: boolean): Condition[] {
  return conditions.filter(({ status, reason }) => !status && reason !== "InProgress" && !(busy && passes(reason)));
}
