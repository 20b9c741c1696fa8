import { queryOptions } from "@tanstack/react-query";
import { api, unwrap } from "./client";

const POLL_MS = 5_000;

export const brokersQuery = (cluster: string) =>
  queryOptions({
    queryKey: ["brokers", cluster],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/v1/clusters/{cluster}/brokers", { params: { path: { cluster } }, signal })),
    refetchInterval: POLL_MS,
  });
