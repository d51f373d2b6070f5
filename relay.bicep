metadata name = 'Postern'
metadata description = 'A relay on TCP 443 with TLS in Azure Container Instances: identity, certificate store, monitoring and container group. One command deploys it: az deployment group create --resource-group RG --template-file relay.bicep --parameters environment=prod'

targetScope = 'resourceGroup'

import { cloudProblems, containerSuffixOf, isSovereign, locationProblems, regionOf } from 'infra/checks.bicep'
import { customDomainProblems, domainOf, domainProblems, recordNameIn } from 'infra/checks.bicep'
import { certificateTestProblems, directoryOf, directoryProblems } from 'infra/checks.bicep'
import { imageProblems, registryOf, registrySuffixOf, sourceOf, sourceProblems } from 'infra/image-checks.bicep'
import { labelProblems, mailProblems, nameProblems, roleProblems } from 'infra/checks.bicep'
import { networkProblems } from 'infra/addresses.bicep'
import { memoryProblems, tenthsOf } from 'infra/sizing.bicep'
import { limitIn, limitProblems, secretProblems, settingProblems, settingsOf, stunProblems } from 'infra/settings.bicep'
import { accessLogType, certificateSourceType, environmentType } from 'infra/types.bicep'
import { dnsZoneType, networkType, registryType, zoneType } from 'infra/types.bicep'

@description('Optional. What the deployment is for. Certificates that browsers trust come with prod; the others have those of Let\'s Encrypt\'s staging.')
param environment environmentType = 'test'

@description('Optional. Where everything is.')
param location string = resourceGroup().location

@description('Optional. What all names begin with: 3 to 10 letters, digits and hyphens.')
param name string = 'postern'

@description('Optional. The image, by digest; left out, the one that infra/image.json names. The workflow that publishes images writes that.')
param image string?

@description('Optional. The Azure container registry of the image; none for a public image.')
param registry registryType?

@description('Optional. The Git URL of the source, such as https://github.com/OWNER/postern.git#v0.1.0, to have Azure build the image in a registry of its own.')
param source string = ''

@description('Optional. A name of your own that clients dial. It has to lead to the output relayFqdn before the first certificate: docs/deploy/azure.md.')
param customDomain string = ''

@description('Optional. The Azure DNS zone of the custom domain, to have the record made; left out, you make it.')
param dnsZone dnsZoneType?

@description('Optional. The label of the DNS name that Azure gives. It has to be free in the region; left out, it has a hash of the resource group in it.')
param dnsLabel string?

@description('Optional. Where the certificate comes from. self-signed is for the first of the two steps to a custom domain.')
param certificateSource certificateSourceType = 'acme'

@description('Optional. Where the authority may write to about the account.')
param acmeEmail string = ''

@description('Optional. The authority: letsencrypt, letsencrypt-staging or the URL of a directory.')
param acmeDirectory string = environment == 'prod' ? 'letsencrypt' : 'letsencrypt-staging'

@description('Optional. Whole processors. One relay uses one. A group that exists keeps its own: docs/deploy/azure.md.')
@minValue(1)
@maxValue(31)
param cpu int = 1

@description('Optional. Memory in GB, in steps of a tenth. A group that exists keeps its own.')
param memoryInGB string = '1.5'

@description('Optional. The connections that the relay takes at most. Those of the default fit into the default of memory, whatever clients do; 1000 want 3.5 GB.')
@minValue(1)
@maxValue(1000000)
param maxConnections int = 450

@description('Optional. The availability zone; left out, Azure chooses. One zone is a place, and no redundancy.')
param zone zoneType?

@description('Optional. More options of the relay, as environment variables. They come before the limits that the template sets.')
param settings { *: string } = {}

@description('Optional. Options of the relay that are secret. They cannot be read back from the group.')
@secure()
param secretSettings { *: string } = {}

@description('Optional. Whether logs are kept and alerts are set.')
param monitoring bool = true

@description('Optional. How many days logs are kept.')
@minValue(30)
@maxValue(730)
param retentionInDays int = 30

@description('Optional. Addresses for mail about alerts.')
param alertEmails string[] = []

@description('Optional. The access log, from which refused connections are counted. Its lines have the addresses of clients.')
param accessLog accessLogType = 'off'

@description('Optional. The UDP port at which clients are told their public address (STUN), 3478 by custom; 0 opens none. Not 443: Azure opens a number once.')
@minValue(0)
@maxValue(65535)
param stunPort int = 0

@description('Optional. Whether Azure asks from outside, every quarter of an hour, if the certificate is good; left out, it does in prod where letsencrypt signs. It costs a little.')
param certificateTest bool?

@description('Optional. Whether to assign roles. Set false where you may not, and have the roles assigned first: docs/deploy/azure.md.')
param assignRoles bool = true

@description('Optional. The id of a role of your own for the vault, such as that of infra/vault-role.json; left out, Key Vault Secrets Officer, which may also delete.')
param vaultRole string?

@description('Optional. Whether to bring back the vault of an earlier deployment that was deleted. Once: a vault that is there cannot be brought back.')
param recoverVault bool = false

@description('Optional. A network of its own with a load balancer in front. It needs a custom domain.')
param network networkType?

@description('Optional. true deploys logs and alerts alone: the relay is not touched, and does not restart.')
param alertsOnly bool = false

@description('Optional. Tags for everything.')
param tags { *: string } = {}

// What was typed, put right where that is possible.
var region = regionOf(location)
var ownDomain = domainOf(customDomain)
var zoneName = domainOf(dnsZone.?name ?? '')
var directory = directoryOf(acmeDirectory)
var gitUrl = sourceOf(source)
var hasSource = gitUrl != ''
var givenImage = trim(image ?? (hasSource ? '' : loadJsonContent('infra/image.json').image))
var label = dnsLabel == null ? null : toLower(trim(dnsLabel!))
var ownSettings = settingsOf(settings)
var hasNetwork = network != null
var hasRegistry = registry != null || hasSource
var hasRecord = dnsZone != null

// The bound of the relay's memory fits into the group's, and it refuses newcomers before Azure ends it: docs/operations.md,
// Sizing. settings have the last word on all but the first.
var limits = union(
  {
    MAX_CONNECTIONS: string(maxConnections)
    MAX_TOPICS_PER_CONNECTION: '16'
    MAX_FRAME_BYTES: '262144'
    OUTBOX_HIGH_WATER_BYTES: '262144'
    MAX_OUTBOX_BYTES: '1048576'
    // 64 senders with a message each.
    MAX_HELD_BYTES: '16777216'
    MAX_RSS_BYTES: string(tenthsOf(memoryInGB) * 70000000)
  },
  ownSettings
)

// Everything that cannot work is told at once, before anything is made.
var problems = concat(
  locationProblems(region),
  nameProblems(toLower(trim(name))),
  alertsOnly
    ? []
    : hasSource
        ? sourceProblems(gitUrl, image != null, registry != null)
        : imageProblems(givenImage, registryOf(registry.?name ?? ''), hasRegistry),
  customDomain == '' ? [] : domainProblems('customDomain', ownDomain),
  customDomainProblems(ownDomain, zoneName, hasRecord, hasNetwork),
  hasNetwork ? [] : labelProblems(label),
  hasNetwork ? networkProblems(network.?addressPrefix ?? '', network.?subnetPrefix ?? '') : [],
  cloudProblems(region, hasNetwork, certificateTest ?? false),
  acmeEmail == '' ? [] : mailProblems('acmeEmail', trim(acmeEmail)),
  flatten(map(alertEmails, address => mailProblems('alertEmails', trim(address)))),
  directoryProblems(directory),
  certificateTestProblems(certificateTest ?? false, monitoring, directory),
  roleProblems(vaultRole),
  memoryProblems(memoryInGB, {
    maxConnections: maxConnections
    maxFrameBytes: limitIn(limits, 'MAX_FRAME_BYTES', 262144)
    maxOutboxBytes: limitIn(limits, 'MAX_OUTBOX_BYTES', 1048576)
    maxHeldBytes: limitIn(limits, 'MAX_HELD_BYTES', 16777216)
    maxTopicsPerConnection: limitIn(limits, 'MAX_TOPICS_PER_CONNECTION', 16)
    maxHttpConnections: limitIn(limits, 'MAX_HTTP_CONNECTIONS', 64)
  }),
  limitProblems(limitIn(limits, 'OUTBOX_HIGH_WATER_BYTES', 262144), limitIn(limits, 'MAX_OUTBOX_BYTES', 1048576)),
  stunProblems(stunPort),
  settingProblems('settings', ownSettings, loadJsonContent('infra/relay-options.json'))
)
// All names are made of this one, and so nothing is made where there are problems.
var baseName = empty(problems) ? toLower(trim(name)) : fail(join(problems, ' '))

var deploymentName = '${baseName}-${environment}'
var allTags = union(tags, { application: 'postern', environment: environment })
var hasCustomDomain = ownDomain != ''
var identityName = '${deploymentName}-identity'
var identityId = resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', identityName)
// The region is in the names of what is kept when it is deleted: they come back, or are free, in their own region alone.
var vaultName = '${baseName}-${uniqueString(resourceGroup().id, baseName, environment, region)}'
// A name of the world's, of letters and digits alone.
var builtInName = '${replace(baseName, '-', '')}${uniqueString(resourceGroup().id, baseName, environment, region)}'
var registryName = hasSource ? builtInName : registryOf(registry.?name ?? '')
// A registry of somebody else may have a hash in its host.
var registryServer = hasSource ? '${builtInName}.${registrySuffixOf(region)}' : split(givenImage, '/')[0]
var workspaceName = '${deploymentName}-${region}-logs'
var workspaceId = monitoring ? resourceId('Microsoft.OperationalInsights/workspaces', workspaceName) : null
// Known before the deployment, so that a what-if can tell what is public and what is not.
var virtualNetworkName = '${deploymentName}-vnet'
var subnetId = hasNetwork ? resourceId('Microsoft.Network/virtualNetworks/subnets', virtualNetworkName, 'relay') : null

// Without a domain of your own the relay has to know its name before it exists. That is so with the scope Unsecure alone;
// the others put a hash into the name that cannot be computed here. With a custom domain the certificate is not for this
// name, and nobody else in the world may get the label once it is free.
var dnsNameLabelScope = hasCustomDomain ? 'TenantReuse' : 'Unsecure'
var dnsNameLabel = label ?? '${deploymentName}-${uniqueString(resourceGroup().id, baseName, environment)}'
var domain = hasCustomDomain ? ownDomain : '${dnsNameLabel}.${region}.${containerSuffixOf(region)}'
var recordName = recordNameIn(ownDomain, zoneName)
var recordId = resourceId(
  dnsZone.?subscriptionId ?? subscription().subscriptionId,
  dnsZone.?resourceGroup ?? resourceGroup().name,
  hasNetwork ? 'Microsoft.Network/dnsZones/A' : 'Microsoft.Network/dnsZones/CNAME',
  zoneName,
  recordName
)
// What takes the relay down finds the record by it. A tag holds 256 characters.
var recordTags = hasRecord && length(recordId) <= 256 ? { 'dns-record': recordId } : {}

var isTrusted = certificateSource == 'acme' && directory == 'letsencrypt'
var isWatched = certificateSource == 'acme' && (certificateTest ?? (environment == 'prod' && isTrusted && !isSovereign(region)))

module identity 'infra/modules/identity.bicep' = if (!alertsOnly) {
  params: {
    name: identityName
    location: region
    tags: allTags
  }
}

module relayNetwork 'infra/modules/network.bicep' = if (hasNetwork && !alertsOnly) {
  params: {
    name: deploymentName
    virtualNetworkName: virtualNetworkName
    location: region
    network: network ?? { addressPrefix: '', subnetPrefix: '' }
    stunPort: stunPort
    tags: allTags
  }
}

module certStore 'infra/modules/cert-store.bicep' = if (!alertsOnly) {
  params: {
    name: vaultName
    location: region
    environment: environment
    principalId: identity!.outputs.principalId
    identityId: identityId
    assignRoles: assignRoles
    roleId: vaultRole
    recover: recoverVault
    isOpen: !hasNetwork
    allowedAddresses: hasNetwork ? [relayNetwork!.outputs.outboundAddress] : []
    tags: allTags
  }
}

module ownRegistry 'infra/modules/registry.bicep' = if (hasSource && !alertsOnly) {
  params: {
    name: registryName
    location: region
    tags: allTags
  }
}

// Without the right to assign roles nothing is deployed where the registry is.
module registryAccess 'infra/modules/registry-access.bicep' = if (hasRegistry && assignRoles && !alertsOnly) {
  scope: resourceGroup(
    registry.?subscriptionId ?? subscription().subscriptionId,
    registry.?resourceGroup ?? resourceGroup().name
  )
  params: {
    name: registryName
    permissions: registry.?permissions ?? 'registry'
    // A what-if cannot tell about this one assignment: the principal is not known before.
    #disable-next-line what-if-short-circuiting
    principalId: identity!.outputs.principalId
  }
  dependsOn: [
    ownRegistry
  ]
}

// After the role, which takes minutes to be known: the build takes them too.
module imageBuild 'infra/modules/image-build.bicep' = if (hasSource && !alertsOnly) {
  params: {
    registryName: registryName
    location: region
    source: gitUrl
  }
  dependsOn: [
    ownRegistry
    registryAccess
  ]
}

module workspace 'infra/modules/monitoring.bicep' = if (monitoring) {
  params: {
    name: workspaceName
    operatorsName: '${deploymentName}-operators'
    location: region
    retentionInDays: retentionInDays
    alertEmails: map(alertEmails, address => trim(address))
    tags: allTags
  }
}

var optionVariables = concat(
  [
    { name: 'PORT', value: '443' }
    { name: 'NODE_ENV', value: environment }
    { name: 'TLS', value: certificateSource }
    { name: 'DOMAIN', value: domain }
    { name: 'ACME_DIRECTORY', value: directory }
  ],
  acmeEmail == '' ? [] : [{ name: 'EMAIL', value: trim(acmeEmail) }],
  // An option that is newer than some images; an older relay does not read it.
  accessLog == 'off' ? [] : [{ name: 'ACCESS_LOG', value: accessLog }],
  stunPort == 0 ? [] : [{ name: 'STUN_PORT', value: string(stunPort) }]
)
var ownSecrets = settingsOf(secretSettings)
var refusedSecrets = secretProblems(ownSecrets, limits, loadJsonContent('infra/relay-options.json'))
// Apart from the problems above: what is made of a secret is not shown in a what-if.
var secretVariables = empty(refusedSecrets)
  ? map(items(ownSecrets), setting => { name: setting.key, secureValue: setting.value })
  : fail(join(refusedSecrets, ' '))

module relay 'infra/modules/container-group.bicep' = if (!alertsOnly) {
  params: {
    name: deploymentName
    location: region
    image: hasSource ? '${registryServer}/postern@${imageBuild!.outputs.digest}' : givenImage
    identityId: identityId
    // What waits for the outputs of the store waits for its role assignment too: the relay starts with its rights.
    environmentVariables: concat(
      optionVariables,
      [
        { name: 'KEY_VAULT_URL', value: certStore!.outputs.vaultUri }
        { name: 'AZURE_CLIENT_ID', value: identity!.outputs.clientId }
      ],
      map(items(limits), setting => { name: setting.key, value: setting.value }),
      secretVariables
    )
    cpu: cpu
    memoryInGB: memoryInGB
    dnsNameLabel: hasNetwork ? null : dnsNameLabel
    dnsNameLabelScope: dnsNameLabelScope
    registryServer: hasRegistry ? registryServer : null
    subnetId: subnetId
    stunPort: stunPort
    zone: zone
    workspaceId: workspaceId
    tags: union(allTags, recordTags)
  }
  dependsOn: [
    registryAccess
    workspace
  ]
}

module loadBalancer 'infra/modules/load-balancer.bicep' = if (hasNetwork && !alertsOnly) {
  params: {
    name: deploymentName
    location: region
    subnetId: subnetId ?? ''
    // One address. Several relays do not share topics yet: what connects them is to be added here.
    relayAddresses: [relay!.outputs.ip]
    idleTimeoutInMinutes: network.?idleTimeoutInMinutes ?? 30
    stunPort: stunPort
    tags: allTags
  }
}

module dnsRecord 'infra/modules/dns-zone.bicep' = if (hasRecord && !alertsOnly) {
  scope: resourceGroup(
    dnsZone.?subscriptionId ?? subscription().subscriptionId,
    dnsZone.?resourceGroup ?? resourceGroup().name
  )
  params: {
    zoneName: zoneName
    recordName: recordName
    isAlias: !hasNetwork
    target: hasNetwork ? loadBalancer!.outputs.ip : relay!.outputs.fqdn
  }
}

module alerts 'infra/modules/alerts.bicep' = if (monitoring) {
  params: {
    name: deploymentName
    location: region
    workspaceId: resourceId('Microsoft.OperationalInsights/workspaces', workspaceName)
    groupId: resourceId('Microsoft.ContainerInstance/containerGroups', deploymentName)
    groupName: deploymentName
    cpu: cpu
    actionGroupIds: empty(alertEmails)
      ? []
      : [resourceId('Microsoft.Insights/actionGroups', '${deploymentName}-operators')]
    watchedHost: isWatched ? domain : null
    hasAccessLog: accessLog != 'off'
    tags: allTags
  }
  dependsOn: [
    workspace
    relay
  ]
}

@description('What clients dial.')
output relayUrl string = 'wss://${domain}'

@description('The DNS name that Azure gave: what the CNAME record of a custom domain leads to. Empty behind a load balancer, and with alertsOnly.')
output relayFqdn string = hasNetwork || alertsOnly ? '' : relay!.outputs.fqdn

@description('The public address; empty with alertsOnly. Without a load balancer it may change with a restart: use the name.')
output relayIp string = alertsOnly ? '' : hasNetwork ? loadBalancer!.outputs.ip : relay!.outputs.ip

@description('Where the certificate comes from.')
output certificateSource string = certificateSource

@description('Whether clients trust the certificate as they are. Of another authority than Let\'s Encrypt that is not known here.')
output isCertificateTrusted bool = isTrusted

@description('The container group.')
output containerGroupName string = deploymentName

@description('The vault that keeps the certificates.')
output vaultName string = vaultName

@description('Its address; empty with alertsOnly.')
output vaultUri string = alertsOnly ? '' : certStore!.outputs.vaultUri

@description('The client id of the identity of the relay; empty with alertsOnly.')
output identityClientId string = alertsOnly ? '' : identity!.outputs.clientId

@description('The principal id of that identity, for roles that you assign yourself; empty with alertsOnly.')
output identityPrincipalId string = alertsOnly ? '' : identity!.outputs.principalId

@description('The workspace that has the logs; empty without monitoring.')
output workspaceId string = workspaceId ?? ''

@description('The DNS record that was made; empty without dnsZone.')
output dnsRecordId string = hasRecord ? recordId : ''
