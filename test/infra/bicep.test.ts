import { readdirSync } from "node:fs";
import { normalize } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { type BicepFile, parseBicep, readBicepFile } from "./bicep-file.ts";
import { checkResourceIds } from "./resource-ids.ts";
import { readSchemas, type Schema } from "./schema.ts";
import { checkModules, checkSymbols } from "./symbols.ts";
import { checkResources } from "./type-check.ts";

const MODULES = "infra/modules";
const paths = ["relay.bicep", "infra/main.bicep", "infra/types.bicep"].concat(
  readdirSync(MODULES).map((name) => `${MODULES}/${name}`),
);
const schemas = readSchemas();
let files: ReadonlyMap<string, BicepFile>;

beforeAll(async () => {
  files = new Map(await Promise.all(paths.map(async (path) => [normalize(path), await readBicepFile(path)] as const)));
});

it("has templates that can be parsed", () => {
  const errors = [...files.values()].flatMap(({ path, errors: found }) => found.map((error) => `${path}:${error}`));

  expect(files.size).toBeGreaterThan(10);
  expect(errors).toEqual([]);
});

it("writes every resource as the schema of its API version has it", () => {
  const problems = [...files.values()].flatMap((file) => checkResources(file, schemas));

  expect([...files.values()].flatMap(({ resources }) => resources).length).toBeGreaterThan(20);
  expect(problems).toEqual([]);
});

it("writes ids so that use-resource-id-functions of the linter, an error here, takes them", () => {
  expect([...files.values()].flatMap(checkResourceIds)).toEqual([]);
});

it("uses every schema that is committed, each of which says where it comes from", () => {
  const used = new Set([...files.values()].flatMap(({ resources }) => resources.map(({ target }) => target)));

  expect([...schemas.keys()].filter((name) => !used.has(name))).toEqual([]);
  for (const { origin } of schemas.values()) expect(origin).toMatch(/^(Azure\.Bicep\.Types|Written by hand)/);
});

it("names nothing that is not declared, and declares nothing that is not used", () => {
  expect([...files.values()].flatMap(checkSymbols)).toEqual([]);
});

it("calls modules with the parameters that they have, and reads outputs that they have", () => {
  expect([...files.values()].flatMap((file) => checkModules(file, files))).toEqual([]);
});

it("describes every parameter and output of every template, and whether it has to be given", () => {
  const silent = [...files.values()].flatMap(({ path, params, outputs }) =>
    [
      ...params.filter(({ decorators }) => !/@description\('(Required|Optional)\. /.test(decorators)),
      ...outputs.filter(({ decorators }) => !decorators.includes("@description('")),
    ].map(({ name }) => `${path}: ${name}`),
  );

  expect(silent).toEqual([]);
});

it.each([
  ["subnetId!", "subnetId ?? ''", /container-group\.bicep:\d+: id is .*\?\?/],
  ["workspaceId: workspaceId", "workspaceId: '/subscriptions/s'", /workspaceId is '\/sub/],
  ["[port]", "[for id in ids: { id: id }]", /id is id, of a loop/],
])("finds an id that the linter refuses, where %s is %s", async (good, bad, found) => {
  const { text } = files.get(`${MODULES}/container-group.bicep`) ?? { text: "" };

  const broken = await parseBicep(`${MODULES}/container-group.bicep`, text.replace(good, bad));

  expect(checkResourceIds(broken).join("\n")).toMatch(found);
});

/** One fault each in a template that is right otherwise. */
const faults: readonly (readonly [what: string, good: string, bad: string, found: RegExp])[] = [
  ["an API version that was never published", "@2025-09-01", "@2023-09-01", /no schema for .*@2023-09-01/],
  ["a property that does not exist", "osType:", "osKind:", /Properties has no property osKind/],
  ["a property in the wrong case", "restartPolicy:", "RestartPolicy:", /has no property RestartPolicy/],
  ["a word that is none of the enumeration", "'Always'", "'always'", /restartPolicy is none of .*: always/],
  ["a required property that is left out", "containers: [", "volumes: [", /Properties lacks containers/],
  ["text in place of a number", "periodSeconds: 30", "periodSeconds: '30'", /periodSeconds is int, and no string/],
  ["a parameter of the wrong type", "image: image", "image: cpu", /image is string, and no int/],
  ["a property that is read-only", "dnsNameLabel: subnetId", "fqdn: subnetId", /fqdn of IpAddress is read-only/],
  ["a read of what is not there", "ipAddress.ip\n", "ipAddress.address\n", /ipAddress\.address: no address/],
  ["an object that is not closed", "osType: 'Linux'", "osType: {", /./],
];

it.each(faults)("finds %s", async (_what, good, bad, found) => {
  const { text } = files.get(`${MODULES}/container-group.bicep`) ?? { text: "" };

  const broken = await parseBicep("broken.bicep", text.replace(good, bad));

  expect(text).toContain(good);
  expect([...broken.errors, ...checkResources(broken, schemas)].join("\n")).toMatch(found);
});

it("finds parameters, outputs and names that are wrong", async () => {
  const relay = await parseBicep(
    "relay.bicep",
    (files.get("relay.bicep")?.text ?? "")
      .replace("principalId: identity.outputs.principalId", "principal: identity.outputs.principal")
      .replace("location: location", "location: place")
      .replace("    cpu: cpu\n", "    cpu: memoryInGB\n"),
  );

  const found = [...checkModules(relay, files), ...checkSymbols(relay)].join("\n");

  expect(found).toContain("cert-store.bicep takes no principal");
  expect(found).toContain("cert-store.bicep wants principalId");
  expect(found).toContain("no identity.outputs.principal");
  expect(found).toContain("cpu is of another type in infra/modules/container-group.bicep");
  expect(found).toContain("place is not declared");
});

it("knows the schema that it checks against: an empty one finds nothing right", () => {
  const relay = files.get(`${MODULES}/container-group.bicep`);
  const name = "Microsoft.ContainerInstance/containerGroups@2025-09-01";
  const empty: Schema = { resource: name, origin: "", types: { Body: { properties: {} } } };

  expect(relay === undefined ? [] : checkResources(relay, new Map([[name, empty]]))).not.toEqual([]);
});
