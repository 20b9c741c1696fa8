import { Link } from "@tanstack/react-router";
import type { Operation } from "../api/types";
import { formatDuration } from "../lib/format";
import { columnsOf, DataTable } from "./data-table";
import { Empty } from "./notice";
import { operationTitle } from "./operation-progress";
import { Status } from "./status";
import { Age } from "./time";

const column = columnsOf<Operation>();

const COLUMNS = column.columns([
  column.accessor("kind", {
    header: "Operation",
    cell: ({ row: { original: operation } }) => (
      <Link to="/operations/$operation" params={{ operation: operation.id }} className="font-medium hover:text-accent hover:underline">
        {operationTitle(operation.kind)}
      </Link>
    ),
  }),
  column.accessor("cluster_name", {
    header: "Cluster",
    cell: ({ getValue }) => (
      <Link to="/clusters/$cluster" params={{ cluster: getValue() }} className="hover:text-accent hover:underline">
        {getValue()}
      </Link>
    ),
  }),
  column.accessor("state", { header: "State", cell: ({ getValue }) => <Status state={getValue()} as="operation" /> }),
  column.accessor((operation) => operation.steps.filter((step) => step.state === "succeeded").length, {
    id: "step",
    header: "Step",
    enableSorting: false,
    meta: { hideBelow: "md" },
    cell: ({ row }) => <span className="text-ink-2">{currentStep(row.original)}</span>,
  }),
  column.accessor((operation) => Date.parse(operation.finished_at ?? operation.updated_at) - Date.parse(operation.created_at), {
    id: "took",
    header: "Took",
    meta: { numeric: true, hideBelow: "sm" },
    cell: ({ getValue, row }) => <span className="num">{row.original.finished_at ? formatDuration(getValue()) : "–"}</span>,
  }),
  column.accessor("created_at", {
    header: "Started",
    meta: { numeric: true },
    cell: ({ getValue }) => (
      <span className="num">
        <Age at={getValue()} suffix=" ago" />
      </span>
    ),
  }),
]);

function currentStep(operation: Operation): string {
  const step = operation.steps.find((each) => each.state === "running" || each.state === "failed");
  return step?.title ?? (operation.state === "succeeded" ? `all ${operation.steps.length} done` : "–");
}

export function OperationsTable({ operations }: { operations: readonly Operation[] | undefined }) {
  return (
    <DataTable
      label="Operations"
      columns={COLUMNS}
      rows={operations}
      rowKey={(operation) => operation.id}
      empty={<Empty title="No operations yet">Every change to a cluster becomes an operation, with its steps to follow here.</Empty>}
    />
  );
}
