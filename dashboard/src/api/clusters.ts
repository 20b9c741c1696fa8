import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, ifMatch, unwrap } from "./client";
import type { Cluster, CreateCluster, Operation, UpdateCluster } from "./types";

const PAGE_SIZE = 50;
/** While something is under way the state changes within seconds; otherwise there is no hurry. */
const POLL_BUSY_MS = 2_000;
const POLL_QUIET_MS = 8_000;

export function isBusy(cluster: Cluster): boolean {
  return ["pending", "creating", "updating", "deleting"].includes(cluster.status.state);
}

export const clustersQuery = (pageToken?: string) =>
  queryOptions({
    queryKey: ["clusters", { pageToken }],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/v1/clusters", {
          params: { query: { page_size: PAGE_SIZE, ...(pageToken && { page_token: pageToken }) } },
          signal,
        }),
      ),
    refetchInterval: (query) => (query.state.data?.items.some(isBusy) ? POLL_BUSY_MS : POLL_QUIET_MS),
  });

export const clusterQuery = (cluster: string) =>
  queryOptions({
    queryKey: ["cluster", cluster],
    queryFn: ({ signal }) => unwrap(api.GET("/v1/clusters/{cluster}", { params: { path: { cluster } }, signal })),
    refetchInterval: (query) => (query.state.data && isBusy(query.state.data) ? POLL_BUSY_MS : POLL_QUIET_MS),
  });

/** A change answers with its operation; only a dry run answers with the cluster itself. */
async function operationOf(answer: Promise<Cluster | Operation>): Promise<Operation> {
  const body = await answer;
  if ("steps" in body) return body;
  throw new Error("the service answered a change as if it were a dry run");
}

function useRefreshClusters() {
  const queries = useQueryClient();
  return () => {
    void queries.invalidateQueries({ queryKey: ["clusters"] });
    void queries.invalidateQueries({ queryKey: ["cluster"] });
    void queries.invalidateQueries({ queryKey: ["operations"] });
  };
}

export function useCreateCluster() {
  const refresh = useRefreshClusters();
  return useMutation({
    mutationFn: ({ body, idempotencyKey }: { body: CreateCluster; idempotencyKey: string }) =>
      operationOf(
        unwrap(api.POST("/v1/clusters", { params: { header: { "Idempotency-Key": idempotencyKey } }, body })),
      ),
    onSuccess: refresh,
  });
}

/** Asks whether the service would take the cluster; nothing is made. */
export function useValidateCluster() {
  return useMutation({
    mutationFn: (body: CreateCluster) =>
      unwrap(api.POST("/v1/clusters", { params: { query: { validate_only: true } }, body })),
  });
}

export function useUpdateCluster(cluster: Cluster) {
  const refresh = useRefreshClusters();
  return useMutation({
    mutationFn: (body: UpdateCluster) =>
      operationOf(
        unwrap(
          api.PATCH("/v1/clusters/{cluster}", {
            params: { path: { cluster: cluster.id }, header: { "If-Match": ifMatch(cluster.generation) } },
            body,
          }),
        ),
      ),
    onSettled: refresh,
  });
}

export function useRestartCluster(cluster: Cluster) {
  const refresh = useRefreshClusters();
  return useMutation({
    mutationFn: () =>
      unwrap(
        api.POST("/v1/clusters/{cluster}/restart", {
          params: { path: { cluster: cluster.id }, header: { "If-Match": ifMatch(cluster.generation) } },
        }),
      ),
    onSettled: refresh,
  });
}

export function useReplaceBroker(cluster: Cluster) {
  const refresh = useRefreshClusters();
  return useMutation({
    mutationFn: (broker: number) =>
      unwrap(
        api.POST("/v1/clusters/{cluster}/brokers/{broker}/replace", {
          params: { path: { cluster: cluster.id, broker }, header: { "If-Match": ifMatch(cluster.generation) } },
        }),
      ),
    onSettled: refresh,
  });
}

export function useDeleteCluster(cluster: Cluster) {
  const refresh = useRefreshClusters();
  return useMutation({
    mutationFn: () =>
      operationOf(
        unwrap(
          api.DELETE("/v1/clusters/{cluster}", {
            params: { path: { cluster: cluster.id }, header: { "If-Match": ifMatch(cluster.generation) } },
          }),
        ),
      ),
    onSettled: refresh,
  });
}
