/** What the number of brokers means for what is kept on them, in words. Pure. */
import type { PartitionHealth } from "../api/types";
import { plural } from "./format";

/** From this many brokers on the service keeps as many replicas of what is new. */
const REPLICAS = 3;

/** What a cluster of so many brokers can bear. */
export function whatCanFail(brokers: number): string {
  if (!Number.isInteger(brokers) || brokers < 1) return "How many brokers the cluster is to have.";
  if (brokers === 1) return "One replica of everything: while the broker is away, so is the cluster.";
  if (brokers < REPLICAS) return "Two replicas of new topics. The first broker alone decides: while it is away, nothing can be changed.";
  return "Three replicas of new topics: any one broker may fail, and clients go on.";
}

/** Whether brokers that are there have to be restarted when more are added: their defaults follow the number up to three. */
export function restartsToGrow(from: number, to: number): boolean {
  return to > from && from < REPLICAS;
}

/** One thing that is wrong with partitions. Clients of such a partition are refused, or it only lacks a copy. */
export type Trouble = { text: string; refuses: boolean };

/** What is wrong with the partitions, worst first; empty when nothing is. */
export function partitionTrouble(health: PartitionHealth): Trouble[] {
  const { offline, under_min_isr: tooFew, under_replicated: behind } = health;
  return [
    ...(offline > 0 ? [{ text: `${plural(offline, "partition")} without a leader`, refuses: true }] : []),
    ...(tooFew ? [{ text: `${plural(tooFew, "partition")} below min.insync.replicas`, refuses: true }] : []),
    ...(behind > 0 ? [{ text: `${plural(behind, "partition")} under-replicated`, refuses: false }] : []),
  ];
}
