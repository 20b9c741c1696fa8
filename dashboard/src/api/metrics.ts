import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, unwrap } from "./client";

export type Metric = "bytes_in" | "bytes_out" | "messages_in";
const POLL_MS = 10_000;

export const metricsQuery = (cluster: string, metric: Metric, windowSeconds: number) =>
  queryOptions({
    queryKey: ["metrics", cluster, metric, windowSeconds],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/v1/clusters/{cluster}/metrics", {
          params: { path: { cluster }, query: { metric, window_seconds: windowSeconds } },
          signal,
        }),
      ),
    refetchInterval: POLL_MS,
    placeholderData: keepPreviousData,
  });
