import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { eventsQuery } from "../api/events";
import { useTitle } from "../lib/title";
import { EventsList } from "../ui/events-list";
import { Icon } from "../ui/icons";
import { TokenPager } from "../ui/pager";
import { PageHead, Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";

const route = getRouteApi("/shell/events");

export function Events() {
  useTitle("Events");
  const { page_token, cluster } = route.useSearch();
  const query = useQuery(eventsQuery({ ...(cluster && { cluster }), ...(page_token && { pageToken: page_token }) }));
  return (
    <>
      <PageHead title="Events" intro="What the service did and noticed, newest first." />
      {cluster && (
        <p className="mb-3">
          <Link
            to="/events"
            search={{}}
            className="inline-flex items-center gap-1.5 rounded-md border border-line bg-panel px-2 py-0.5 text-ink-2 hover:text-ink"
          >
            cluster <span className="font-medium text-ink">{cluster}</span>
            <Icon name="close" className="size-3" />
            <span className="sr-only">Remove this filter</span>
          </Link>
        </p>
      )}
      <Panel flush>
        <QueryView query={query} what="the events">
          {(page) => (
            <>
              <EventsList events={page.items} withCluster />
              <TokenPager pageToken={page_token} nextPageToken={page.next_page_token} />
            </>
          )}
        </QueryView>
      </Panel>
    </>
  );
}
