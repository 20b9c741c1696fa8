import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { operationsQuery } from "../api/operations";
import { useTitle } from "../lib/title";
import { OperationsTable } from "../ui/operations-table";
import { TokenPager } from "../ui/pager";
import { PageHead, Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";

const route = getRouteApi("/shell/operations");

export function Operations() {
  useTitle("Operations");
  const { page_token } = route.useSearch();
  const query = useQuery(operationsQuery(page_token ? { pageToken: page_token } : {}));
  return (
    <>
      <PageHead title="Operations" intro="Every change to a cluster, newest first." />
      <Panel flush>
        <QueryView query={query} what="the operations" loading={<OperationsTable operations={undefined} />}>
          {(page) => (
            <>
              <OperationsTable operations={page.items} />
              <TokenPager pageToken={page_token} nextPageToken={page.next_page_token} />
            </>
          )}
        </QueryView>
      </Panel>
    </>
  );
}
