import { useState, type FormEvent } from "react";
import { useCreateApiKey } from "../api/api-keys";
import { useIdempotencyKey } from "../api/idempotency";
import { ApiProblem, errorsByField } from "../api/problem";
import type { CreateApiKey, CreatedApiKey } from "../api/types";
import { Button } from "../ui/button";
import { CopyLine } from "../ui/copy";
import { Dialog } from "../ui/dialog";
import { SelectField, TextField } from "../ui/field";
import { ProblemNotice } from "../ui/notice";

type HumanRole = Exclude<CreateApiKey["role"], "agent">;

const ROLES: Record<HumanRole, string> = {
  viewer: "sees everything, changes nothing",
  developer: "also creates and deletes topics",
  operator: "also creates, changes and deletes clusters",
  admin: "also hands out and revokes keys",
};

export function CreateApiKeyDialog({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  const [created, setCreated] = useState<CreatedApiKey | null>(null);
  const change = (next: boolean) => {
    if (!next) setCreated(null);
    onOpenChange(next);
  };
  return created ? (
    <Dialog open={open} onOpenChange={change} title={`Key ${created.name}`} intro="This is the only time the key is shown. Copy it to where it will be used.">
      <div className="space-y-4">
        {created.key ? (
          <CopyLine text={created.key} label="Copy the key" />
        ) : (
          <p role="alert">The key was made by an earlier request and cannot be shown again. Revoke it and create another.</p>
        )}
        <div className="flex justify-end">
          <Button kind="primary" onClick={() => change(false)}>
            Done
          </Button>
        </div>
      </div>
    </Dialog>
  ) : (
    <Dialog open={open} onOpenChange={change} title="Create key">
      <CreateForm onCreated={setCreated} onCancel={() => change(false)} />
    </Dialog>
  );
}

function CreateForm({ onCreated, onCancel }: { onCreated: (key: CreatedApiKey) => void; onCancel: () => void }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<HumanRole>("viewer");
  const create = useCreateApiKey();
  const idempotencyKey = useIdempotencyKey();
  const problem = create.error instanceof ApiProblem ? create.error : null;
  const errors = errorsByField(problem, (path) => path === "name" || path === "role");
  const body: CreateApiKey = { name: name.trim(), role };

  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate({ body, idempotencyKey: idempotencyKey(body) }, { onSuccess: onCreated });
  };

  return (
    <form onSubmit={submit} noValidate className="space-y-4">
      {problem && (errors.others.length > 0 || problem.errors.length === 0) && <ProblemNotice error={problem} doing="Creating the key" />}
      <TextField
        label="Name"
        autoComplete="off"
        placeholder="ci"
        value={name}
        onChange={(event) => setName(event.target.value)}
        error={errors.fields.get("name")}
        hint="Who or what will use it."
      />
      <SelectField label="Role" value={role} onChange={(event) => setRole(event.target.value as HumanRole)} error={errors.fields.get("role")} hint={`A key that ${ROLES[role]}.`}>
        {Object.keys(ROLES).map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </SelectField>
      <div className="flex justify-end gap-2">
        <Button kind="quiet" onClick={onCancel}>
          Cancel
        </Button>
        <Button kind="primary" type="submit" busy={create.isPending}>
          Create key
        </Button>
      </div>
    </form>
  );
}
