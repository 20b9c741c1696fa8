import { queryOptions } from "@tanstack/react-query";
import { api, unwrap } from "./client";

const PAGE_SIZE = 50;
const POLL_MS = 5_000;

export const eventsQuery = (filter: { cluster?: string; pageToken?: string }) =>
  queryOptions({
    queryKey: ["events", filter],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/v1/events", {
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
    refetchInterval: POLL_MS,
  });
