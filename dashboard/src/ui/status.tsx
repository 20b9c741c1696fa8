/** A state in the service's own word, with a shape beside it, so that colour is never the only sign. */
import { Spinner } from "./button";

type Tone = "ok" | "busy" | "warn" | "bad" | "still" | "unknown";

const TONES: Record<string, Tone> = {
  running: "ok",
  healthy: "ok",
  succeeded: "ok",
  pending: "still",
  skipped: "still",
  cancelled: "still",
  creating: "busy",
  updating: "busy",
  deleting: "busy",
  starting: "busy",
  fenced: "warn",
  degraded: "warn",
  warning: "warn",
  unhealthy: "bad",
  failed: "bad",
  stopped: "bad",
  error: "bad",
  unknown: "unknown",
};

const TEXT: Record<Tone, string> = {
  ok: "text-ok",
  busy: "text-busy",
  warn: "text-warn",
  bad: "text-bad",
  still: "text-ink-3",
  unknown: "text-ink-3",
};

function Shape({ tone }: { tone: Tone }) {
  if (tone === "busy") return <Spinner className="size-3" />;
  return (
    <svg viewBox="0 0 12 12" className="size-3 shrink-0" fill="currentColor" stroke="currentColor" aria-hidden="true">
      {tone === "ok" && <circle cx="6" cy="6" r="3.5" stroke="none" />}
      {tone === "still" && <circle cx="6" cy="6" r="3.2" fill="none" strokeWidth="1.5" />}
      {tone === "unknown" && <circle cx="6" cy="6" r="4" fill="none" strokeWidth="1.5" strokeDasharray="2 1.6" />}
      {tone === "warn" && <path d="M6 1.5l4.800 8.5H1.200z" stroke="none" />}
      {tone === "bad" && <path d="M2.5 2.5l7 7M9.5 2.5l-7 7" strokeWidth="2" strokeLinecap="round" />}
    </svg>
  );
}

/** `as` is for an operation: its "running" is work under way, a cluster's is rest, so it is worded apart. */
export function Status({ state, as }: { state: string; as?: "operation" | undefined }) {
  const underWay = as === "operation" && state === "running";
  const tone = underWay ? "busy" : (TONES[state] ?? "unknown");
  return (
    <span className={`inline-flex items-center gap-1.5 whitespace-nowrap align-middle font-medium ${TEXT[tone]}`}>
      <Shape tone={tone} />
      <span>{underWay ? "in progress" : state}</span>
    </span>
  );
}
