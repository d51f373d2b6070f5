import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parse } from "yaml";

type Manifest = { readonly engines: { readonly node: string }; readonly devDependencies: { readonly node: string } };
type Workflow = {
  readonly jobs: { readonly run: { readonly strategy: { readonly matrix: { readonly node: string[] } } } };
};

const { engines, devDependencies } = JSON.parse(readFileSync("package.json", "utf8")) as Manifest;
const workflow = parse(readFileSync(".github/workflows/node.yml", "utf8")) as Workflow;
const { node: versions } = workflow.jobs.run.strategy.matrix;

it("runs on the Node that TEST_NODE_VERSION names, or else on the one that npm has installed", () => {
  expect(process.version).toBe(`v${process.env["TEST_NODE_VERSION"] ?? devDependencies.node}`);
});

it("is run in CI on the oldest Node that the relay takes, and on newer ones", () => {
  const oldest = /^>=(\d+\.\d+)$/.exec(engines.node)?.[1];

  expect(versions[0]).toBe(`${oldest}.0`);
  expect(versions.map((version) => Number.parseInt(version, 10))).toEqual([22, 24, 26]);
});
