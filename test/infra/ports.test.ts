import { expect, it } from "vitest";
import { COMMITTED_SNAPSHOTS, type CommittedSnapshot, readSnapshot, resourcesOf } from "./committed-snapshots.ts";
import { groupOf, variablesOf } from "./judgements.ts";

const everything = readSnapshot("everything");
const OTHERS = COMMITTED_SNAPSHOTS.filter((name) => name !== "everything");
const CLIENTS = { port: 443, protocol: "TCP" };

function portsOf(name: CommittedSnapshot): unknown {
  return groupOf(readSnapshot(name)).properties.ipAddress["ports"];
}

/** Ports of the rules of one type of resource, by their protocol. */
function ruled(type: string, rules: string, port: string): readonly unknown[] {
  return resourcesOf(everything, type).flatMap((resource) => {
    const { properties } = resource as unknown as { readonly properties: Readonly<Record<string, readonly Rule[]>> };
    return (properties[rules] ?? []).map((rule) => [rule.properties["protocol"], rule.properties[port]]);
  });
}

type Rule = { readonly properties: Readonly<Record<string, unknown>> };

it("opens a port for STUN and further ones where it is asked to, from the load balancer to the relay", () => {
  expect(ruled("Microsoft.Network/loadBalancers", "loadBalancingRules", "frontendPort")).toEqual([
    ["Tcp", 443],
    ["Udp", 3478],
    ["Tcp", 8765],
    ["Tcp", 8080],
  ]);
  expect(ruled("Microsoft.Network/networkSecurityGroups", "securityRules", "destinationPortRange")).toEqual([
    ["Tcp", "443"],
    ["Udp", "3478"],
    ["Tcp", "8765"],
    ["Tcp", "8080"],
  ]);
  expect(portsOf("everything")).toEqual([
    CLIENTS,
    { port: 3478, protocol: "UDP" },
    { port: 8765, protocol: "TCP" },
    { port: 8080, protocol: "TCP" },
  ]);
  expect(variablesOf(everything)).toMatchObject({
    STUN_PORT: "3478",
    LISTEN: "wss:8765=pair,ws-anywhere:8080=topic+raw",
  });
});

it("gives each rule of a network a priority of its own, and resets silent connections of TCP", () => {
  const [group] = resourcesOf(everything, "Microsoft.Network/networkSecurityGroups");
  const { securityRules = [] } = (
    group as unknown as { readonly properties: { readonly securityRules?: readonly Rule[] } }
  ).properties;
  const priorities = securityRules.map(({ properties }) => properties["priority"]);
  expect(priorities).toEqual([100, 110, 120, 130]);
  expect(ruled("Microsoft.Network/loadBalancers", "loadBalancingRules", "enableTcpReset")).toEqual([
    ["Tcp", true],
    ["Udp", undefined],
    ["Tcp", true],
    ["Tcp", true],
  ]);
});

it.each(OTHERS)("opens no port but that of clients where it is not: %s", (name) => {
  expect(portsOf(name)).toEqual([CLIENTS]);
  expect(variablesOf(readSnapshot(name))).not.toHaveProperty("STUN_PORT");
  expect(variablesOf(readSnapshot(name))).not.toHaveProperty("LISTEN");
});
