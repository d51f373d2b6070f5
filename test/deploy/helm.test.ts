import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { loadConfig } from "../../relay/config/load.ts";
import { VERSION } from "../../relay/version.ts";
import {
  CHART,
  type Container,
  type Manifest,
  renderChart,
  renderNotes,
  renderWithHelm,
  type Values,
} from "./chart.ts";
import { bytesOf, memoryProblemsOf, problemsOf } from "./deployed-options.ts";

/** The set-ups of docs/deploy/kubernetes.md, and one with everything. */
const SETUPS: Readonly<Record<string, Values>> = {
  "TLS by cert-manager": {},
  "its own certificates": { tls: { mode: "acme", domain: "relay.example.com", email: "ops@example.com" } },
  "behind an ingress": { tls: { mode: "off" }, service: { type: "ClusterIP" }, ingress: { enabled: true } },
  "TLS passed through by a gateway": { service: { type: "ClusterIP" }, tlsRoute: { enabled: true } },
  "behind an ingress, with off that YAML took for false": { tls: { mode: false }, ingress: { enabled: true } },
  "its own certificates, on a claim that is there": {
    tls: { mode: "acme", domain: "relay.example.com" },
    persistence: { existingClaim: "restored" },
    networkPolicy: { egressPorts: [{ port: 14000, protocol: "TCP" }] },
  },
  "with mailboxes": {
    persistence: { enabled: true, size: "2Gi" },
    options: { MAILBOX_STORE: "sqlite", MAILBOX_MAX_BYTES: 1_073_741_824 },
  },
  everything: {
    image: { digest: "sha256:0123", pullSecrets: ["registry"] },
    optionsSecretName: "relay-options",
    serviceMonitor: { enabled: true, labels: { release: "prometheus" } },
    options: { MAX_CONNECTIONS: "2000", MAX_FRAME_BYTES: 2_097_152 },
    nodeSelector: { "kubernetes.io/os": "linux" },
    stun: { enabled: true },
    probe: { enabled: true, relay: "wss://relay.example.com", textfileDirectory: "/var/lib/node-exporter" },
    listen: { "8765": "wss:8765=pair" },
    podAnnotations: { note: "x" },
    service: { annotations: { note: "x" } },
  },
};
const setups = Object.entries(SETUPS);
const hasHelm = spawnSync("helm", ["version"]).error === undefined;

it.each(setups)("makes YAML of known kinds, each object with a name of its own: %s", (_, values) => {
  const manifests = renderChart(values);

  const names = manifests.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
  expect(new Set(names).size).toBe(names.length);
  expect(manifests.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`).filter((kind) => !KINDS.has(kind))).toEqual(
    [],
  );
  for (const { metadata } of manifests) expect(metadata.labels).toMatchObject(SELECTOR);
});

it.each(setups)("gives the relay only options that it has, and that go together: %s", (_, values) => {
  const { env } = relayOf(renderChart(values));

  const variables = Object.fromEntries(env.map(({ name, value }) => [name, value]));
  const ofSecret = values["optionsSecretName"] === undefined ? {} : { ADMIN_TOKEN: "0123456789abcdef0123456789abcdef" };
  expect(env.map(({ value }) => typeof value).filter((type) => type !== "string")).toEqual([]);
  expect(problemsOf({ ...variables, ...ofSecret })).toEqual([]);
});

it.each(setups)("leads every service, policy, budget and route to the one pod: %s", (_, values) => {
  const manifests = renderChart(values);
  const { spec } = only(manifests, "Deployment");
  const portNames = relayOf(manifests).ports.map(({ name }) => name);

  expect(spec.replicas).toBe(1);
  expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
  expect(spec.selector.matchLabels).toEqual(SELECTOR);
  for (const service of manifests.filter(({ kind }) => kind === "Service")) {
    expect(service.spec.selector).toEqual(SELECTOR);
    expect(portNames).toContain(service.spec.ports[0].targetPort);
  }
  expect(only(manifests, "NetworkPolicy").spec.podSelector.matchLabels).toEqual(SELECTOR);
  expect(only(manifests, "PodDisruptionBudget").spec.selector.matchLabels).toEqual(SELECTOR);
  const policed = only(manifests, "NetworkPolicy").spec.ingress.map(({ ports }) => ports[0]?.port);
  expect(policed).toEqual(portNames);
});

it("opens a port of UDP for STUN where it is asked to, at a load balancer that keeps the addresses of clients", () => {
  const manifests = renderChart({ stun: { enabled: true, port: 3479 } });
  const relay = relayOf(manifests);
  const service = manifests.find(({ metadata }) => metadata.name.endsWith("-stun"));

  expect(relay.env).toContainEqual({ name: "STUN_PORT", value: "3479" });
  expect(relay.ports).toContainEqual({ name: "stun", containerPort: 3479, protocol: "UDP" });
  expect(service?.spec).toMatchObject({
    type: "LoadBalancer",
    externalTrafficPolicy: "Local",
    ports: [{ port: 3479, targetPort: "stun", protocol: "UDP" }],
  });
  expect(JSON.stringify(renderChart({}))).not.toMatch(/stun/i);
});

it("opens further ports for dialects of their own, at the same service", () => {
  const manifests = renderChart({ listen: { "8765": "wss:8765=pair", "8766": "wss:8766=raw+topic" } });
  const relay = relayOf(manifests);
  const service = manifests.find(({ kind, metadata }) => kind === "Service" && !metadata.name.includes("-stun"));

  expect(relay.env).toContainEqual({ name: "LISTEN", value: "wss:8765=pair,wss:8766=raw+topic" });
  expect(relay.ports).toContainEqual({ name: "relay-8765", containerPort: 8765 });
  expect(service?.spec).toMatchObject({
    ports: [
      { name: "relay" },
      { name: "relay-8765", port: 8765, targetPort: "relay-8765" },
      { name: "relay-8766", port: 8766, targetPort: "relay-8766" },
    ],
  });
  expect(JSON.stringify(renderChart({}))).not.toContain("LISTEN");
});

it("probes the relay on a schedule where it is asked to, from a pod that no service leads to", () => {
  const probe = { enabled: true, relay: "wss://relay.example.com" };
  const job = only(renderChart({ probe }), "CronJob");
  const withFile = only(renderChart({ probe: { ...probe, textfileDirectory: "/var/lib/node-exporter" } }), "CronJob");
  const { metadata, spec } = job.spec.jobTemplate.spec.template;

  expect(job.spec.schedule).toBe("*/5 * * * *");
  expect(spec.containers[0]?.args).toEqual(["probe", "wss://relay.example.com"]);
  expect(metadata.labels["app.kubernetes.io/name"]).not.toBe(SELECTOR["app.kubernetes.io/name"]);
  expect(spec.securityContext).toMatchObject({ runAsNonRoot: true });
  expect(spec.containers[0]?.securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
  const file = withFile.spec.jobTemplate.spec.template.spec;
  expect(file.containers[0]?.args).toEqual(["probe", probe.relay, "--textfile", "/metrics/relay.prom"]);
  expect(file.containers[0]?.volumeMounts[0]).toEqual({ name: "metrics", mountPath: "/metrics" });
  expect(JSON.stringify(renderChart({}))).not.toContain("CronJob");
  expect(() => renderChart({ probe: { enabled: true } })).toThrow("probe.relay");
});

it.each(setups)("has no privilege at all: %s", (_, values) => {
  const manifests = renderChart(values);
  const { securityContext } = relayOf(manifests);
  const pod = only(manifests, "Deployment").spec.template.spec;

  expect(securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
  expect(pod.securityContext).toMatchObject({
    runAsNonRoot: true,
    runAsUser: 1000,
    seccompProfile: { type: "RuntimeDefault" },
  });
  expect(pod.automountServiceAccountToken).toBe(false);
});

it.each(setups)("asks for health in the way that the relay answers, and lets the pod drain: %s", (_, values) => {
  const manifests = renderChart(values);
  const relay = relayOf(manifests);
  const { config } = loadConfig({ flags: {}, env: {} });
  const [, sleepSeconds = "0"] = relay.lifecycle?.preStop.exec.command ?? [];

  const scheme = relay.env.some(({ name, value }) => name === "TLS" && value === "off") ? "HTTP" : "HTTPS";
  const probes = [relay.startupProbe, relay.livenessProbe, relay.readinessProbe].map(({ httpGet }) => httpGet);
  expect(probes.map((probe) => probe.scheme)).toEqual([scheme, scheme, scheme]);
  expect(probes.map((probe) => probe.port)).toEqual(["relay", "relay", "relay"]);
  expect(probes.slice(0, 2).map((probe) => probe.path)).toEqual(["/health", "/health"]);
  expect(only(manifests, "Deployment").spec.template.spec.terminationGracePeriodSeconds * 1000).toBeGreaterThan(
    Number(sleepSeconds) * 1000 + config.drainTimeoutMs + 2000,
  );
});

it("lets the authority reach a pod that has no certificate yet, and asks /ready everywhere else", () => {
  const paths = setups.map(([name, values]) => [name, relayOf(renderChart(values)).readinessProbe.httpGet.path]);

  expect(Object.fromEntries(paths)).toEqual({
    "TLS by cert-manager": "/ready",
    "its own certificates": "/health",
    "its own certificates, on a claim that is there": "/health",
    "behind an ingress": "/ready",
    "behind an ingress, with off that YAML took for false": "/ready",
    "TLS passed through by a gateway": "/ready",
    "with mailboxes": "/ready",
    everything: "/ready",
  });
});

it("keeps an authority's certificates on a volume, and has the secret's files where the relay looks", () => {
  const acme = renderChart(SETUPS["its own certificates"]);
  const files = relayOf(renderChart());

  const { config } = loadConfig({ flags: {}, env: {} });
  expect(relayOf(acme).volumeMounts).toEqual([{ name: "state", mountPath: config.stateDirectory }]);
  expect(only(acme, "Deployment").spec.template.spec.volumes[0].persistentVolumeClaim.claimName).toBe(
    only(acme, "PersistentVolumeClaim").metadata.name,
  );
  expect(only(acme, "Deployment").spec.strategy).toEqual({ type: "Recreate" });
  expect(files.env).toContainEqual({ name: "TLS_CERT_FILE", value: `${files.volumeMounts[0].mountPath}/tls.crt` });
});

it("keeps mailboxes on a volume beside the files of TLS, and never two pods on it", () => {
  const manifests = renderChart(SETUPS["with mailboxes"]);

  const { spec } = only(manifests, "Deployment");
  expect(relayOf(manifests).volumeMounts.map(({ name }) => name)).toEqual(["tls", "state"]);
  expect(spec.template.spec.volumes).toMatchObject([{ name: "tls" }, { name: "state" }]);
  expect(spec.strategy).toEqual({ type: "Recreate" });
  expect(only(manifests, "PersistentVolumeClaim").spec).toMatchObject({
    accessModes: ["ReadWriteOnce"],
    resources: { requests: { storage: "2Gi" } },
  });
});

it("mounts a claim that is there in place of a new one", () => {
  const manifests = renderChart(SETUPS["its own certificates, on a claim that is there"]);

  const [volume] = only(manifests, "Deployment").spec.template.spec.volumes;
  expect(volume.persistentVolumeClaim.claimName).toBe("restored");
  expect(manifests.filter(({ kind }) => kind === "PersistentVolumeClaim")).toEqual([]);
});

it("lets the pod reach names and port 443, and the ports that are asked for", () => {
  const names = [
    { port: 53, protocol: "UDP" },
    { port: 53, protocol: "TCP" },
    { port: 443, protocol: "TCP" },
  ];
  expect(egressOf({})).toEqual(names);
  expect(egressOf({ networkPolicy: { egressPorts: [{ port: 14000, protocol: "TCP" }] } })).toEqual([
    ...names,
    { port: 14000, protocol: "TCP" },
  ]);
});

it("waits for load balancers before a stop where the next pod is ready, and not where that one waits too", () => {
  expect(relayOf(renderChart()).lifecycle?.preStop.exec.command).toEqual(["sleep", "20"]);
  expect(relayOf(renderChart(SETUPS["its own certificates"])).lifecycle).toBeUndefined();
});

it("gets no variables from other services of its namespace", () => {
  expect(only(renderChart(), "Deployment").spec.template.spec.enableServiceLinks).toBe(false);
});

it("has options that fit into its limit of memory", () => {
  const { env, resources } = relayOf(renderChart());

  const variables = Object.fromEntries(env.map(({ name, value }) => [name, value]));
  expect(memoryProblemsOf(variables, bytesOf(resources.limits.memory))).toEqual([]);
});

it("hands on numbers without an exponent, whether they are in quotes or not", () => {
  const { env } = relayOf(renderChart({ options: { MAX_FRAME_BYTES: 2_097_152, MAX_CONNECTIONS: "2000" } }));

  expect(env).toEqual(
    expect.arrayContaining([
      { name: "MAX_FRAME_BYTES", value: "2097152" },
      { name: "MAX_CONNECTIONS", value: "2000" },
    ]),
  );
});

it("shows metrics on a service of its own, to Prometheus with the token", () => {
  const manifests = renderChart(SETUPS["everything"]);
  const monitor = only(manifests, "ServiceMonitor").spec;

  const metrics = manifests.find(({ kind, metadata }) => kind === "Service" && metadata.name === "relay-metrics");
  expect(metrics?.metadata.labels).toMatchObject(monitor.selector.matchLabels);
  expect(manifests.filter(({ metadata }) => metadata.labels["app.kubernetes.io/component"] === "metrics").length).toBe(
    1,
  );
  expect(monitor.endpoints[0]).toMatchObject({
    port: metrics?.spec.ports[0].name,
    authorization: { credentials: { name: "relay-options", key: "ADMIN_TOKEN" } },
  });
});

it.each<[string, Values]>([
  ["an ingress ends TLS", { ingress: { enabled: true } }],
  ["a TLSRoute passes TLS through", { tls: { mode: "off" }, tlsRoute: { enabled: true } }],
  ["metrics need a token", { serviceMonitor: { enabled: true } }],
  ["nobody publishes an image: build and push one (docker build", { image: { repository: "" } }],
  ["tls.mode acme needs tls.domain", { tls: { mode: "acme" } }],
])("refuses values that do not go together: %s", (sentence, values) => {
  expect(() => renderChart(values)).toThrow(sentence);
});

it.each<[string, Values, string]>([
  ["the load balancer", {}, "kubectl get service relay --namespace relays"],
  ["a name of its own", { tls: { mode: "acme", domain: "relay.example.com" } }, "wss://relay.example.com:443"],
  [
    "an ingress",
    { tls: { mode: "off" }, service: { type: "ClusterIP" }, ingress: { enabled: true } },
    "wss://relay.example.com,",
  ],
  [
    "a gateway",
    { service: { type: "ClusterIP" }, tlsRoute: { enabled: true, host: "gate.example.com" } },
    "wss://gate.example.com,",
  ],
])("tells who has installed it what clients dial: %s", (_, values, said) => {
  expect(renderNotes(values)).toContain(said);
});

it("uses every value that values.yaml has", () => {
  const values = parse(readFileSync(`${CHART}/values.yaml`, "utf8")) as Values;
  const templates = spawnSync("sh", ["-c", `cat ${CHART}/templates/*`], { encoding: "utf8" }).stdout;

  const unused = leavesOf(values).filter((path) => !isUsed(path, templates));

  expect(leavesOf(values)).toContain("tls.mode");
  expect(unused).toEqual([]);
});

it("has the version of the relay", () => {
  const chart = parse(readFileSync(`${CHART}/Chart.yaml`, "utf8")) as { readonly appVersion: string };

  expect(chart.appVersion).toBe(VERSION);
});

// Helm is no package of Debian: where it is there, it is asked too, and this check's renderer is compared with it.
if (hasHelm) {
  it.each(setups)("is what Helm makes of it: %s", (_, values) => {
    const lint = spawnSync("helm", ["lint", "--strict", CHART], { encoding: "utf8" });

    expect(byKind(renderWithHelm(values))).toEqual(byKind(renderChart(values)));
    expect([lint.status, lint.stdout]).toEqual([0, expect.stringContaining("0 chart(s) failed")]);
  });
}

const SELECTOR = { "app.kubernetes.io/name": "postern", "app.kubernetes.io/instance": "relay" };
const KINDS = new Set([
  "apps/v1 Deployment",
  "batch/v1 CronJob",
  "v1 Service",
  "v1 PersistentVolumeClaim",
  "policy/v1 PodDisruptionBudget",
  "networking.k8s.io/v1 NetworkPolicy",
  "networking.k8s.io/v1 Ingress",
  "gateway.networking.k8s.io/v1 TLSRoute",
  "monitoring.coreos.com/v1 ServiceMonitor",
]);

function byKind(manifests: readonly Manifest[]): readonly Manifest[] {
  return manifests.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

function key({ kind, metadata }: Manifest): string {
  return `${kind}/${metadata.name}`;
}

function only(manifests: readonly Manifest[], kind: string): Manifest {
  const [found, ...others] = manifests.filter((manifest) => manifest.kind === kind);
  if (found === undefined || others.length > 0) throw new Error(`${others.length + 1} objects of the kind ${kind}`);
  return found;
}

function egressOf(values: Values): readonly object[] | undefined {
  return only(renderChart(values), "NetworkPolicy").spec.egress[0]?.ports;
}

function relayOf(manifests: readonly Manifest[]): Container {
  const [container] = only(manifests, "Deployment").spec.template.spec.containers;
  if (container === undefined) throw new Error("no container");
  return container;
}

function leavesOf(values: Values, prefix = ""): readonly string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const isMap = typeof value === "object" && !Array.isArray(value);
    return isMap && Object.keys(value).length > 0
      ? leavesOf(value as Values, `${prefix}${name}.`)
      : [`${prefix}${name}`];
  });
}

/** Whether templates name a value, or a map that it is in. */
function isUsed(path: string, templates: string): boolean {
  const parts = path.split(".");
  return parts.some((_, index) => {
    const named = `.Values.${parts.slice(0, index + 1).join(".")}`;
    return new RegExp(`${named.replaceAll(".", "\\.")}(?![\\w.])`).test(templates);
  });
}
