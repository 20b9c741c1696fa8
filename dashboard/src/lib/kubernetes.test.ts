import { describe, expect, it } from "vitest";
import { isKubernetesField, KUBERNETES_BLANK, kubernetesOf, listenersOf } from "./kubernetes";

describe("kubernetesOf", () => {
  it("leaves to the service what is left empty", () => {
    expect(kubernetesOf(KUBERNETES_BLANK)).toEqual({ storage: { size: "10Gi" } });
  });

  it("asks for what was typed", () => {
    const form = {
      ...KUBERNETES_BLANK,
      "kubernetes.storage.size": " 100Gi ",
      "kubernetes.storage.class": "fast",
      "kubernetes.resources.requests.memory": "1Gi",
      "kubernetes.resources.limits.cpu": "2",
      "kubernetes.resources.limits.memory": "2Gi",
    };
    expect(kubernetesOf(form)).toEqual({
      storage: { size: "100Gi", class: "fast" },
      resources: { requests: { memory: "1Gi" }, limits: { cpu: "2", memory: "2Gi" } },
    });
  });

  it("sends an emptied size for the service to refuse, rather than one that nobody sees", () => {
    expect(kubernetesOf({ ...KUBERNETES_BLANK, "kubernetes.storage.size": "" }).storage).toEqual({ size: "" });
  });
});

it("keeps every listener in its place, because errors name them by it", () => {
  const row = { id: 1, name: "", type: "nodeport" as const, advertisedHost: "", allowedCidrs: " " };
  expect(
    listenersOf([row, { id: 2, name: " vpn", type: "loadbalancer", advertisedHost: "kafka-{broker}.example.net", allowedCidrs: "10.0.0.0/8, 192.168.0.0/16" }]),
  ).toEqual([
    { name: "", type: "nodeport" },
    { name: "vpn", type: "loadbalancer", advertised_host: "kafka-{broker}.example.net", allowed_cidrs: ["10.0.0.0/8", "192.168.0.0/16"] },
  ]);
});

it.each([
  ["kubernetes.storage.size", true],
  ["kubernetes.resources.limits.memory", true],
  ["listeners", true],
  ["listeners.0.name", true],
  ["listeners.1.allowed_cidrs", true],
  ["listeners.2.name", false],
  ["listeners.0.annotations", false],
  ["kubernetes", false],
  ["kubernetes.tolerations", false],
])("knows whether the form shows %s: %s", (path, shown) => {
  expect(isKubernetesField(path, 2)).toBe(shown);
});
