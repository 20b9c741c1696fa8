/** Asks for more brokers, and says before what that does to those that are there. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { capabilitiesQuery } from "../api/capabilities";
import { useUpdateCluster } from "../api/clusters";
import { ApiProblem, errorsByField } from "../api/problem";
import type { Cluster } from "../api/types";
import { plural } from "../lib/format";
import { restartsToGrow, whatCanFail } from "../lib/replication";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { TextField } from "../ui/field";
import { ProblemNotice } from "../ui/notice";

interface ScaleClusterProps {
  cluster: Cluster;
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

export function ScaleCluster({ cluster, open, onOpenChange }: ScaleClusterProps) {
  const navigate = useNavigate();
  const update = useUpdateCluster(cluster);
  const most = useQuery({ ...capabilitiesQuery(), enabled: open }).data?.engines.find((engine) => engine.kind === cluster.engine.kind)?.max_brokers_per_cluster;
  // From one broker the next step that is worth something is three.
  const [brokers, setBrokers] = useState(String(cluster.brokers < 3 ? 3 : cluster.brokers + 1));
  const target = Number(brokers);
  const more = Number.isInteger(target) ? target - cluster.brokers : 0;
  const problem = update.error instanceof ApiProblem ? update.error : null;
  const wrong = errorsByField(problem, (path) => path === "brokers").fields.get("brokers");
  const change = (next: boolean) => {
    if (!next) update.reset();
    onOpenChange(next);
  };
  return (
    <Dialog
      open={open}
      onOpenChange={change}
      title={`Scale ${cluster.name}`}
      intro="New brokers come up empty and take new partitions; what there is stays where it is. A cluster cannot get fewer brokers in this version."
    >
      <form
        noValidate
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (update.isPending) return;
          update.mutate(
            { brokers: target },
            {
              onSuccess: (operation) => {
                change(false);
                void navigate({ to: "/clusters/$cluster/brokers", params: { cluster: cluster.name }, search: { operation: operation.id } });
              },
            },
          );
        }}
      >
        <TextField
          label="Brokers"
          type="number"
          inputMode="numeric"
          min={cluster.brokers + 1}
          max={most}
          step={1}
          value={brokers}
          onChange={(event) => {
            update.reset();
            setBrokers(event.target.value);
          }}
          error={wrong}
          hint={whatCanFail(target)}
        />
        {restartsToGrow(cluster.brokers, target) && (
          <p className="text-ink-2">
            The defaults for new topics follow the number of brokers.{" "}
            {cluster.brokers === 1 ? "So the broker that is there is restarted" : "So the brokers that are there are restarted, one at a time,"} once the new ones are
            in. Topics with one replica are away for that moment.
          </p>
        )}
        {update.error && !wrong ? <ProblemNotice error={update.error} doing="Scaling the cluster" /> : null}
        <div className="flex justify-end gap-2">
          <Button kind="quiet" onClick={() => change(false)}>
            Cancel
          </Button>
          <Button kind="primary" type="submit" disabled={more === 0} busy={update.isPending}>
            {more > 0 ? `Add ${plural(more, "broker")}` : "Scale"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
