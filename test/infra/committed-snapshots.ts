import { readFileSync } from "node:fs";
import type { Resource, Snapshot } from "./compiler.ts";

/** Where they are. */
export const SNAPSHOT_FOLDER = "test/infra/snapshots";

/** The snapshots that are committed: test/infra/snapshots.long.test.ts says what they are of, and that they are true. */
export const COMMITTED_SNAPSHOTS = [
  "test",
  "dev",
  "prod",
  "main",
  "registry",
  "source",
  "network",
  "self-signed",
  "everything",
] as const;

/** The name of one of them. */
export type CommittedSnapshot = (typeof COMMITTED_SNAPSHOTS)[number];

/** One of them. */
export function readSnapshot(name: CommittedSnapshot): Snapshot {
  return JSON.parse(readFileSync(`${SNAPSHOT_FOLDER}/${name}.json`, "utf8")) as Snapshot;
}

type With<Properties> = Resource & { readonly properties: Properties };

/** What tests look at of resources, by their types. */
type Known = {
  readonly "Microsoft.KeyVault/vaults": With<
    Readonly<Record<string, unknown>> & {
      readonly networkAcls: object;
      readonly createMode: string;
      readonly softDeleteRetentionInDays: number;
    }
  >;
  readonly "Microsoft.OperationalInsights/workspaces": With<{
    readonly retentionInDays: number;
    readonly workspaceCapping: { readonly dailyQuotaGb: number };
  }>;
  readonly "Microsoft.Authorization/roleAssignments": With<{
    readonly roleDefinitionId: string;
    readonly principalType: string;
  }>;
  readonly "Microsoft.Insights/scheduledQueryRules": With<{
    readonly criteria: { readonly allOf: readonly { readonly query: string }[] };
  }>;
  readonly "Microsoft.Insights/webtests": With<{
    readonly Locations: readonly unknown[];
    readonly Frequency: number;
  }>;
  readonly "Microsoft.ContainerRegistry/registries": With<Readonly<Record<string, unknown>>>;
  readonly "Microsoft.ContainerRegistry/registries/taskRuns": With<{
    readonly runRequest: { readonly type: string; readonly sourceLocation: string };
  }>;
  readonly "Microsoft.Network/loadBalancers": With<{ readonly backendAddressPools: readonly unknown[] }>;
};

type Typed<Type extends string> = Type extends keyof Known ? Known[Type] : Resource;

/** The resources of one type in a snapshot. */
export function resourcesOf<Type extends string>({ predictedResources }: Snapshot, type: Type): readonly Typed<Type>[] {
  return predictedResources.filter((resource): resource is Typed<Type> => resource.type === type);
}
