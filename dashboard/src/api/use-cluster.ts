import { useSuspenseQuery } from "@tanstack/react-query";
import { clusterQuery } from "./clusters";
import type { Cluster } from "./types";

/** The cluster of the surrounding frame, which shows its tabs only once the cluster is there. */
export function useCluster(name: string): Cluster {
  return useSuspenseQuery(clusterQuery(name)).data;
}
