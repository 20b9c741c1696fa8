import { queryOptions } from "@tanstack/react-query";
import { api, unwrap } from "./client";

/** Addresses come one after another while brokers start and load balancers get theirs. */
const POLL_MS = 5_000;

export const connectionQuery = (cluster: string) =>
  queryOptions({
    queryKey: ["connection", cluster],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/v1/clusters/{cluster}/connection", { params: { path: { cluster } }, signal })),
    refetchInterval: POLL_MS,
  });
