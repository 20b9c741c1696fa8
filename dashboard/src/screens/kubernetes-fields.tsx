/** The part of the create form that is there only where the service runs brokers on Kubernetes: volumes and resources. */
import type { KubernetesField, KubernetesForm } from "../lib/kubernetes";
import { TextField } from "../ui/field";
import { Panel } from "../ui/panel";

interface KubernetesFieldsProps {
  form: KubernetesForm;
  onChange: (form: KubernetesForm) => void;
  /** By path: `kubernetes.storage.size`. */
  errors: ReadonlyMap<string, string>;
}

export function KubernetesFields({ form, onChange, errors }: KubernetesFieldsProps) {
  const input = (field: KubernetesField) => ({
    mono: true,
    autoComplete: "off",
    autoCapitalize: "none",
    value: form[field],
    onChange: (event: { target: { value: string } }) => onChange({ ...form, [field]: event.target.value }),
    error: errors.get(field),
  });
  return (
    <Panel title="Kubernetes" note="what each broker gets">
      <div className="grid items-start gap-4 sm:grid-cols-2">
        <TextField label="Storage size" required hint="It can grow later where the storage class allows it, and never shrinks." {...input("kubernetes.storage.size")} />
        <TextField label="Storage class" placeholder="default" hint="It cannot be changed later." {...input("kubernetes.storage.class")} />
        <TextField label="CPU request" placeholder="500m" {...input("kubernetes.resources.requests.cpu")} />
        <TextField label="CPU limit" placeholder="2" {...input("kubernetes.resources.limits.cpu")} />
        <TextField label="Memory request" placeholder="1Gi" hint="What a node must have free. With neither request given: 100m and 128Mi." {...input("kubernetes.resources.requests.memory")} />
        <TextField label="Memory limit" placeholder="2Gi" hint="What a broker may use at most; as much as its node has if left empty." {...input("kubernetes.resources.limits.memory")} />
      </div>
    </Panel>
  );
}
