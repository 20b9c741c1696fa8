import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";
import { capabilitiesQuery } from "../api/capabilities";
import { useCreateCluster, useValidateCluster } from "../api/clusters";
import { useIdempotencyKey } from "../api/idempotency";
import { ApiProblem, errorsByField } from "../api/problem";
import type { CreateCluster as Body } from "../api/types";
import { isKubernetesField, KUBERNETES_BLANK, kubernetesOf, listenersOf, type ListenerRow } from "../lib/kubernetes";
import { whatCanFail } from "../lib/replication";
import { useTitle } from "../lib/title";
import { Button } from "../ui/button";
import { ConfigRows, configOf, type ConfigRow } from "../ui/config-rows";
import { SwitchField, TextField } from "../ui/field";
import { Icon } from "../ui/icons";
import { ProblemNotice } from "../ui/notice";
import { PageHead, Panel } from "../ui/panel";
import { KubernetesFields } from "./kubernetes-fields";
import { ListenerRows } from "./listener-rows";

const FIELDS = ["name", "brokers", "deletion_protection", "config"];
const COMMON_CONFIG = [
  "auto.create.topics.enable",
  "default.replication.factor",
  "log.retention.bytes",
  "log.retention.ms",
  "log.segment.bytes",
  "message.max.bytes",
  "min.insync.replicas",
  "num.partitions",
];

export function CreateCluster() {
  useTitle("Create cluster");
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [brokers, setBrokers] = useState("1");
  const [isProtected, setProtected] = useState(false);
  const [config, setConfig] = useState<ConfigRow[]>([]);
  const [pods, setPods] = useState(KUBERNETES_BLANK);
  const [listeners, setListeners] = useState<ListenerRow[]>([]);
  const create = useCreateCluster();
  const validate = useValidateCluster();
  const idempotencyKey = useIdempotencyKey();
  const capabilities = useQuery(capabilitiesQuery()).data;
  const most = capabilities?.engines[0]?.max_brokers_per_cluster;
  const onKubernetes = capabilities?.provider === "kubernetes";

  const problem = [create.error, validate.error].find((error) => error instanceof ApiProblem) ?? null;
  const errors = errorsByField(
    problem,
    (path) =>
      FIELDS.includes(path) || config.some((row) => path === `config.${row.key.trim()}`) || (onKubernetes && isKubernetesField(path, listeners.length)),
  );
  const body: Body = {
    name: name.trim(),
    brokers: Number(brokers),
    deletion_protection: isProtected,
    ...(config.length > 0 && { config: configOf(config) }),
    ...(onKubernetes && { kubernetes: kubernetesOf(pods) }),
    ...(onKubernetes && listeners.length > 0 && { listeners: listenersOf(listeners) }),
  };
  /** An answer about the form as it was says nothing about the form as it is. */
  const edit = <T,>(set: (value: T) => void) => {
    return (value: T) => {
      create.reset();
      validate.reset();
      set(value);
    };
  };

  const submit = (event: FormEvent) => {
    event.preventDefault();
    validate.reset();
    create.mutate(
      { body, idempotencyKey: idempotencyKey(body) },
      {
        onSuccess: (operation) =>
          navigate({ to: "/clusters/$cluster", params: { cluster: operation.cluster_name }, search: { operation: operation.id } }),
      },
    );
  };

  return (
    <div className="max-w-2xl">
      <PageHead title="Create cluster" intro="Brokers are started and joined; the cluster can be used as soon as it is running." />
      <form onSubmit={submit} noValidate className="space-y-4">
        {problem && (errors.others.length > 0 || problem.errors.length === 0) && (
          <ProblemNotice
            error={new ApiProblem(problem.status, problem.code, problem.title, problem.detail, errors.others)}
            doing={create.error ? "Creating the cluster" : "Checking"}
          />
        )}
        <Panel>
          <div className="space-y-4">
            <TextField
              label="Name"
              mono
              required
              autoComplete="off"
              autoCapitalize="none"
              placeholder="orders"
              value={name}
              onChange={(event) => edit(setName)(event.target.value)}
              error={errors.fields.get("name")}
              hint="Lower-case letters, digits and hyphens; it starts with a letter. It cannot be changed later."
            />
            <TextField
              label="Brokers"
              type="number"
              inputMode="numeric"
              min={1}
              max={most}
              step={1}
              value={brokers}
              onChange={(event) => edit(setBrokers)(event.target.value)}
              error={errors.fields.get("brokers")}
              hint={whatCanFail(Number(brokers))}
            />
            <SwitchField
              label="Deletion protection"
              checked={isProtected}
              onChange={edit(setProtected)}
              hint="While it is on, every attempt to delete the cluster is refused, from here, the CLI and the API alike."
            />
          </div>
        </Panel>
        {onKubernetes && (
          <>
            <KubernetesFields form={pods} onChange={edit(setPods)} errors={errors.fields} />
            <ListenerRows rows={listeners} onChange={edit(setListeners)} errors={errors.fields} />
          </>
        )}
        <Panel title="Configuration" note="Kafka’s broker settings; what is not named here keeps Kafka’s default">
          <ConfigRows rows={config} onChange={edit(setConfig)} suggestions={COMMON_CONFIG} errors={errors.fields} />
        </Panel>
        <div className="flex flex-wrap items-center gap-2">
          <Button kind="primary" type="submit" busy={create.isPending}>
            Create cluster
          </Button>
          <Button onClick={() => (create.reset(), validate.mutate(body))} busy={validate.isPending}>
            Check only
          </Button>
          <Link to="/clusters" className="px-2 text-ink-2 hover:text-ink">
            Cancel
          </Link>
          <p role="status" className="text-ok">
            {validate.isSuccess && (
              <span className="inline-flex items-center gap-1.5">
                <Icon name="check" className="size-3.5" /> The service would accept this. Nothing was made.
              </span>
            )}
          </p>
        </div>
      </form>
    </div>
  );
}
