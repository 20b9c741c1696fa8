import { expect, it } from "vitest";
import { CLIENTS, withoutAddress } from "./connection";

const properties = { java: "", librdkafka: "", franz_go: "", spring: "", kcat: "" };

it("has a tab for every client that the service has settings for", () => {
  expect(CLIENTS.map((client) => client.value).sort()).toEqual(Object.keys(properties).sort());
});

it("names the listeners whose addresses are not known yet", () => {
  const known = { name: "vpn", type: "nodeport", reach: "", bootstrap_servers: "10.0.0.1:30001", security_protocol: "PLAINTEXT", properties };
  const asked = [
    { name: "vpn", type: "nodeport" as const },
    { name: "public", type: "loadbalancer" as const },
  ];
  expect(withoutAddress(asked, { cluster: "orders", listeners: [known] }).map((listener) => listener.name)).toEqual(["public"]);
  expect(withoutAddress([], { cluster: "orders", listeners: [] })).toEqual([]);
});
