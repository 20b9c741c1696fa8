/** How figures are written. Pure: the time comes in as an argument. */

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;
const COUNT_UNITS = ["", "k", "M", "G", "T"] as const;

/** Shown wherever the service has not said. */
export const NOT_KNOWN = "–";

function scaled(value: number, base: number, units: readonly string[], separator: string): string {
  let unit = 0;
  let rest = Math.abs(value);
  // 999.95 would be written "1000.0", so it already belongs to the next unit.
  while (rest >= base - 0.05 && unit < units.length - 1) {
    rest /= base;
    unit += 1;
  }
  const digits = rest >= 100 || Number.isInteger(rest) ? 0 : 1;
  const sign = value < 0 ? "−" : "";
  return `${sign}${rest.toFixed(digits)}${units[unit] === "" ? "" : separator}${units[unit]}`;
}

function known(value: number | null | undefined): value is number {
  return value !== null && value !== undefined && Number.isFinite(value);
}

export function formatBytes(bytes: number | null | undefined): string {
  return known(bytes) ? scaled(bytes, 1024, BYTE_UNITS, " ") : NOT_KNOWN;
}

export function formatByteRate(bytesPerSecond: number | null | undefined): string {
  return known(bytesPerSecond) ? `${formatBytes(bytesPerSecond)}/s` : NOT_KNOWN;
}

/** 1234 → "1.2 k". For rates and axes; exact counts use {@link formatInteger}. */
export function formatCount(value: number | null | undefined): string {
  return known(value) ? scaled(value, 1000, COUNT_UNITS, " ") : NOT_KNOWN;
}

export function formatCountRate(perSecond: number | null | undefined): string {
  return known(perSecond) ? `${formatCount(perSecond)}/s` : NOT_KNOWN;
}

const integers = new Intl.NumberFormat("en");

export function formatInteger(value: number | null | undefined): string {
  return known(value) ? integers.format(value) : NOT_KNOWN;
}

export function formatPercent(part: number, whole: number): string {
  return whole > 0 ? `${Math.round((part / whole) * 100)}%` : NOT_KNOWN;
}

const DURATION_UNITS: readonly [label: string, ms: number][] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
];

/** The largest unit and, below it, the next: "2 d 3 h", "4 min 10 s", "850 ms". */
export function formatDuration(ms: number | null | undefined): string {
  if (!known(ms)) return NOT_KNOWN;
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  // Rounded once, to whole seconds, so that 59.6 s is "1 min" and never "60 s".
  const whole = Math.round(ms / 1_000) * 1_000;
  const at = DURATION_UNITS.findIndex(([, unit]) => whole >= unit);
  const [label, unit] = DURATION_UNITS[at] ?? ["s", 1_000];
  const first = Math.floor(whole / unit);
  const next = DURATION_UNITS[at + 1];
  const second = next ? Math.floor((whole - first * unit) / next[1]) : 0;
  return next && second > 0 ? `${first} ${label} ${second} ${next[0]}` : `${first} ${label}`;
}

/** One unit only, for narrow columns: "3 d", "12 s", "now". */
export function formatAge(ageMs: number | null | undefined): string {
  if (!known(ageMs)) return NOT_KNOWN;
  if (ageMs < 1_000) return "now";
  const [label, unit] = DURATION_UNITS.find(([, size]) => ageMs >= size) ?? ["s", 1_000];
  return `${Math.floor(ageMs / unit)} ${label}`;
}

export function ageOf(timestamp: string | null | undefined, nowMs: number): number | null {
  if (!timestamp) return null;
  const then = Date.parse(timestamp);
  return Number.isNaN(then) ? null : Math.max(0, nowMs - then);
}

const moments = new Intl.DateTimeFormat("en-GB", {
  year: "numeric",
  month: "short",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  timeZoneName: "short",
});

export function formatMoment(timestamp: string | null | undefined): string {
  const at = timestamp ? Date.parse(timestamp) : Number.NaN;
  return Number.isNaN(at) ? NOT_KNOWN : moments.format(at);
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatInteger(count)} ${count === 1 ? one : many}`;
}
