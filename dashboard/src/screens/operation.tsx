import { getRouteApi, Link } from "@tanstack/react-router";
import { useLiveOperation } from "../api/operations";
import { ageOf, formatDuration, formatMoment } from "../lib/format";
import { useTitle } from "../lib/title";
import { CopyButton } from "../ui/copy";
import { OperationProgress, operationTitle } from "../ui/operation-progress";
import { Fact, Facts, PageHead, Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { Status } from "../ui/status";
import { useNow } from "../ui/time";

const route = getRouteApi("/shell/operations/$operation");

export function OperationDetail() {
  const { operation: id } = route.useParams();
  const query = useLiveOperation(id);
  const now = useNow();
  useTitle(query.data && operationTitle(query.data.kind), query.data?.cluster_name);
  return (
    <>
      <nav aria-label="Breadcrumb" className="mb-1 text-xs text-ink-3">
        <Link to="/operations" className="hover:text-ink hover:underline">
          Operations
        </Link>
      </nav>
      <QueryView query={query} what="the operation" apart>
        {(operation) => (
          <>
            <PageHead title={`${operationTitle(operation.kind)} ${operation.cluster_name}`} />
            <div className="grid items-start gap-5 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
              <Panel title="Steps" actions={query.live && <span className="text-xs text-ink-3">live</span>}>
                <div aria-live="polite">
                  <OperationProgress operation={operation} />
                </div>
              </Panel>
              <Panel title="Operation">
                <Facts>
                  <Fact name="State">
                    <Status state={operation.state} as="operation" />
                  </Fact>
                  <Fact name="Cluster">
                    <Link to="/clusters/$cluster" params={{ cluster: operation.cluster_name }} className="font-medium hover:text-accent hover:underline">
                      {operation.cluster_name}
                    </Link>
                  </Fact>
                  <Fact name={operation.finished_at ? "Took" : "Running for"}>
                    <span className="num">
                      {formatDuration(ageOf(operation.created_at, operation.finished_at ? Date.parse(operation.finished_at) : now))}
                    </span>
                  </Fact>
                  <Fact name="Project">{operation.project}</Fact>
                  <Fact name="Asked for" wide>
                    {formatMoment(operation.created_at)}
                  </Fact>
                  {operation.finished_at && (
                    <Fact name="Finished" wide>
                      {formatMoment(operation.finished_at)}
                    </Fact>
                  )}
                  <Fact name="ID" wide>
                    <span className="flex items-center gap-1">
                      <code className="truncate text-xs text-ink-2">{operation.id}</code>
                      <CopyButton text={operation.id} label="Copy operation ID" />
                    </span>
                  </Fact>
                </Facts>
              </Panel>
            </div>
          </>
        )}
      </QueryView>
    </>
  );
}
