import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import { apiKeysQuery, useRevokeApiKey } from "../api/api-keys";
import type { ApiKey } from "../api/types";
import { whoamiQuery } from "../api/whoami";
import { useTitle } from "../lib/title";
import { Button } from "../ui/button";
import { ConfirmDialog } from "../ui/confirm-dialog";
import { columnsOf, DataTable } from "../ui/data-table";
import { Empty } from "../ui/notice";
import { TokenPager } from "../ui/pager";
import { PageHead, Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { Age } from "../ui/time";
import { CreateApiKeyDialog } from "./create-api-key";

const route = getRouteApi("/shell/settings/api-keys");
const column = columnsOf<ApiKey>();

const COLUMNS = column.columns([
  column.accessor("name", { header: "Name", cell: ({ row }) => <KeyName apiKey={row.original} /> }),
  column.accessor("prefix", {
    header: "Begins with",
    enableSorting: false,
    meta: { hideBelow: "sm" },
    cell: ({ getValue }) => <code className="text-xs text-ink-2">{getValue()}…</code>,
  }),
  column.accessor("role", { header: "Role" }),
  column.accessor("project", { header: "Project", meta: { hideBelow: "md" }, cell: ({ getValue }) => getValue() ?? <span className="text-ink-3">all</span> }),
  column.accessor("last_used_at", {
    header: "Last used",
    meta: { hideBelow: "sm" },
    cell: ({ getValue }) => (getValue() ? <Age at={getValue()} suffix=" ago" /> : <span className="text-ink-3">never</span>),
  }),
  column.accessor("created_at", { header: "Age", meta: { hideBelow: "md" }, cell: ({ getValue }) => <Age at={getValue()} /> }),
  column.display({ id: "actions", header: "", meta: { numeric: true }, cell: ({ row }) => <Revoke apiKey={row.original} /> }),
]);

function useIsOwn(apiKey: ApiKey): boolean {
  return useQuery(whoamiQuery()).data?.id === apiKey.id;
}

function KeyName({ apiKey }: { apiKey: ApiKey }) {
  const own = useIsOwn(apiKey);
  return (
    <>
      <span className="font-medium">{apiKey.name}</span>
      {own && <span className="ml-2 rounded border border-line px-1 text-2xs text-ink-3">yours</span>}
    </>
  );
}

function Revoke({ apiKey }: { apiKey: ApiKey }) {
  const [open, setOpen] = useState(false);
  const own = useIsOwn(apiKey);
  const revoke = useRevokeApiKey(apiKey.id);
  return (
    <>
      <Button kind="quiet" aria-label={`Revoke ${apiKey.name}`} onClick={() => setOpen(true)} className="-mr-3">
        Revoke
      </Button>
      <ConfirmDialog
        open={open}
        onOpenChange={setOpen}
        title="Revoke API key"
        phrase={apiKey.name}
        action="Revoke key"
        mutation={revoke}
        onConfirm={() => revoke.mutate(undefined, { onSuccess: () => setOpen(false) })}
      >
        <p>Whatever uses it is refused from the next request on. A revoked key cannot be brought back.</p>
        {own && <p className="font-medium text-ink">This is the key you are signed in with: you will be signed out.</p>}
        {apiKey.role === "agent" && (
          <p className="font-medium text-ink">An agent reports with this key: its broker keeps serving clients, but its state here becomes unknown.</p>
        )}
      </ConfirmDialog>
    </>
  );
}

export function ApiKeys() {
  useTitle("API keys");
  const { page_token } = route.useSearch();
  const query = useQuery(apiKeysQuery(page_token));
  const [creating, setCreating] = useState(false);
  return (
    <>
      <PageHead
        title="API keys"
        intro="Each caller its own key, with the smallest role that does. Only a hash of a key is stored."
        actions={
          <Button kind="primary" icon="plus" onClick={() => setCreating(true)}>
            Create key
          </Button>
        }
      />
      <Panel flush>
        <QueryView query={query} what="the API keys" loading={<DataTable label="API keys" columns={COLUMNS} rows={undefined} rowKey={(row) => row.id} empty={null} />}>
          {(page) => (
            <>
              <DataTable label="API keys" columns={COLUMNS} rows={page.items} rowKey={(row) => row.id} empty={<Empty title="No keys" />} />
              <TokenPager pageToken={page_token} nextPageToken={page.next_page_token} />
            </>
          )}
        </QueryView>
      </Panel>
      <CreateApiKeyDialog open={creating} onOpenChange={setCreating} />
    </>
  );
}
