/** Settings or labels: machine words, one pair a line. */
export function Pairs({ pairs, none }: { pairs: Record<string, string>; none: string }) {
  const entries = Object.entries(pairs).sort(([a], [b]) => a.localeCompare(b));
  if (entries.length === 0) return <p className="text-ink-3">{none}</p>;
  return (
    <dl className="space-y-1 font-mono text-xs">
      {entries.map(([key, value]) => (
        <div key={key} className="flex flex-wrap justify-between gap-x-4">
          <dt className="break-all text-ink-2">{key}</dt>
          <dd className="break-all">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
