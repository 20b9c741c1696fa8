/** Asks for another version of the engine, and says before what that does to the brokers. */
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useUpdateCluster } from "../api/clusters";
import { ApiProblem, errorsByField } from "../api/problem";
import type { Cluster } from "../api/types";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { SelectField } from "../ui/field";
import { ProblemNotice } from "../ui/notice";

interface UpgradeClusterProps {
  cluster: Cluster;
  /** Those that it could have instead of its own; not empty. */
  versions: readonly string[];
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

export function UpgradeCluster({ cluster, versions, open, onOpenChange }: UpgradeClusterProps) {
  const navigate = useNavigate();
  const update = useUpdateCluster(cluster);
  const [chosen, setChosen] = useState<string>();
  // The list may be another one by the time that the choice is made.
  const version = versions.find((each) => each === chosen) ?? versions[0] ?? "";
  const problem = update.error instanceof ApiProblem ? update.error : null;
  const wrong = errorsByField(problem, (path) => path === "engine.version").fields.get("engine.version");
  const change = (next: boolean) => {
    if (!next) update.reset();
    onOpenChange(next);
  };
  return (
    <Dialog open={open} onOpenChange={change} title={`Change the version of ${cluster.name}`} intro={`It runs ${cluster.engine.kind} ${cluster.engine.version}.`}>
      <form
        noValidate
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (update.isPending) return;
          update.mutate(
            { engine: { version } },
            {
              onSuccess: (operation) => {
                change(false);
                void navigate({ to: "/clusters/$cluster", params: { cluster: cluster.name }, search: { operation: operation.id } });
              },
            },
          );
        }}
      >
        <SelectField
          label="Version"
          value={version}
          onChange={(event) => {
            update.reset();
            setChosen(event.target.value);
          }}
          error={wrong}
        >
          {versions.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </SelectField>
        <div className="space-y-2 text-ink-2">
          <p>
            {cluster.brokers === 1
              ? "Its broker is restarted with that version. Clients wait until it is back."
              : "One broker at a time is restarted with that version, each only while every partition keeps enough replicas without it. Clients go on, but topics with one replica are away for the moment that their broker is."}
          </p>
          <p>
            If {cluster.brokers === 1 ? "it" : "one"} does not come back, the change ends there and the cluster goes back to {cluster.engine.version}.
          </p>
        </div>
        {update.error && !wrong ? <ProblemNotice error={update.error} doing="Changing the version" /> : null}
        <div className="flex justify-end gap-2">
          <Button kind="quiet" onClick={() => change(false)}>
            Cancel
          </Button>
          <Button kind="primary" type="submit" busy={update.isPending}>
            Change to {version}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
