/** The console's own small icon set: 16 × 16, drawn with one stroke in the text's colour. */
const PATHS = {
  clusters: "M2.5 4.5h11M2.5 8h11M2.5 11.5h11M4.5 4.500v0M5 3v3M10.5 6.500v3M6.5 10v3",
  operations: "M2.5 4l1.2 1.200L6 3M2.5 8.700l1.2 1.200L6 7.700M8.5 4.200h5M8.5 8.900h5M3 13h10.5",
  events: "M1.5 8.500h3l2-5.5 3 10 2-4.500h3",
  key: "M10 9.200a3.3 3.3 0 1 0-3.1-2.200L2.5 11.400v2.100h2.200v-1.600h1.600v-1.600l1.3-1.300M10.8 5.200v0",
  copy: "M5.5 5.500v-3h8v8h-3M2.5 5.500h8v8h-8z",
  check: "M3 8.500l3.3 3.300L13 4.8",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  trash: "M2.5 4.500h11M6 4.500v-2h4v2M4 4.500l.6 9h6.800l.6-9M6.8 7v4M9.2 7v4",
  sun: "M8 5.200a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.600M8 1.500v1.200M8 13.300v1.200M1.5 8h1.200M13.3 8h1.200M3.4 3.400l.9.9M11.7 11.700l.9.9M12.6 3.400l-.9.9M4.3 11.700l-.9.9",
  moon: "M13.3 9.800A5.7 5.7 0 0 1 6.2 2.700a5.7 5.7 0 1 0 7.1 7.100z",
  system: "M2 3h12v8H2zM6 13.500h4M8 11v2.5",
  search: "M7 2.500a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.3 10.300l3.2 3.2",
  close: "M4 4l8 8M12 4l-8 8",
  exit: "M9.5 2.500h-6v11h6M7 8h7M11.5 5.500L14 8l-2.5 2.5",
  lock: "M4 7.500h8v6H4zM5.5 7.500v-2a2.5 2.5 0 0 1 5 0v2",
  back: "M9.5 3.500L5 8l4.5 4.5",
  next: "M6.5 3.500L11 8l-4.5 4.5",
  warning: "M8 2.500l6 11H2zM8 6.500v3.300M8 11.700v0",
  sort: "M5 6l3-3 3 3M5 10l3 3 3-3",
  up: "M4.5 9.500L8 6l3.5 3.5",
  down: "M4.5 6.500L8 10l3.5-3.5",
  docs: "M3.5 2.500h6l3 3v8h-9zM9.5 2.500v3h3M5.8 8.500h4.400M5.8 11h4.4",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, className = "size-4" }: { name: IconName; className?: string }) {
  return (
    <svg
      viewBox="0 0 16 16"
      className={`shrink-0 ${className}`}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.4"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
