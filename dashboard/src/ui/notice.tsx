/** What is shown instead of data: nothing yet, not loaded yet, or what went wrong in the service's words. */
import type { ReactNode } from "react";
import { problemFromThrown } from "../api/problem";
import { Button } from "./button";
import { Icon } from "./icons";

export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="flex flex-col items-center px-6 py-12 text-center">
      <svg viewBox="0 0 96 40" className="mb-4 h-10 w-24 text-line-strong" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" aria-hidden="true">
        <path d="M4 8h46a22 22 0 0 1 22 22v6M4 18h42a14 14 0 0 1 14 14v4M4 28h36a8 8 0 0 1 8 8" strokeDasharray="1 5" />
      </svg>
      <p className="font-semibold">{title}</p>
      {children && <div className="mt-1 max-w-md text-balance text-ink-2">{children}</div>}
      {action && <div className="mt-4">{action}</div>}
    </div>
  );
}

export function Skeleton({ className = "" }: { className?: string }) {
  return <span className={`block h-3 animate-skeleton rounded bg-line ${className}`} />;
}

export function SkeletonLines({ label, lines = 4 }: { label: string; lines?: number }) {
  return (
    <div role="status" aria-label={`Loading ${label}`} className="space-y-3">
      {Array.from({ length: lines }, (_, line) => (
        <Skeleton key={line} className={["w-2/5", "w-4/5", "w-3/5"][line % 3] ?? ""} />
      ))}
    </div>
  );
}

export function ProblemNotice({ error, doing, onRetry }: { error: unknown; doing: string; onRetry?: (() => void) | undefined }) {
  const problem = problemFromThrown(error);
  return (
    <div role="alert" className="animate-appear rounded-md border border-bad/40 bg-bad-soft p-3">
      <div className="flex items-start gap-2.5">
        <Icon name="warning" className="mt-0.5 size-4 text-bad" />
        <div className="min-w-0 flex-1">
          <p className="font-medium">
            <span className="text-ink-2">{doing}: </span>
            {problem.title}
          </p>
          {problem.detail && <p className="mt-0.5 break-words text-ink-2">{problem.detail}</p>}
          {problem.errors.length > 0 && (
            <ul className="mt-1.5 list-disc pl-4 text-ink-2">
              {problem.errors.map((error) => (
                <li key={`${error.field} ${error.message}`}>
                  {error.field && <code className="text-ink">{error.field}</code>} {error.message}
                </li>
              ))}
            </ul>
          )}
          {problem.status > 0 && (
            <p className="mt-1 text-2xs text-ink-3">
              {problem.status} · <code>{problem.code}</code>
            </p>
          )}
        </div>
        {onRetry && (
          <Button onClick={onRetry} className="shrink-0">
            Try again
          </Button>
        )}
      </div>
    </div>
  );
}

/** A quiet line over data that is still shown although asking for newer failed. */
export function StaleNotice({ error, onRetry, apart }: { error: unknown; onRetry: () => void; apart: boolean }) {
  return (
    <div
      role="status"
      className={`flex flex-wrap items-center gap-2 border-warn/30 bg-warn-soft px-4 py-1.5 text-xs ${apart ? "mb-4 rounded-md border" : "border-b"}`}
    >
      <Icon name="warning" className="size-3.5 text-warn" />
      <span>These figures may be old: {problemFromThrown(error).title.toLowerCase()}.</span>
      <button type="button" onClick={onRetry} className="font-medium underline underline-offset-2">
        Try now
      </button>
    </div>
  );
}
