import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { TOPICS_MAX, topicsQuery } from "../api/topics";
import type { Topic } from "../api/types";
import { formatInteger } from "../lib/format";
import { Button } from "../ui/button";
import { columnsOf, DataTable } from "../ui/data-table";
import { INPUT } from "../ui/field";
import { Icon } from "../ui/icons";
import { Empty } from "../ui/notice";
import { NumberPager } from "../ui/pager";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { WorstTrouble } from "../ui/trouble";
import { CreateTopicDialog } from "./create-topic";

const route = getRouteApi("/shell/clusters/$cluster/topics");
const column = columnsOf<Topic>();
const PAGE_SIZE = 50;

function TopicLink({ name }: { name: string }) {
  const { cluster } = route.useParams();
  return (
    <Link to="/clusters/$cluster/topics/$topic" params={{ cluster, topic: name }} className="break-all font-medium hover:text-accent hover:underline">
      {name}
    </Link>
  );
}

function ReplicaHealth({ topic }: { topic: Topic }) {
  if (topic.partition_details.length === 0) return <span className="text-ink-3">–</span>;
  return <WorstTrouble health={topic.health} none="all in sync" />;
}

const COLUMNS = column.columns([
  column.accessor("name", {
    header: "Name",
    cell: ({ row: { original: topic } }) => (
      <>
        <TopicLink name={topic.name} />
        {topic.internal && <span className="ml-2 rounded border border-line px-1 text-2xs text-ink-3">internal</span>}
      </>
    ),
  }),
  column.accessor("partitions", {
    header: "Partitions",
    meta: { numeric: true },
    cell: ({ getValue }) => <span className="num">{formatInteger(getValue())}</span>,
  }),
  column.accessor("replication_factor", {
    header: "Replicas",
    meta: { numeric: true },
    cell: ({ getValue }) => <span className="num">{getValue()}</span>,
  }),
  column.accessor((topic) => topic.health.under_replicated, {
    id: "health",
    header: "Replication",
    meta: { hideBelow: "sm" },
    cell: ({ row }) => <ReplicaHealth topic={row.original} />,
  }),
  column.accessor((topic) => Object.keys(topic.config).length, {
    id: "config",
    header: "Own settings",
    meta: { numeric: true, hideBelow: "md" },
    cell: ({ getValue }) => <span className="num">{getValue() || "–"}</span>,
  }),
]);

export function ClusterTopics() {
  const { cluster } = route.useParams();
  const { q = "", page = 1, internal = false, create = false } = route.useSearch();
  const navigate = useNavigate({ from: "/clusters/$cluster/topics" });
  const query = useQuery(topicsQuery(cluster, internal));
  const setCreate = (open: boolean) => void navigate({ to: ".", search: (previous) => ({ ...previous, create: open || undefined }) });
  const createButton = (
    <Button kind="primary" icon="plus" onClick={() => setCreate(true)}>
      Create topic
    </Button>
  );

  const all = query.data?.topics ?? [];
  const found = all.filter((topic) => topic.name.toLowerCase().includes(q.toLowerCase()));
  const none = query.data !== undefined && all.length === 0;

  return (
    <>
      <Panel
        flush
        title="Topics"
        note={query.data && `${formatInteger(found.length)}${q ? ` of ${formatInteger(all.length)}` : ""}`}
        actions={!none && createButton}
      >
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2 border-b border-line px-4 py-2">
          <label className="relative min-w-0 max-w-xs flex-1">
            <span className="sr-only">Search topics</span>
            <Icon name="search" className="pointer-events-none absolute left-2.5 top-2 size-4 text-ink-3 max-sm:top-2.5" />
            <input
              type="search"
              placeholder="Search by name"
              spellCheck={false}
              autoCapitalize="none"
              value={q}
              onChange={(event) =>
                void navigate({
                  to: ".",
                  search: (previous) => ({ ...previous, q: event.target.value || undefined, page: undefined }),
                  replace: true,
                })
              }
              className={`${INPUT} pl-8`}
            />
          </label>
          <label className="flex items-center gap-2 whitespace-nowrap text-ink-2">
            <input
              type="checkbox"
              className="size-4 accent-accent"
              checked={internal}
              onChange={(event) =>
                void navigate({ to: ".", search: (previous) => ({ ...previous, internal: event.target.checked || undefined, page: undefined }) })
              }
            />
            Internal topics
          </label>
        </div>
        <QueryView query={query} what="the topics" loading={<DataTable label="Topics" columns={COLUMNS} rows={undefined} rowKey={(topic) => topic.name} empty={null} />}>
          {({ complete }) => (
            <>
              {!complete && (
                <p role="status" className="border-b border-line bg-raised px-4 py-2 text-ink-2">
                  Only the first {formatInteger(TOPICS_MAX)} topics are shown and searched here. The API and the CLI list all of them.
                </p>
              )}
              <DataTable
                label="Topics"
                columns={COLUMNS}
                rows={found}
                rowKey={(topic) => topic.name}
                page={{ number: page, size: PAGE_SIZE }}
                empty={
                  none ? (
                    <Empty title="No topics yet" action={createButton}>
                      Clients can also create them, if the cluster’s <code>auto.create.topics.enable</code> allows it.
                    </Empty>
                  ) : (
                    <Empty title={`No topic’s name contains “${q}”`} />
                  )
                }
              />
              <NumberPager page={page} pageSize={PAGE_SIZE} total={found.length} />
            </>
          )}
        </QueryView>
      </Panel>
      <CreateTopicDialog cluster={cluster} open={create} onOpenChange={setCreate} />
    </>
  );
}
