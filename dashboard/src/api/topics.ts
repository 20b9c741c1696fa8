import { keepPreviousData, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "./client";
import type { CreateTopic, Topic } from "./types";

const POLL_MS = 10_000;

/** Topics read into the page at most, so that search and sort see all of them; beyond it the list says so. */
export const TOPICS_MAX = 5_000;
const PAGE_SIZE_MAX = 500;

export const topicsQuery = (cluster: string, internal: boolean) =>
  queryOptions({
    queryKey: ["topics", cluster, { internal }],
    queryFn: async ({ signal }) => {
      const topics: Topic[] = [];
      let pageToken: string | undefined;
      do {
        const page = await unwrap(
          api.GET("/v1/clusters/{cluster}/topics", {
            params: {
              path: { cluster },
              query: { internal, page_size: PAGE_SIZE_MAX, ...(pageToken && { page_token: pageToken }) },
            },
            signal,
          }),
        );
        topics.push(...page.items);
        pageToken = page.next_page_token ?? undefined;
      } while (pageToken && topics.length < TOPICS_MAX);
      return { topics, complete: pageToken === undefined };
    },
    refetchInterval: POLL_MS,
    placeholderData: keepPreviousData,
  });

export const topicQuery = (cluster: string, topic: string) =>
  queryOptions({
    queryKey: ["topic", cluster, topic],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/v1/clusters/{cluster}/topics/{topic}", { params: { path: { cluster, topic } }, signal })),
    refetchInterval: POLL_MS,
  });

export function useCreateTopic(cluster: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ body, idempotencyKey }: { body: CreateTopic; idempotencyKey: string }) =>
      unwrap(
        api.POST("/v1/clusters/{cluster}/topics", {
          params: { path: { cluster }, header: { "Idempotency-Key": idempotencyKey } },
          body,
        }),
      ),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["topics", cluster] }),
  });
}

export function useDeleteTopic(cluster: string, topic: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () =>
      unwrap(api.DELETE("/v1/clusters/{cluster}/topics/{topic}", { params: { path: { cluster, topic } } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["topics", cluster] }),
  });
}
