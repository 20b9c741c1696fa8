import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useDeleteCluster, useReplaceBroker, useRestartCluster, useUpdateCluster } from "../api/clusters";
import { useCluster } from "../api/use-cluster";
import type { Cluster } from "../api/types";
import { versionsQuery } from "../api/versions";
import { plural } from "../lib/format";
import { otherVersions } from "../lib/versions";
import { Button } from "../ui/button";
import { ConfirmDialog } from "../ui/confirm-dialog";
import { SelectField, SwitchField } from "../ui/field";
import { Icon } from "../ui/icons";
import { ProblemNotice } from "../ui/notice";
import { Panel } from "../ui/panel";
import { UpgradeCluster } from "./upgrade-cluster";

const route = getRouteApi("/shell/clusters/$cluster/settings");

export function ClusterSettings() {
  const cluster = useCluster(route.useParams().cluster);
  return (
    <div className="max-w-2xl space-y-5">
      <Protection cluster={cluster} />
      <Version cluster={cluster} />
      <Restart cluster={cluster} />
      {cluster.brokers > 1 && <Replacement cluster={cluster} />}
      <Removal cluster={cluster} />
    </div>
  );
}

function Protection({ cluster }: { cluster: Cluster }) {
  const update = useUpdateCluster(cluster);
  return (
    <Panel title="Protection">
      <div className="space-y-3">
        <SwitchField
          label="Deletion protection"
          checked={update.isPending ? (update.variables?.deletion_protection ?? false) : cluster.deletion_protection}
          disabled={update.isPending}
          onChange={(deletion_protection) => update.mutate({ deletion_protection })}
          hint="While it is on, every attempt to delete the cluster is refused, from here, the CLI and the API alike."
        />
        {update.isError && <ProblemNotice error={update.error} doing="Changing the protection" />}
      </div>
    </Panel>
  );
}

/** Only where there is another version to change to. */
function Version({ cluster }: { cluster: Cluster }) {
  const [open, setOpen] = useState(false);
  const versions = otherVersions(cluster.engine, useQuery(versionsQuery()).data?.items ?? []);
  if (versions.length === 0) return null;
  return (
    <Panel title="Version">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="max-w-md text-ink-2">
          It runs {cluster.engine.kind} <span className="num">{cluster.engine.version}</span>. It can have <span className="num">{versions.join(", ")}</span> instead.
        </p>
        <Button disabled={cluster.status.state === "deleting"} onClick={() => setOpen(true)}>
          Change version
        </Button>
      </div>
      <UpgradeCluster cluster={cluster} versions={versions} open={open} onOpenChange={setOpen} />
    </Panel>
  );
}

function Restart({ cluster }: { cluster: Cluster }) {
  const navigate = useNavigate();
  const restart = useRestartCluster(cluster);
  const busy = restart.isPending || cluster.status.state === "deleting";
  return (
    <Panel title="Restart">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="max-w-md text-ink-2">
          {cluster.brokers === 1
            ? "Restarts its broker. Clients wait until it is back."
            : "Restarts the brokers one at a time, each only while every partition keeps enough replicas without it. Clients go on."}
        </p>
        <Button
          disabled={busy}
          onClick={() =>
            restart.mutate(undefined, {
              onSuccess: (operation) => navigate({ to: "/operations/$operation", params: { operation: operation.id } }),
            })
          }
        >
          Restart brokers
        </Button>
      </div>
      {restart.isError && <ProblemNotice error={restart.error} doing="Restarting" />}
    </Panel>
  );
}

function Replacement({ cluster }: { cluster: Cluster }) {
  const [open, setOpen] = useState(false);
  const [broker, setBroker] = useState(1);
  const navigate = useNavigate();
  const replace = useReplaceBroker(cluster);
  return (
    <Panel title="Replace a broker">
      <div className="flex flex-wrap items-end justify-between gap-3">
        <p className="max-w-md text-ink-2">
          For one whose disk or machine is lost, or whose data is not to be trusted: it begins again with an empty disk, under the same id, and gets its
          replicas from the others.
        </p>
        <div className="flex items-end gap-2">
          <SelectField label="Broker" value={broker} onChange={(event) => setBroker(Number(event.target.value))}>
            {Array.from({ length: cluster.brokers }, (_, at) => (
              <option key={at + 1} value={at + 1}>
                {at + 1}
              </option>
            ))}
          </SelectField>
          <Button kind="danger" disabled={cluster.status.state === "deleting"} onClick={() => setOpen(true)}>
            Replace
          </Button>
        </div>
      </div>
      <ConfirmDialog
        open={open}
        onOpenChange={setOpen}
        title={`Replace broker ${broker} of ${cluster.name}`}
        phrase={`broker ${broker}`}
        action="Replace broker"
        mutation={replace}
        onConfirm={() =>
          replace.mutate(broker, {
            onSuccess: (operation) => navigate({ to: "/operations/$operation", params: { operation: operation.id } }),
          })
        }
      >
        <p>
          Everything on its disk is given up. The service waits with that until every partition has all its records on another broker that serves, and
          every partition keeps enough replicas without it.
        </p>
      </ConfirmDialog>
    </Panel>
  );
}

function Removal({ cluster }: { cluster: Cluster }) {
  const [open, setOpen] = useState(false);
  const navigate = useNavigate();
  const remove = useDeleteCluster(cluster);
  const going = cluster.status.state === "deleting";
  return (
    <Panel title="Delete">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="max-w-md text-ink-2">
          Stops {cluster.brokers === 1 ? "its broker" : `its ${plural(cluster.brokers, "broker")}`} and removes all topics and records. This cannot be undone.
        </p>
        <Button kind="danger" icon="trash" disabled={cluster.deletion_protection || going} onClick={() => setOpen(true)}>
          Delete cluster
        </Button>
      </div>
      {cluster.deletion_protection && (
        <p className="mt-3 flex items-center gap-2 border-t border-line pt-3 text-ink-2">
          <Icon name="lock" className="size-4 text-ink-3" />
          Deletion protection is on. Turn it off above first.
        </p>
      )}
      {going && <p className="mt-3 border-t border-line pt-3 text-ink-2">It is being deleted.</p>}
      <ConfirmDialog
        open={open}
        onOpenChange={setOpen}
        title={`Delete ${cluster.name}`}
        phrase={cluster.name}
        action="Delete cluster"
        mutation={remove}
        onConfirm={() =>
          remove.mutate(undefined, {
            onSuccess: (operation) => navigate({ to: "/operations/$operation", params: { operation: operation.id } }),
          })
        }
      >
        <p>Every client of this cluster begins to fail at once, and all its topics and records are removed from disk. There is no way back.</p>
      </ConfirmDialog>
    </Panel>
  );
}
