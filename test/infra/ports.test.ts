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

it("opens a port of UDP for STUN where it is asked to, from the load balancer to the relay", () => {
  expect(ruled("Microsoft.Network/loadBalancers", "loadBalancingRules", "frontendPort")).toEqual([
    ["Tcp", 443],
    ["Udp", 3478],
  ]);
  expect(ruled("Microsoft.Network/networkSecurityGroups", "securityRules", "destinationPortRange")).toEqual([
    ["Tcp", "443"],
    ["Udp", "3478"],
  ]);
  expect(portsOf("everything")).toEqual([CLIENTS, { port: 3478, protocol: "UDP" }]);
  expect(variablesOf(everything)["STUN_PORT"]).toBe("3478");
});

it.each(OTHERS)("opens no port but that of clients where it is not: %s", (name) => {
  expect(portsOf(name)).toEqual([CLIENTS]);
  expect(variablesOf(readSnapshot(name))).not.toHaveProperty("STUN_PORT");
});
