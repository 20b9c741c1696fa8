import { useSyncExternalStore } from "react";
import { ageOf, formatAge, formatMoment } from "../lib/format";

const TICK_MS = 1_000;
let now = Date.now();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  now = Date.now();
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** The time, once a second, from one timer for the whole page. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}

/** How long ago, counting on; the exact moment on hover. */
export function Age({ at, suffix = "" }: { at: string | null | undefined; suffix?: string }) {
  const age = ageOf(at, useNow());
  if (!at || age === null) return <span className="text-ink-3">–</span>;
  return (
    <time dateTime={at} title={formatMoment(at)} className="whitespace-nowrap">
      {formatAge(age)}
      {age >= 1_000 && suffix}
    </time>
  );
}
