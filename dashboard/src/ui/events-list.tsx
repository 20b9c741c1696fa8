import { Link } from "@tanstack/react-router";
import type { ServiceEvent } from "../api/types";
import { Icon, type IconName } from "./icons";
import { Empty } from "./notice";
import { Age } from "./time";

const SIGNS: Record<ServiceEvent["severity"], { icon: IconName; className: string }> = {
  info: { icon: "minus", className: "text-ink-3" },
  warning: { icon: "warning", className: "text-warn" },
  error: { icon: "close", className: "text-bad" },
};

interface EventsListProps {
  events: readonly ServiceEvent[];
  /** Left out where all of them are one cluster's. */
  withCluster?: boolean;
}

export function EventsList({ events, withCluster = false }: EventsListProps) {
  if (events.length === 0) return <Empty title="Nothing has happened yet">What the service does and notices is told here.</Empty>;
  return (
    <ol aria-label="Events">
      {events.map((event) => (
        <li key={event.id} className="flex gap-3 border-b border-line px-4 py-2.5 last:border-0">
          <Icon name={SIGNS[event.severity].icon} className={`mt-0.5 size-4 ${SIGNS[event.severity].className}`} />
          <div className="min-w-0 flex-1">
            <p className="break-words">
              <span className="sr-only">{event.severity}: </span>
              {event.message}
            </p>
            <p className="text-xs text-ink-3">
              {withCluster && event.cluster_name && (
                <>
                  <Link to="/clusters/$cluster" params={{ cluster: event.cluster_name }} className="text-ink-2 hover:text-ink hover:underline">
                    {event.cluster_name}
                  </Link>
                  {" · "}
                </>
              )}
              {event.reason}
              {event.actor && ` · ${event.actor}`}
            </p>
          </div>
          <span className="num text-ink-3">
            <Age at={event.at} />
          </span>
        </li>
      ))}
    </ol>
  );
}
