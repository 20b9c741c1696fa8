/** Every table of the console: TanStack Table for the model, our markup for the rest. */
import {
  createColumnHelper,
  createSortedRowModel,
  rowSortingFeature,
  sortFn_alphanumeric,
  sortFn_basic,
  tableFeatures,
  useTable,
  type RowData,
  type TableOptions,
} from "@tanstack/react-table";
import { Fragment, type ReactNode } from "react";
import { Icon } from "./icons";
import { Skeleton } from "./notice";

const features = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns: { alphanumeric: sortFn_alphanumeric, basic: sortFn_basic },
});

type Features = typeof features;

declare module "@tanstack/react-table" {
  // The library's own names for its two parameters, which must be repeated to merge.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  interface ColumnMeta<TFeatures, TData, TValue> {
    /** Figures stand right, so that their digits line up. */
    numeric?: boolean;
    /** Left out where there is no room for it. */
    hideBelow?: "sm" | "md" | "lg" | "2xl";
  }
}

export type Columns<T extends RowData> = TableOptions<Features, T>["columns"];

export function columnsOf<T extends RowData>() {
  return createColumnHelper<Features, T>();
}

const HIDE = { sm: "max-sm:hidden", md: "max-md:hidden", lg: "max-lg:hidden", "2xl": "max-2xl:hidden" } as const;

function cellClass(meta: { numeric?: boolean; hideBelow?: keyof typeof HIDE } | undefined): string {
  return `${meta?.numeric ? "text-right" : "text-left"} ${meta?.hideBelow ? HIDE[meta.hideBelow] : ""}`;
}

interface DataTableProps<T extends RowData> {
  label: string;
  columns: Columns<T>;
  rows: readonly T[] | undefined;
  rowKey: (row: T) => string;
  /** Stands below a row, as wide as the table; null where there is nothing to say. */
  below?: (row: T) => ReactNode;
  /** Instead of rows, when there are none. */
  empty: ReactNode;
  /** The part of the sorted rows that is shown; all of them if left out. */
  page?: { number: number; size: number };
}

const SKELETON_ROWS = 4;

export function DataTable<T extends RowData>({ label, columns, rows, rowKey, below, empty, page }: DataTableProps<T>) {
  const table = useTable({
    features,
    columns,
    data: rows ?? (NO_ROWS as readonly T[]),
    getRowId: rowKey,
  });
  if (rows?.length === 0) return empty;
  const sorted = table.getRowModel().rows;
  const shown = page ? sorted.slice((page.number - 1) * page.size, page.number * page.size) : sorted;
  return (
    <div className="overflow-x-auto" role="region" aria-label={label} {...(rows && { tabIndex: -1 })}>
      <table className="w-full border-collapse" aria-busy={!rows}>
        <thead>
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id} className="border-b border-line">
              {group.headers.map((header) => {
                const order = header.column.getIsSorted();
                return (
                  <th
                    key={header.id}
                    scope="col"
                    className={`caption h-8 whitespace-nowrap px-3 first:pl-4 last:pr-4 ${cellClass(header.column.columnDef.meta)}`}
                    {...(order && { "aria-sort": order === "asc" ? "ascending" : "descending" })}
                  >
                    {header.column.getCanSort() && rows ? (
                      <button type="button" onClick={header.column.getToggleSortingHandler()} className={`group inline-flex items-center gap-1 hover:text-ink ${header.column.columnDef.meta?.numeric ? "flex-row-reverse" : ""}`}>
                        <table.FlexRender header={header} />
                        <Icon
                          name={order === "asc" ? "up" : order === "desc" ? "down" : "sort"}
                          className={`size-3 ${order ? "text-accent" : "opacity-0 group-hover:opacity-60"}`}
                        />
                      </button>
                    ) : (
                      <table.FlexRender header={header} />
                    )}
                  </th>
                );
              })}
            </tr>
          ))}
        </thead>
        <tbody>
          {rows
            ? shown.map((row) => {
                const more = below?.(row.original);
                return (
                  <Fragment key={row.id}>
                    <tr className={`border-line last:border-0 hover:bg-raised/60 ${more ? "" : "border-b"}`}>
                      {row.getAllCells().map((cell) => (
                        <td key={cell.id} className={`h-10 px-3 py-1.5 first:pl-4 last:pr-4 align-middle ${cellClass(cell.column.columnDef.meta)}`}>
                          <table.FlexRender cell={cell} />
                        </td>
                      ))}
                    </tr>
                    {more && (
                      <tr className="border-b border-line last:border-0">
                        <td colSpan={row.getAllCells().length} className="px-4 pb-2.5">
                          {more}
                        </td>
                      </tr>
                    )}
                  </Fragment>
                );
              })
            : Array.from({ length: SKELETON_ROWS }, (_, row) => (
                <tr key={row} className="border-b border-line last:border-0">
                  {table.getAllLeafColumns().map((column) => (
                    <td key={column.id} className={`h-10 px-3 first:pl-4 last:pr-4 ${cellClass(column.columnDef.meta)}`}>
                      <Skeleton className="w-3/5 min-w-8" />
                    </td>
                  ))}
                </tr>
              ))}
        </tbody>
      </table>
    </div>
  );
}

const NO_ROWS: readonly never[] = [];
