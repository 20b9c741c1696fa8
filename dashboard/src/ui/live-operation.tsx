/** A panel that follows one operation. */
import { useLiveOperation } from "../api/operations";
import { OperationProgress, operationTitle } from "./operation-progress";
import { Panel } from "./panel";
import { QueryView } from "./query-view";
import { Status } from "./status";
import type { ReactNode } from "react";

export function LiveOperation({ id, actions }: { id: string; actions?: ReactNode }) {
  const query = useLiveOperation(id);
  const operation = query.data;
  return (
    <Panel
      title={operation ? operationTitle(operation.kind) : "Operation"}
      note={operation && <Status state={operation.state} as="operation" />}
      actions={
        <>
          {query.live && <span className="text-xs text-ink-3">live</span>}
          {actions}
        </>
      }
    >
      <div aria-live="polite">
        <QueryView query={query} what="the operation">
          {(data) => <OperationProgress operation={data} />}
        </QueryView>
      </div>
    </Panel>
  );
}
