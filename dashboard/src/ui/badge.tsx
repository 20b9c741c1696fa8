/** A reason in the service's own word; it stands out unless it passes by itself. */
import { passes } from "../lib/conditions";

export function ReasonBadge({ reason }: { reason: string }) {
  const look = passes(reason) ? "border-line-strong text-ink-2" : "border-warn/40 bg-warn-soft text-warn";
  return <span className={`inline-block whitespace-nowrap rounded border px-1.5 text-xs font-medium leading-5 ${look}`}>{reason}</span>;
}
