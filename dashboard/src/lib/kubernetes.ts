/** The part of the create form that only Kubernetes has: what is typed in, and the request that it makes. Pure. */
import type { KubernetesSpec, Listener } from "../api/types";

/** What the form shows of `kubernetes`, by the path that the service names in errors. */
export const KUBERNETES_FIELDS = [
  "kubernetes.storage.size",
  "kubernetes.storage.class",
  "kubernetes.resources.requests.cpu",
  "kubernetes.resources.requests.memory",
  "kubernetes.resources.limits.cpu",
  "kubernetes.resources.limits.memory",
] as const;

export type KubernetesField = (typeof KUBERNETES_FIELDS)[number];
export type KubernetesForm = Record<KubernetesField, string>;

/** The size is the API's own default: everybody should see how large the volumes are going to be. */
export const KUBERNETES_BLANK: KubernetesForm = {
  "kubernetes.storage.size": "10Gi",
  "kubernetes.storage.class": "",
  "kubernetes.resources.requests.cpu": "",
  "kubernetes.resources.requests.memory": "",
  "kubernetes.resources.limits.cpu": "",
  "kubernetes.resources.limits.memory": "",
};

/** What is left empty is left out, so that the service decides it. */
export function kubernetesOf(form: KubernetesForm): KubernetesSpec {
  const amounts = (part: "requests" | "limits") => {
    const given = (["cpu", "memory"] as const)
      .map((name) => [name, form[`kubernetes.resources.${part}.${name}`].trim()] as const)
      .filter(([, amount]) => amount !== "");
    return given.length > 0 ? { [part]: Object.fromEntries(given) } : {};
  };
  const storageClass = form["kubernetes.storage.class"].trim();
  const resources = { ...amounts("requests"), ...amounts("limits") };
  return {
    storage: { size: form["kubernetes.storage.size"].trim(), ...(storageClass && { class: storageClass }) },
    ...(Object.keys(resources).length > 0 && { resources }),
  };
}

export interface ListenerRow {
  /** Keeps a row's inputs its own while others come and go. */
  id: number;
  name: string;
  type: Listener["type"];
  advertisedHost: string;
  /** Separated by commas or spaces. */
  allowedCidrs: string;
}

export function listenersOf(rows: readonly ListenerRow[]): Listener[] {
  return rows.map((row) => {
    const host = row.advertisedHost.trim();
    const cidrs = row.allowedCidrs.split(/[\s,]+/).filter(Boolean);
    return {
      name: row.name.trim(),
      type: row.type,
      ...(host && { advertised_host: host }),
      ...(cidrs.length > 0 && { allowed_cidrs: cidrs }),
    };
  });
}

const LISTENER_FIELD = /^listeners\.(\d+)\.(name|type|advertised_host|allowed_cidrs)$/;

/** Whether the form has a place for what is wrong there. */
export function isKubernetesField(path: string, listeners: number): boolean {
  if (path === "listeners" || KUBERNETES_FIELDS.some((field) => field === path)) return true;
  const place = LISTENER_FIELD.exec(path)?.[1];
  return place !== undefined && Number(place) < listeners;
}
