import { queryOptions } from "@tanstack/react-query";
import { api, authorization, unwrap } from "./client";

export const whoamiQuery = () =>
  queryOptions({
    queryKey: ["whoami"],
    queryFn: ({ signal }) => unwrap(api.GET("/v1/whoami", { signal })),
    staleTime: 60_000,
  });

/** Asks who a key belongs to, without signing in with it. */
export function probeKey(key: string) {
  return unwrap(api.GET("/v1/whoami", { headers: authorization(key) }), { onRefused: () => undefined });
}
