/** What all tabs of a cluster share: its name, its state, the operation under way, and the tabs. */
import * as Tabs from "@radix-ui/react-tabs";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import { clusterQuery, isBusy } from "../api/clusters";
import { isFinished, operationsQuery } from "../api/operations";
import { ApiProblem } from "../api/problem";
import type { Cluster } from "../api/types";
import { failing } from "../lib/conditions";
import { useTitle } from "../lib/title";
import { ReasonBadge } from "../ui/badge";
import { ButtonLink, IconButton } from "../ui/button";
import { Icon } from "../ui/icons";
import { LiveOperation } from "../ui/live-operation";
import { Empty } from "../ui/notice";
import { QueryView } from "../ui/query-view";
import { Status } from "../ui/status";

const route = getRouteApi("/shell/clusters/$cluster");

const TABS = [
  { value: "", label: "Overview", to: "/clusters/$cluster" },
  { value: "brokers", label: "Brokers", to: "/clusters/$cluster/brokers" },
  { value: "throughput", label: "Throughput", to: "/clusters/$cluster/throughput" },
  { value: "topics", label: "Topics", to: "/clusters/$cluster/topics" },
  { value: "activity", label: "Activity", to: "/clusters/$cluster/activity" },
  { value: "settings", label: "Settings", to: "/clusters/$cluster/settings" },
] as const;

export function ClusterFrame() {
  const { cluster: name } = route.useParams();
  useTitle(name);
  const query = useQuery(clusterQuery(name));
  if (query.error instanceof ApiProblem && query.error.status === 404) return <Gone name={name} />;
  return (
    <QueryView query={query} what={`cluster ${name}`} apart>
      {(cluster) => <Frame cluster={cluster} />}
    </QueryView>
  );
}

/** Deleted, mistyped, or just now being deleted: the operation that removed it is still worth watching. */
function Gone({ name }: { name: string }) {
  const { operation } = route.useSearch();
  return (
    <div className="space-y-5">
      {operation && <LiveOperation id={operation} />}
      <Empty title={`There is no cluster named ${name}`} action={<ButtonLink to="/clusters">Go to the clusters</ButtonLink>}>
        It may have been deleted.
      </Empty>
    </div>
  );
}

function Frame({ cluster }: { cluster: Cluster }) {
  return (
    <>
      <nav aria-label="Breadcrumb" className="mb-1 text-xs text-ink-3">
        <Link to="/clusters" className="hover:text-ink hover:underline">
          Clusters
        </Link>
      </nav>
      <header className="mb-4 flex flex-wrap items-center gap-x-3 gap-y-1">
        <h1 className="min-w-0 break-words text-xl font-semibold tracking-tight">{cluster.name}</h1>
        <span role="status">
          <Status state={cluster.status.state} />
        </span>
        {cluster.deletion_protection && (
          <span className="inline-flex items-center gap-1 text-xs text-ink-3">
            <Icon name="lock" className="size-3.5" /> protected
          </span>
        )}
      </header>
      <Failing cluster={cluster} />
      <CurrentOperation cluster={cluster} />
      <ClusterTabs cluster={cluster.name} />
    </>
  );
}

/** What is wrong with the cluster, on every tab, in the service's words. */
function Failing({ cluster }: { cluster: Cluster }) {
  const conditions = failing(cluster.status.conditions, isBusy(cluster));
  return (
    <div role="status" aria-label="What is wrong">
      {conditions.length > 0 && (
        <ul className="mb-5 space-y-2 rounded-md border border-warn/30 bg-warn-soft p-3">
          {conditions.map((condition) => (
            <li key={condition.type} className="flex items-start gap-2.5">
              <Icon name="warning" className="mt-0.5 size-4 text-warn" />
              <div className="min-w-0 flex-1">
                <p>
                  <span className="font-medium">Not {condition.type}</span> <ReasonBadge reason={condition.reason} />
                </p>
                {condition.message && <p className="whitespace-pre-line wrap-anywhere text-ink-2">{condition.message}</p>}
              </div>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** The operation that the URL names, or else the one under way. */
function CurrentOperation({ cluster }: { cluster: Cluster }) {
  const { operation: named } = route.useSearch();
  const navigate = useNavigate();
  const recent = useQuery({ ...operationsQuery({ cluster: cluster.id }), enabled: !named && isBusy(cluster) });
  const underWay = recent.data?.items.find((operation) => !isFinished(operation))?.id;
  const id = named ?? underWay;
  if (!id) return null;
  return (
    <div className="mb-5">
      <LiveOperation
        key={id}
        id={id}
        actions={
          <>
            <Link to="/operations/$operation" params={{ operation: id }} className="text-xs text-ink-2 hover:text-ink hover:underline">
              Details
            </Link>
            {named && (
              <IconButton
                icon="close"
                label="Close the operation"
                onClick={() => navigate({ to: ".", search: (previous: object) => ({ ...previous, operation: undefined }) })}
              />
            )}
          </>
        }
      />
    </div>
  );
}

function ClusterTabs({ cluster }: { cluster: string }) {
  const navigate = useNavigate();
  // /clusters/NAME/TAB/…
  const current = useLocation({ select: (location) => location.pathname.split("/")[3] ?? "" });
  const open = (value: string) => {
    const tab = TABS.find((each) => each.value === value);
    if (tab) void navigate({ to: tab.to, params: { cluster } });
  };
  return (
    <Tabs.Root value={current} onValueChange={open} activationMode="manual">
      <Tabs.List aria-label="Cluster" className="-mx-4 mb-5 flex gap-1 overflow-x-auto border-b border-line px-4 md:mx-0 md:px-0">
        {TABS.map(({ value, label }) => (
          <Tabs.Trigger
            key={value}
            value={value}
            // From a topic's page its own tab leads back to the list; the tabs alone tell of changes only.
            onClick={() => value === current && open(value)}
            className="-mb-px h-9 whitespace-nowrap border-b-2 border-transparent px-2.5 text-ink-2 transition-colors hover:text-ink
              focus-visible:-outline-offset-2 data-[state=active]:border-accent data-[state=active]:font-medium data-[state=active]:text-ink"
          >
            {label}
          </Tabs.Trigger>
        ))}
      </Tabs.List>
      <Tabs.Content value={current} tabIndex={-1} className="outline-none">
        <Outlet />
      </Tabs.Content>
    </Tabs.Root>
  );
}
