import { VERSION } from "../../relay/version.ts";

/** Where it was said. */
export type Place = {
  readonly resourceGroup: string;
  /** The registry that an image was to be built in. */
  readonly registry?: { readonly name: string; readonly server: string };
};

/** What Azure says, and what to do about it. Its words are matched where they name what is in the way. */
const ADVICE: readonly (readonly [said: RegExp, advice: (found: RegExpExecArray, place: Place) => string])[] = [
  [
    /TasksOperationsNotAllowed(?:[\s\S]*?for the registry (\w+))?/,
    ([, name = "YOURREGISTRY"], place) => buildElsewhere(place.resourceGroup, place.registry ?? azureRegistry(name)),
  ],
  [
    /updates on container group (?:\\u0027|\W)*([\w-]+)/,
    ([, group], { resourceGroup }) =>
      `Azure changes processors, memory, zone and network of a new container group only. ${group} keeps its name, its ` +
      "vault and its certificate if you delete it and deploy again at once: az container delete --resource-group " +
      `${resourceGroup} --name ${group}`,
  ],
  [
    /SoftDeletedVaultDoesNotExist/,
    () => "The vault is there already, and recoverVault is for once: deploy again with --parameter recoverVault=false.",
  ],
  [
    /VaultAlreadyExists|ConflictError[\s\S]*vault|vault[\s\S]*(?:deleted but recoverable|deleted state)/i,
    () => "A vault of this name was deleted and keeps it: deploy again with --parameter recoverVault=true, once.",
  ],
  [
    /(\w+) record could not be created because another record with the same name/,
    () =>
      "The zone has a record of another kind for the custom domain, such as the CNAME from before there was a network: " +
      "delete it (az network dns record-set cname delete, or a delete), and deploy again.",
  ],
  [
    /DnsNameLabelNotAvailable|DnsNameLabelTaken|DNS name label .* (?:taken|not available|already in use)/,
    () => "Somebody in the region has the label: deploy again with --parameter dnsLabel=ANOTHER-NAME.",
  ],
  [
    /InvalidResourceLocation/,
    (_found, { resourceGroup }) =>
      `What is in ${resourceGroup} stays in its region. Deploy into a new group there, or take this relay down first: ` +
      `npm run azure:destroy -- --resource-group ${resourceGroup}`,
  ],
  [
    /ResourceNotFound[\s\S]*containerGroups/,
    () => "There is no relay here yet that alertsOnly could leave alone: deploy without it first.",
  ],
];

/** What to do about what Azure has said of a deployment or a build; undefined where nothing better is known. */
export function adviceOn(said: string, place: Place): string | undefined {
  for (const [pattern, advice] of ADVICE) {
    const found = pattern.exec(said);
    if (found !== null) return advice(found, place);
  }
  return undefined;
}

function azureRegistry(name: string): Required<Place>["registry"] {
  return { name, server: `${name}.azurecr.io` };
}

/** The way for subscriptions that Azure builds nothing for. */
function buildElsewhere(resourceGroup: string, { name, server }: Required<Place>["registry"]): string {
  return [
    "Azure does not build for subscriptions on free credits. Build on a machine with Docker, push, and deploy that image:",
    `  az acr login --name ${name}`,
    `  docker buildx build --platform linux/amd64 --provenance=false --push --tag ${server}/postern:${VERSION} .`,
    `  digest=$(az acr repository show --name ${name} --image postern:${VERSION} --query digest --output tsv)`,
    `  npm run azure:deploy -- --resource-group ${resourceGroup} --registry ${name} --image "${server}/postern@$digest"`,
    "with the other options that you have typed, and without --build and source.",
  ].join("\n");
}
