import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api, unwrap } from "./client";
import type { Operation } from "./types";
import { watch } from "./watch";

const PAGE_SIZE = 50;
const POLL_MS = 2_000;

export function isFinished(operation: Operation): boolean {
  return ["succeeded", "failed", "cancelled"].includes(operation.state);
}

export const operationsQuery = (filter: { cluster?: string; pageToken?: string }) =>
  queryOptions({
    queryKey: ["operations", filter],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/v1/operations", {
          params: {
            query: {
              page_size: PAGE_SIZE,
              ...(filter.cluster && { cluster: filter.cluster }),
              ...(filter.pageToken && { page_token: filter.pageToken }),
            },
          },
          signal,
        }),
      ),
    refetchInterval: (query) =>
      query.state.data?.items.some((operation) => !isFinished(operation)) ? POLL_MS : 10_000,
  });

const operationQuery = (id: string) =>
  queryOptions({
    queryKey: ["operation", id],
    queryFn: ({ signal }) => unwrap(api.GET("/v1/operations/{operation}", { params: { path: { operation: id } }, signal })),
  });

/**
 * An operation that stays current: its event stream while that holds, polling while it does not.
 * When it finishes, whatever it changed is asked for again.
 */
export function useLiveOperation(id: string) {
  const queries = useQueryClient();
  const [live, setLive] = useState(false);
  const query = useQuery({
    ...operationQuery(id),
    refetchInterval: ({ state }) => (live || (state.data && isFinished(state.data)) ? false : POLL_MS),
  });
  const known = query.data !== undefined;
  const finished = query.data !== undefined && isFinished(query.data);

  useEffect(() => {
    if (!known || finished) return;
    const stop = new AbortController();
    void watch<Operation>(`/v1/operations/${encodeURIComponent(id)}/watch`, {
      event: "operation",
      signal: stop.signal,
      onConnection: setLive,
      onData: (operation) => {
        queries.setQueryData(operationQuery(id).queryKey, operation);
        return isFinished(operation) ? "stop" : "go on";
      },
    });
    return () => stop.abort();
  }, [id, known, finished, queries]);

  useEffect(() => {
    if (!finished) return;
    for (const key of ["clusters", "cluster", "brokers", "operations", "events"]) {
      void queries.invalidateQueries({ queryKey: [key] });
    }
  }, [finished, queries]);

  return { ...query, live: live && !finished };
}
