/** What is wrong with partitions, in the same words and colours wherever they are told of. */
import type { PartitionHealth } from "../api/types";
import { partitionTrouble, type Trouble } from "../lib/replication";

function Line({ trouble }: { trouble: Trouble }) {
  return <span className={trouble.refuses ? "text-bad" : "text-warn"}>{trouble.text}</span>;
}

/** All of it, a line each. */
export function TroubleList({ health, none }: { health: PartitionHealth; none: string }) {
  const all = partitionTrouble(health);
  if (all.length === 0) return <span className="text-ink-2">{none}</span>;
  return (
    <ul>
      {all.map((trouble) => (
        <li key={trouble.text}>
          <Line trouble={trouble} />
        </li>
      ))}
    </ul>
  );
}

/** The worst of it. */
export function WorstTrouble({ health, none }: { health: PartitionHealth; none: string }) {
  const [worst] = partitionTrouble(health);
  return worst ? <Line trouble={worst} /> : <span className="text-ink-2">{none}</span>;
}
