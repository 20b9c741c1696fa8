/** A uPlot chart that follows its box's width and the page's theme. Loaded only with the screen that draws. */
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Columns } from "../lib/series";

const HEIGHT_PX = 168;
const SERIES_COLORS = 6;
/** Steps of an axis of bytes: powers of two, so that it says "4 MiB" and not "3.8 MiB". */
const BINARY_STEPS = Array.from({ length: 50 }, (_, power) => 2 ** power);

export function seriesColor(index: number): string {
  return `var(--series-${(index % SERIES_COLORS) + 1})`;
}

/** A canvas needs colours as values: lets the browser resolve ours where the chart stands. */
function resolved(element: HTMLElement, color: string): string {
  const before = element.style.color;
  element.style.color = color;
  const value = getComputedStyle(element).color;
  element.style.color = before;
  return value;
}

interface LineChartProps {
  columns: Columns;
  labels: readonly string[];
  formatValue: (value: number) => string;
  binary: boolean;
  /** The window asked for, so that a short history does not look like a full one. */
  windowSeconds: number;
  /** Called with the index under the pointer, or null when it leaves. */
  onHover: (index: number | null) => void;
}

function optionsFor(element: HTMLElement, props: LineChartProps): uPlot.Options {
  const ink = resolved(element, "var(--ink-3)");
  const line = resolved(element, "var(--line)");
  const axis = { stroke: ink, font: "11px Geist, sans-serif", ticks: { show: false }, grid: { stroke: line, width: 1 } };
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { points: { size: 7 }, drag: { x: false, y: false }, sync: { key: "throughput" } },
    hooks: { setCursor: [(plot) => props.onHover(plot.cursor.idx ?? null)] },
    scales: {
      x: {
        range: () => {
          const end = Date.now() / 1_000;
          return [end - props.windowSeconds, end];
        },
      },
      y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 28,
        space: 72,
        values: [
          [86_400, "{DD} {MMM}", null, null, null, null, null, null, 1],
          [60, "{HH}:{mm}", null, null, null, null, null, null, 1],
          [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1],
        ],
      },
      {
        ...axis,
        size: 76,
        space: 36,
        ...(props.binary && { incrs: BINARY_STEPS }),
        values: (_, splits) => splits.map((value) => props.formatValue(value)),
      },
    ],
    series: [
      {},
      ...props.labels.map((label, index) => {
        const stroke = resolved(element, seriesColor(index));
        // A lone line gets a body; several would only cover each other.
        const fill = resolved(element, `color-mix(in oklab, ${seriesColor(index)} 10%, transparent)`);
        const alone = props.labels.length === 1;
        return { label, stroke, ...(alone && { fill }), width: 1.75, spanGaps: false, points: { show: false } } satisfies uPlot.Series;
      }),
    ],
  };
}

export function LineChart(props: LineChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
    plot.current?.setData([props.columns.times, ...props.columns.values]);
  });

  const shape = `${props.labels.join("\n")}|${props.windowSeconds}|${props.binary}`;
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const draw = () => {
      plot.current?.destroy();
      const { columns } = latest.current;
      const current: LineChartProps = { ...latest.current, onHover: (index) => latest.current.onHover(index) };
      plot.current = new uPlot(optionsFor(element, current), [columns.times, ...columns.values], element);
    };
    draw();
    const resize = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    resize.observe(element);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    window.addEventListener("headrace:theme", draw);
    return () => {
      resize.disconnect();
      scheme.removeEventListener("change", draw);
      window.removeEventListener("headrace:theme", draw);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape]);

  // The figures are in the legend beside it; the picture itself is for the eye.
  return <div ref={box} aria-hidden="true" className="min-w-0" />;
}
