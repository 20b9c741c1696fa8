import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "./client";
import type { CreateApiKey } from "./types";

const PAGE_SIZE = 50;

export const apiKeysQuery = (pageToken?: string) =>
  queryOptions({
    queryKey: ["api-keys", { pageToken }],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/v1/api-keys", {
          params: { query: { page_size: PAGE_SIZE, ...(pageToken && { page_token: pageToken }) } },
          signal,
        }),
      ),
  });

export function useCreateApiKey() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ body, idempotencyKey }: { body: CreateApiKey; idempotencyKey: string }) =>
      unwrap(
        api.POST("/v1/api-keys", { params: { header: { "Idempotency-Key": idempotencyKey } }, body }),
      ),
    // The answer holds the key itself: it must not stay in a cache.
    gcTime: 0,
    onSuccess: () => queries.invalidateQueries({ queryKey: ["api-keys"] }),
  });
}

export function useRevokeApiKey(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => unwrap(api.DELETE("/v1/api-keys/{api_key}", { params: { path: { api_key: id } } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["api-keys"] }),
  });
}
