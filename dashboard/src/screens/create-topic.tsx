import { useNavigate } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";
import { useIdempotencyKey } from "../api/idempotency";
import { ApiProblem, errorsByField } from "../api/problem";
import { useCreateTopic } from "../api/topics";
import type { CreateTopic } from "../api/types";
import { Button } from "../ui/button";
import { ConfigRows, configOf, type ConfigRow } from "../ui/config-rows";
import { Dialog } from "../ui/dialog";
import { TextField } from "../ui/field";
import { ProblemNotice } from "../ui/notice";

const FIELDS = ["name", "partitions", "replication_factor", "config"];
const COMMON_CONFIG = [
  "cleanup.policy",
  "compression.type",
  "max.message.bytes",
  "message.timestamp.type",
  "min.insync.replicas",
  "retention.bytes",
  "retention.ms",
  "segment.bytes",
];

interface CreateTopicDialogProps {
  cluster: string;
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

export function CreateTopicDialog({ cluster, open, onOpenChange }: CreateTopicDialogProps) {
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title="Create topic" intro={`On cluster ${cluster}.`}>
      <CreateTopicForm cluster={cluster} onCancel={() => onOpenChange(false)} />
    </Dialog>
  );
}

function optionalNumber(text: string): number | undefined {
  return text.trim() === "" ? undefined : Number(text);
}

function CreateTopicForm({ cluster, onCancel }: { cluster: string; onCancel: () => void }) {
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [partitions, setPartitions] = useState("");
  const [replicas, setReplicas] = useState("");
  const [config, setConfig] = useState<ConfigRow[]>([]);
  const create = useCreateTopic(cluster);
  const idempotencyKey = useIdempotencyKey();

  const problem = create.error instanceof ApiProblem ? create.error : null;
  const errors = errorsByField(problem, (path) => FIELDS.includes(path) || config.some((row) => path === `config.${row.key.trim()}`));
  const partitionCount = optionalNumber(partitions);
  const replicaCount = optionalNumber(replicas);
  const body: CreateTopic = {
    name: name.trim(),
    ...(partitionCount !== undefined && { partitions: partitionCount }),
    ...(replicaCount !== undefined && { replication_factor: replicaCount }),
    ...(config.length > 0 && { config: configOf(config) }),
  };

  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate(
      { body, idempotencyKey: idempotencyKey(body) },
      {
        onSuccess: (topic) =>
          navigate({ to: "/clusters/$cluster/topics/$topic", params: { cluster, topic: topic?.name ?? body.name }, replace: true }),
      },
    );
  };

  return (
    <form onSubmit={submit} noValidate className="space-y-4">
      {problem && (errors.others.length > 0 || problem.errors.length === 0) && (
        <ProblemNotice error={new ApiProblem(problem.status, problem.code, problem.title, problem.detail, errors.others)} doing="Creating the topic" />
      )}
      <TextField
        label="Name"
        mono
        required
        autoComplete="off"
        autoCapitalize="none"
        placeholder="payments"
        value={name}
        onChange={(event) => setName(event.target.value)}
        error={errors.fields.get("name")}
        hint="Letters, digits, dots, hyphens and underscores, 249 at most."
      />
      <div className="grid grid-cols-2 gap-3">
        <TextField
          label="Partitions"
          type="number"
          inputMode="numeric"
          min={1}
          placeholder="default"
          value={partitions}
          onChange={(event) => setPartitions(event.target.value)}
          error={errors.fields.get("partitions")}
          hint="Can grow later, never shrink."
        />
        <TextField
          label="Replicas"
          type="number"
          inputMode="numeric"
          min={1}
          placeholder="default"
          value={replicas}
          onChange={(event) => setReplicas(event.target.value)}
          error={errors.fields.get("replication_factor")}
          hint="As many as brokers at most."
        />
      </div>
      <fieldset>
        <legend className="mb-1 font-medium">Settings</legend>
        <ConfigRows rows={config} onChange={setConfig} suggestions={COMMON_CONFIG} errors={errors.fields} />
      </fieldset>
      <div className="flex justify-end gap-2">
        <Button kind="quiet" onClick={onCancel}>
          Cancel
        </Button>
        <Button kind="primary" type="submit" busy={create.isPending}>
          Create topic
        </Button>
      </div>
    </form>
  );
}
