import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { metricsQuery, type Metric } from "../api/metrics";
import type { MetricSeries } from "../api/types";
import { formatByteRate, formatCountRate, NOT_KNOWN } from "../lib/format";
import { alignSeries, latest, type Point } from "../lib/series";
import { LineChart, seriesColor } from "../ui/line-chart";
import { Empty } from "../ui/notice";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";

const route = getRouteApi("/shell/clusters/$cluster/throughput");

const WINDOW_DEFAULT_SECONDS = 900;
const WINDOWS: readonly [seconds: number, label: string][] = [
  [300, "5 min"],
  [900, "15 min"],
  [3_600, "1 h"],
  [21_600, "6 h"],
  [86_400, "24 h"],
];

const CHARTS: readonly { metric: Metric; title: string; binary: boolean; format: (value: number | null) => string }[] = [
  { metric: "bytes_in", title: "Bytes in", binary: true, format: formatByteRate },
  { metric: "bytes_out", title: "Bytes out", binary: true, format: formatByteRate },
  { metric: "messages_in", title: "Messages in", binary: false, format: formatCountRate },
];

export function ClusterThroughput() {
  const { cluster } = route.useParams();
  const windowSeconds = route.useSearch().window ?? WINDOW_DEFAULT_SECONDS;
  return (
    <div className="space-y-5">
      <nav aria-label="Time window" className="flex flex-wrap items-center gap-1">
        {WINDOWS.map(([seconds, label]) => (
          <Link
            key={seconds}
            from="/clusters/$cluster/throughput"
            to="."
            search={{ window: seconds === WINDOW_DEFAULT_SECONDS ? undefined : seconds }}
            data-current={seconds === windowSeconds || undefined}
            className="rounded-md px-2.5 py-1 text-ink-2 hover:bg-raised data-current:bg-accent-soft data-current:font-medium data-current:text-accent-strong"
          >
            {label}
            {seconds === windowSeconds && <span className="sr-only"> (shown)</span>}
          </Link>
        ))}
        <span className="ml-auto text-xs text-ink-3 max-sm:hidden">per broker, as reported by its agent</span>
      </nav>
      {CHARTS.map((chart) => (
        <MetricPanel key={chart.metric} cluster={cluster} windowSeconds={windowSeconds} {...chart} />
      ))}
    </div>
  );
}

type MetricPanelProps = (typeof CHARTS)[number] & { cluster: string; windowSeconds: number };

function MetricPanel({ cluster, windowSeconds, metric, title, binary, format }: MetricPanelProps) {
  const query = useQuery(metricsQuery(cluster, metric, windowSeconds));
  return (
    <Panel title={title} note="per second">
      <QueryView query={query} what={title.toLowerCase()} loading={<div role="status" aria-label={`Loading ${title}`} className="h-48 animate-skeleton rounded bg-raised" />}>
        {(data) => <Chart data={data} windowSeconds={windowSeconds} binary={binary} format={format} />}
      </QueryView>
    </Panel>
  );
}

function Chart({ data, windowSeconds, binary, format }: Pick<MetricPanelProps, "windowSeconds" | "binary" | "format"> & { data: MetricSeries }) {
  const [hovered, setHovered] = useState<number | null>(null);
  const points = useMemo(() => data.series.map((series) => series.points as unknown as Point[]), [data]);
  const columns = useMemo(() => alignSeries(points, data.step_seconds), [points, data.step_seconds]);
  if (columns.times.length === 0) {
    return <Empty title="No data yet">Figures appear a few seconds after a broker’s agent first reports.</Empty>;
  }
  const valueOf = (index: number) =>
    hovered === null ? latest(points[index] ?? []) : (columns.values[index]?.[hovered] ?? null);
  const at = hovered === null ? undefined : columns.times[hovered];
  const values = data.series.map((_, index) => valueOf(index));
  const known = values.filter((value) => value !== null);
  return (
    <>
      <LineChart
        columns={columns}
        labels={data.series.map((series) => `broker ${series.broker}`)}
        formatValue={format}
        binary={binary}
        windowSeconds={windowSeconds}
        onHover={setHovered}
      />
      <ul aria-label="Legend" className="mt-2 flex flex-wrap items-center gap-x-5 gap-y-1 text-xs">
        {data.series.map((series, index) => (
          <li key={series.broker} className="flex items-center gap-2">
            <span className="h-0.5 w-3.5 rounded-full" style={{ background: seriesColor(index) }} />
            <span className="text-ink-2">broker {series.broker}</span>
            <span className="num">{format(values[index] ?? null)}</span>
          </li>
        ))}
        {data.series.length > 1 && (
          <li className="flex items-center gap-2">
            <span className="text-ink-2">together</span>
            <span className="num">{known.length > 0 ? format(known.reduce((sum, value) => sum + value, 0)) : NOT_KNOWN}</span>
          </li>
        )}
        <li className="ml-auto text-ink-3">{at === undefined ? "latest" : new Date(at * 1_000).toLocaleTimeString("en-GB")}</li>
      </ul>
    </>
  );
}
