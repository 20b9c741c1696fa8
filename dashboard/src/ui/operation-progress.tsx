/** An operation's steps as they happen. */
import type { Operation, OperationStep } from "../api/types";
import { ageOf, formatDuration } from "../lib/format";
import { Spinner } from "./button";
import { Icon } from "./icons";
import { ProblemNotice } from "./notice";
import { problemFrom } from "../api/problem";
import { useNow } from "./time";

function StepSign({ state }: { state: OperationStep["state"] }) {
  if (state === "running") return <Spinner className="size-4 text-busy" />;
  if (state === "succeeded") return <Icon name="check" className="size-4 text-ok" />;
  if (state === "failed") return <Icon name="close" className="size-4 text-bad" />;
  return (
    <span className="flex size-4 items-center justify-center">
      <span className={`size-1.5 rounded-full ${state === "skipped" ? "bg-line" : "bg-line-strong"}`} />
    </span>
  );
}

function Took({ from, to }: { from: string | null | undefined; to: string | null | undefined }) {
  const now = useNow();
  if (!from) return null;
  return <span className="num text-ink-3">{formatDuration(ageOf(from, to ? Date.parse(to) : now))}</span>;
}

function Step({ step }: { step: OperationStep }) {
  const waiting = step.state === "pending" || step.state === "skipped";
  return (
    <li className="flex gap-3 py-1.5" aria-current={step.state === "running" ? "step" : undefined}>
      <span className="mt-0.5">
        <StepSign state={step.state} />
      </span>
      <div className="min-w-0 flex-1">
        <p className={waiting ? "text-ink-3" : step.state === "running" ? "font-medium" : ""}>
          {step.title}
          <span className="sr-only">: {step.state === "running" ? "in progress" : step.state}</span>
          {step.state === "skipped" && <span className="text-ink-3"> (not needed)</span>}
        </p>
        {step.message && <p className="break-words text-xs text-ink-3">{step.message}</p>}
      </div>
      <Took from={step.started_at} to={step.finished_at} />
    </li>
  );
}

export function OperationProgress({ operation }: { operation: Operation }) {
  const failed = operation.state === "failed";
  const problem = operation.error;
  return (
    <div className="space-y-3">
      <div
        role="progressbar"
        aria-label="Progress"
        aria-valuenow={operation.progress}
        aria-valuemin={0}
        aria-valuemax={100}
        className="h-1 overflow-hidden rounded-full bg-raised"
      >
        <div
          className={`h-full rounded-full transition-[width] duration-500 ${failed ? "bg-bad" : operation.state === "succeeded" ? "bg-ok" : "bg-accent"}`}
          style={{ width: `${operation.progress}%` }}
        />
      </div>
      {problem && <ProblemNotice error={problemFrom(problem.status, problem)} doing="The operation stopped" />}
      <ol aria-label="Steps">
        {operation.steps.map((step) => (
          <Step key={step.name} step={step} />
        ))}
      </ol>
      {operation.steps.length === 0 && <p className="text-ink-3">Waiting for its turn.</p>}
    </div>
  );
}

const KINDS = {
  "cluster.create": "Create cluster",
  "cluster.update": "Update cluster",
  "cluster.scale_out": "Add brokers",
  "cluster.upgrade": "Upgrade cluster",
  "cluster.restart": "Restart cluster",
  "broker.replace": "Replace broker",
  "cluster.delete": "Delete cluster",
} satisfies Record<Operation["kind"], string>;

/** A service that is newer than this page may do what has no title here. */
export function operationTitle(kind: Operation["kind"]): string {
  return KINDS[kind] ?? kind;
}
