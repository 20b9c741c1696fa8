/** The three states of every query in one place: loading, failed, and data (with a word if it is stale). */
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ProblemNotice, SkeletonLines, StaleNotice } from "./notice";

interface QueryViewProps<T> {
  query: UseQueryResult<T>;
  /** What is being loaded, in words: "the cluster". */
  what: string;
  loading?: ReactNode;
  /** Stands on the page itself, not inside a panel. */
  apart?: boolean;
  children: (data: T) => ReactNode;
}

export function QueryView<T>({ query, what, loading, apart = false, children }: QueryViewProps<T>) {
  const retry = () => void query.refetch();
  if (query.data === undefined) {
    if (query.isError) {
      return (
        <div className="p-4">
          <ProblemNotice error={query.error} doing={`Loading ${what}`} onRetry={retry} />
        </div>
      );
    }
    return (
      loading ?? (
        <div className="p-4">
          <SkeletonLines label={what} />
        </div>
      )
    );
  }
  return (
    <>
      {query.isError && <StaleNotice error={query.error} onRetry={retry} apart={apart} />}
      {children(query.data)}
    </>
  );
}
