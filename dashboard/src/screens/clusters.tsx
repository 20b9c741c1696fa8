import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { clustersQuery } from "../api/clusters";
import type { Cluster } from "../api/types";
import { useTitle } from "../lib/title";
import { ButtonLink } from "../ui/button";
import { CopyButton } from "../ui/copy";
import { columnsOf, DataTable } from "../ui/data-table";
import { Empty } from "../ui/notice";
import { TokenPager } from "../ui/pager";
import { PageHead, Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { Status } from "../ui/status";
import { Age } from "../ui/time";

const route = getRouteApi("/shell/clusters");
const column = columnsOf<Cluster>();

const COLUMNS = column.columns([
  column.accessor("name", {
    header: "Name",
    cell: ({ row }) => (
      <Link to="/clusters/$cluster" params={{ cluster: row.original.name }} className="font-medium hover:text-accent hover:underline">
        {row.original.name}
      </Link>
    ),
  }),
  column.accessor("status.state", { id: "state", header: "State", cell: ({ getValue }) => <Status state={getValue()} /> }),
  column.accessor("brokers", {
    header: "Brokers ready",
    meta: { numeric: true },
    cell: ({ row: { original: cluster } }) => (
      <span className="num">
        {cluster.status.brokers_ready} / {cluster.brokers}
      </span>
    ),
  }),
  column.accessor("status.bootstrap_servers", {
    id: "bootstrap",
    header: "Bootstrap servers",
    enableSorting: false,
    meta: { hideBelow: "md" },
    cell: ({ row: { original: cluster } }) => <Bootstrap cluster={cluster} />,
  }),
  column.accessor("project", { header: "Project", meta: { hideBelow: "lg" } }),
  column.accessor("created_at", {
    header: "Age",
    meta: { numeric: true, hideBelow: "sm" },
    cell: ({ getValue }) => (
      <span className="num">
        <Age at={getValue()} />
      </span>
    ),
  }),
]);

function Bootstrap({ cluster }: { cluster: Cluster }) {
  const servers = cluster.status.bootstrap_servers;
  if (!servers) return <span className="text-ink-3">not yet</span>;
  return (
    <span className="flex max-w-80 items-center gap-1">
      <code className="truncate text-xs" title={servers}>
        {servers}
      </code>
      <CopyButton text={servers} label={`Copy bootstrap servers of ${cluster.name}`} />
    </span>
  );
}

export function Clusters() {
  useTitle("Clusters");
  const { page_token } = route.useSearch();
  const query = useQuery(clustersQuery(page_token));
  const create = (
    <ButtonLink to="/create-cluster" kind="primary" icon="plus">
      Create cluster
    </ButtonLink>
  );
  const none = query.data?.items.length === 0 && !page_token;
  return (
    <>
      <PageHead title="Clusters" actions={none ? null : create} />
      <Panel flush>
        <QueryView query={query} what="the clusters" loading={<DataTable label="Clusters" columns={COLUMNS} rows={undefined} rowKey={(row) => row.id} empty={null} />}>
          {(page) => (
            <>
              <DataTable
                label="Clusters"
                columns={COLUMNS}
                rows={page.items}
                rowKey={(row) => row.id}
                empty={
                  <Empty title="No clusters yet" action={create}>
                    A cluster is a set of brokers that every Kafka client can use. The first one takes a name and a few seconds.
                  </Empty>
                }
              />
              <TokenPager pageToken={page_token} nextPageToken={page.next_page_token} />
            </>
          )}
        </QueryView>
      </Panel>
    </>
  );
}
