/** What Azure says, and what to do about it. Its words are matched where they name what is in the way. */
const ADVICE: readonly (readonly [said: RegExp, advice: (found: RegExpExecArray, resourceGroup: string) => string])[] =
  [
    [
      /updates on container group (?:\\u0027|\W)*([\w-]+)/,
      ([, group], resourceGroup) =>
        `Azure changes processors, memory, zone and network of a new container group only. ${group} keeps its name, its ` +
        "vault and its certificate if you delete it and deploy again at once: az container delete --resource-group " +
        `${resourceGroup} --name ${group}`,
    ],
    [
      /SoftDeletedVaultDoesNotExist/,
      () =>
        "The vault is there already, and recoverVault is for once: deploy again with --parameter recoverVault=false.",
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
      (_found, resourceGroup) =>
        `What is in ${resourceGroup} stays in its region. Deploy into a new group there, or take this relay down first: ` +
        `npm run azure:destroy -- --resource-group ${resourceGroup}`,
    ],
    [
      /ResourceNotFound[\s\S]*containerGroups/,
      () => "There is no relay here yet that alertsOnly could leave alone: deploy without it first.",
    ],
  ];

/** What to do about what Azure has said of a deployment into this group; undefined where nothing better is known. */
export function adviceOn(said: string, resourceGroup: string): string | undefined {
  for (const [pattern, advice] of ADVICE) {
    const found = pattern.exec(said);
    if (found !== null) return advice(found, resourceGroup);
  }
  return undefined;
}
