import { queryOptions } from "@tanstack/react-query";
import { api, unwrap } from "./client";

/** What the service can do changes only when it is started anew. */
const FRESH_MS = 60_000;

export const capabilitiesQuery = () =>
  queryOptions({
    queryKey: ["capabilities"],
    queryFn: ({ signal }) => unwrap(api.GET("/v1/capabilities", { signal })),
    staleTime: FRESH_MS,
  });
