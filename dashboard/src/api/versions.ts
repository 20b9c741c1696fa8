import { queryOptions } from "@tanstack/react-query";
import { api, unwrap } from "./client";

/** Which versions there are changes only when the service is started anew. */
const FRESH_MS = 60_000;

export const versionsQuery = () =>
  queryOptions({
    queryKey: ["versions"],
    queryFn: ({ signal }) => unwrap(api.GET("/v1/versions", { signal })),
    staleTime: FRESH_MS,
  });
