import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { eventsQuery } from "../api/events";
import { operationsQuery } from "../api/operations";
import { useCluster } from "../api/use-cluster";
import { EventsList } from "../ui/events-list";
import { OperationsTable } from "../ui/operations-table";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";

const route = getRouteApi("/shell/clusters/$cluster/activity");

export function ClusterActivity() {
  const cluster = useCluster(route.useParams().cluster);
  const operations = useQuery(operationsQuery({ cluster: cluster.id }));
  const events = useQuery(eventsQuery({ cluster: cluster.id }));
  return (
    <div className="space-y-5">
      <Panel flush title="Operations" note="changes to this cluster, newest first">
        <QueryView query={operations} what="the operations" loading={<OperationsTable operations={undefined} />}>
          {(page) => <OperationsTable operations={page.items} />}
        </QueryView>
      </Panel>
      <Panel
        flush
        title="Events"
        note="newest first"
        actions={
          <Link to="/events" search={{ cluster: cluster.name }} className="text-xs text-ink-2 hover:text-ink hover:underline">
            All events of this cluster
          </Link>
        }
      >
        <QueryView query={events} what="the events">
          {(page) => <EventsList events={page.items} />}
        </QueryView>
      </Panel>
    </div>
  );
}
