import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { brokersQuery } from "../api/brokers";
import type { Broker } from "../api/types";
import { useCluster } from "../api/use-cluster";
import { formatAge, formatByteRate, formatBytes, formatCountRate, formatInteger, formatPercent, NOT_KNOWN } from "../lib/format";
import { ReasonBadge } from "../ui/badge";
import { Button } from "../ui/button";
import { columnsOf, DataTable } from "../ui/data-table";
import { Empty } from "../ui/notice";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { Status } from "../ui/status";
import { useNow } from "../ui/time";
import { ScaleCluster } from "./scale-cluster";

const route = getRouteApi("/shell/clusters/$cluster/brokers");
/** A broker as it was told, and when: its report grows older here, too, while the service cannot be asked. */
type Row = Broker & { toldAtMs: number };
const column = columnsOf<Row>();

function ReportAge({ broker }: { broker: Row }) {
  const now = useNow();
  if (broker.report_age_ms === null || broker.report_age_ms === undefined) return <span className="text-ink-3">never</span>;
  const ageMs = broker.report_age_ms + Math.max(0, now - broker.toldAtMs);
  return (
    <span className="num whitespace-nowrap">
      {formatAge(ageMs)}
      {ageMs >= 1_000 && " ago"}
    </span>
  );
}

/** The last figures of a broker that stopped reporting are history, and look like it. */
function Figure({ broker, children }: { broker: Broker; children: string }) {
  return <span className={`num whitespace-nowrap ${broker.state === "unknown" ? "text-ink-3 italic" : ""}`}>{children}</span>;
}

function diskText(broker: Broker): string {
  const used = broker.disk.reduce((sum, dir) => sum + dir.used_bytes, 0);
  const total = broker.disk.reduce((sum, dir) => sum + dir.total_bytes, 0);
  return broker.disk.length === 0 ? NOT_KNOWN : `${formatBytes(used)} · ${formatPercent(used, total)}`;
}

function partitionsLacking(broker: Broker): string | null {
  const parts = [
    broker.offline_partitions ? `${broker.offline_partitions} offline` : "",
    broker.under_replicated_partitions ? `${broker.under_replicated_partitions} under-replicated` : "",
  ].filter(Boolean);
  return parts.length > 0 ? parts.join(", ") : null;
}

/** Why it does not serve, as its surroundings tell: not wider than a window, for what Kubernetes says is long. */
function Trouble({ trouble }: { trouble: NonNullable<Broker["trouble"]> }) {
  return (
    <div className="flex max-w-[min(56rem,80vw)] items-start gap-x-2 gap-y-1 max-sm:flex-col">
      <ReasonBadge reason={trouble.reason} />
      <p className="min-w-0 whitespace-pre-line wrap-anywhere text-ink-2">{trouble.message}</p>
    </div>
  );
}

/** Its part in the metadata quorum. */
function role(broker: Broker): string {
  return broker.is_controller ? "controller" : broker.is_voter ? "voter" : "";
}

const COLUMNS = column.columns([
  column.accessor("id", {
    header: "Broker",
    cell: ({ row: { original: broker } }) => (
      <>
        <span className="num font-medium">{broker.id}</span>
        {broker.host && (
          <code className="block text-2xs text-ink-3">
            {broker.host}:{broker.port}
          </code>
        )}
      </>
    ),
  }),
  column.accessor("membership", {
    header: "Member",
    cell: ({ row: { original: broker } }) => (
      <>
        {broker.membership ? <Status state={broker.membership} /> : <span className="text-ink-3">{NOT_KNOWN}</span>}
        {role(broker) && <span className="block whitespace-nowrap text-xs text-ink-3">{role(broker)}</span>}
      </>
    ),
  }),
  column.accessor("state", {
    header: "Health",
    cell: ({ row: { original: broker } }) => (
      <>
        <Status state={broker.state} />
        {partitionsLacking(broker) && <span className="block whitespace-nowrap text-xs text-warn">{partitionsLacking(broker)}</span>}
      </>
    ),
  }),
  column.accessor("report_age_ms", {
    header: "Last report",
    cell: ({ row }) => <ReportAge broker={row.original} />,
  }),
  column.accessor("bytes_in_per_second", {
    header: "In",
    meta: { numeric: true },
    cell: ({ row }) => <Figure broker={row.original}>{formatByteRate(row.original.bytes_in_per_second)}</Figure>,
  }),
  column.accessor("bytes_out_per_second", {
    header: "Out",
    meta: { numeric: true },
    cell: ({ row }) => <Figure broker={row.original}>{formatByteRate(row.original.bytes_out_per_second)}</Figure>,
  }),
  column.accessor("messages_in_per_second", {
    header: "Messages in",
    meta: { numeric: true, hideBelow: "2xl" },
    cell: ({ row }) => <Figure broker={row.original}>{formatCountRate(row.original.messages_in_per_second)}</Figure>,
  }),
  column.accessor("partitions", {
    header: "Partitions",
    meta: { numeric: true, hideBelow: "sm" },
    cell: ({ row: { original: broker } }) => (
      <>
        <Figure broker={broker}>{formatInteger(broker.partitions)}</Figure>
        {broker.leaders !== null && broker.leaders !== undefined && <span className="num block text-xs text-ink-3">leads {formatInteger(broker.leaders)}</span>}
      </>
    ),
  }),
  column.accessor("cpu_cores_used", {
    header: "CPU cores",
    meta: { numeric: true, hideBelow: "md" },
    cell: ({ row: { original: broker } }) => <Figure broker={broker}>{broker.cpu_cores_used?.toFixed(2) ?? NOT_KNOWN}</Figure>,
  }),
  column.accessor("memory_rss_bytes", {
    header: "Memory",
    meta: { numeric: true, hideBelow: "md" },
    cell: ({ row: { original: broker } }) => <Figure broker={broker}>{formatBytes(broker.memory_rss_bytes)}</Figure>,
  }),
  column.accessor("disk", {
    header: "Disk",
    enableSorting: false,
    meta: { numeric: true, hideBelow: "md" },
    cell: ({ row: { original: broker } }) => (
      <span title={broker.disk.map((dir) => `${dir.dir}: ${formatBytes(dir.used_bytes)} of ${formatBytes(dir.total_bytes)}`).join("\n")}>
        <Figure broker={broker}>{diskText(broker)}</Figure>
      </span>
    ),
  }),
]);

export function ClusterBrokers() {
  const cluster = useCluster(route.useParams().cluster);
  const [scaling, setScaling] = useState(false);
  const query = useQuery(brokersQuery(cluster.name));
  const { data, dataUpdatedAt } = query;
  const rows = useMemo(() => data?.items.map((broker) => ({ ...broker, toldAtMs: dataUpdatedAt })), [data, dataUpdatedAt]);
  const silent = query.data?.items.filter((broker) => broker.state === "unknown") ?? [];
  return (
    <Panel
      flush
      title="Brokers"
      note="figures as their agents reported"
      actions={
        <Button icon="plus" disabled={cluster.status.state === "deleting"} onClick={() => setScaling(true)}>
          Scale
        </Button>
      }
    >
      {/* Made anew for each number of brokers, so that it proposes the next. */}
      <ScaleCluster key={cluster.brokers} cluster={cluster} open={scaling} onOpenChange={setScaling} />
      {silent.length > 0 && (
        <p role="status" className="border-b border-line bg-raised px-4 py-2 text-ink-2">
          {silent.length === 1 ? `Broker ${silent[0]?.id} has` : `${silent.length} brokers have`} stopped reporting. That says nothing about
          whether clients are still served: figures in italics are the last known.
        </p>
      )}
      <QueryView query={query} what="the brokers" loading={<DataTable label="Brokers" columns={COLUMNS} rows={undefined} rowKey={(row) => String(row.id)} empty={null} />}>
        {() => (
          <DataTable
            label="Brokers"
            columns={COLUMNS}
            rows={rows}
            rowKey={(broker) => String(broker.id)}
            below={(broker) => broker.trouble && <Trouble trouble={broker.trouble} />}
            empty={<Empty title="No broker has been started yet">They appear here as soon as the service starts them.</Empty>}
          />
        )}
      </QueryView>
    </Panel>
  );
}
