import { QueryClient } from "@tanstack/react-query";
import { ApiProblem } from "./api/problem";

const RETRIES_MAX = 2;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 1_000,
      // A refusal will be the same next time; a broken connection may not.
      retry: (failures, error) =>
        failures < RETRIES_MAX && error instanceof ApiProblem && (error.status === 0 || error.status >= 500),
      retryDelay: (attempt) => Math.min(4_000, 500 * 2 ** attempt),
      // Ask even if the browser believes to be offline: the service may be on this very machine.
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});
