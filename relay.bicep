metadata name = 'Postern'
metadata description = 'A relay on TCP 443 with TLS in Azure Container Instances: identity, certificate store, monitoring and container group. One command deploys it: az deployment group create --resource-group RG --template-file relay.bicep --parameters environment=prod'

targetScope = 'resourceGroup'

import * as checks from 'infra/checks.bicep'
import { originProblems, registryOf, registrySuffixOf } from 'infra/image-checks.bicep'
import { networkProblems } from 'infra/addresses.bicep'
import { listenerOf, portProblems, portsOf } from 'infra/listeners.bicep'
import { namesOf } from 'infra/names.bicep'
import { memoryLimitsIn, memoryProblems, relayLimits } from 'infra/sizing.bicep'
import { limitProblems, optionVariables, secretVariablesOf, settingProblems, settingsOf } from 'infra/settings.bicep'
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

@description('Optional. Further ports for clients with a fixed one, as LISTEN has them, such as wss:8765=mesh. Azure opens five of a group, 443 and that of STUN among them.')
param listen string[] = []

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
var region = toLower(replace(location, ' ', ''))
var ownDomain = checks.domainOf(customDomain)
var zoneName = checks.domainOf(dnsZone.?name ?? '')
var directory = checks.directoryOf(acmeDirectory)
var gitUrl = trim(source)
var hasSource = gitUrl != ''
var givenImage = trim(image ?? (hasSource ? '' : loadJsonContent('infra/image.json').image))
var label = dnsLabel == null ? null : toLower(trim(dnsLabel!))
var ownSettings = settingsOf(settings)
var hasNetwork = network != null
var hasRegistry = registry != null || hasSource
var hasRecord = dnsZone != null

var relayOptions = loadJsonContent('infra/relay-options.json')
var limits = relayLimits(memoryInGB, maxConnections, ownSettings)
var listeners = map(listen, text => listenerOf(text))

// Everything that cannot work is told at once, before anything is made.
var problems = concat(
  checks.locationProblems(region),
  checks.nameProblems(toLower(trim(name))),
  alertsOnly ? [] : originProblems(gitUrl, givenImage, image != null, registry.?name),
  checks.customDomainProblems(customDomain, zoneName, hasRecord, hasNetwork),
  hasNetwork ? networkProblems(network.?addressPrefix ?? '', network.?subnetPrefix ?? '') : checks.labelProblems(label),
  checks.cloudProblems(region, hasNetwork, certificateTest ?? false),
  acmeEmail == '' ? [] : checks.mailProblems('acmeEmail', trim(acmeEmail)),
  flatten(map(alertEmails, address => checks.mailProblems('alertEmails', trim(address)))),
  checks.directoryProblems(directory),
  checks.certificateTestProblems(certificateTest ?? false, monitoring, directory),
  checks.roleProblems(vaultRole),
  memoryProblems(memoryInGB, memoryLimitsIn(maxConnections, limits)),
  limitProblems(limits),
  portProblems(stunPort, listeners),
  settingProblems('settings', ownSettings, relayOptions)
)
// All names are made of this one, and so nothing is made where there are problems.
var baseName = empty(problems) ? toLower(trim(name)) : fail(join(problems, ' '))

var names = namesOf(baseName, environment, region, resourceGroup().id)
var furtherPorts = portsOf(stunPort, listeners)
var allTags = union(tags, { application: 'postern', environment: environment })
var hasCustomDomain = ownDomain != ''
var identityId = resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', names.identity)
var registryName = hasSource ? names.builtInRegistry : registryOf(registry.?name ?? '')
// A registry of somebody else may have a hash in its host.
var registryServer = hasSource ? '${names.builtInRegistry}.${registrySuffixOf(region)}' : split(givenImage, '/')[0]
var workspaceId = monitoring ? resourceId('Microsoft.OperationalInsights/workspaces', names.workspace) : null
// Known before the deployment, so that a what-if can tell what is public and what is not.
var subnetId = hasNetwork ? resourceId('Microsoft.Network/virtualNetworks/subnets', names.network, 'relay') : null

// Without a domain of your own the relay has to know its name before it exists. That is so with the scope Unsecure alone;
// the others put a hash into the name that cannot be computed here. With a custom domain the certificate is not for this
// name, and nobody else in the world may get the label once it is free.
var dnsNameLabelScope = hasCustomDomain ? 'TenantReuse' : 'Unsecure'
var dnsNameLabel = label ?? names.dnsLabel
var domain = hasCustomDomain ? ownDomain : '${dnsNameLabel}.${region}.${checks.containerSuffixOf(region)}'
var recordName = ownDomain == zoneName ? '@' : take(ownDomain, length(ownDomain) - length(zoneName) - 1)
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
var isWatched = certificateSource == 'acme' && (certificateTest ?? (environment == 'prod' && isTrusted && !checks.isSovereign(region)))

module identity 'infra/modules/identity.bicep' = if (!alertsOnly) {
  params: {
    name: names.identity
    location: region
    tags: allTags
  }
}

module relayNetwork 'infra/modules/network.bicep' = if (hasNetwork && !alertsOnly) {
  params: {
    name: names.deployment
    virtualNetworkName: names.network
    location: region
    network: network ?? { addressPrefix: '', subnetPrefix: '' }
    furtherPorts: furtherPorts
    tags: allTags
  }
}

module certStore 'infra/modules/cert-store.bicep' = if (!alertsOnly) {
  params: {
    name: names.vault
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
    name: names.workspace
    operatorsName: '${names.deployment}-operators'
    location: region
    retentionInDays: retentionInDays
    alertEmails: map(alertEmails, address => trim(address))
    tags: allTags
  }
}

// Apart from the problems above: what is made of a secret is not shown in a what-if.
var secretVariables = secretVariablesOf(settingsOf(secretSettings), limits, relayOptions)

module relay 'infra/modules/container-group.bicep' = if (!alertsOnly) {
  params: {
    name: names.deployment
    location: region
    image: hasSource ? '${registryServer}/postern@${imageBuild!.outputs.digest}' : givenImage
    identityId: identityId
    // What waits for the outputs of the store waits for its role assignment too: the relay starts with its rights.
    environmentVariables: concat(
      optionVariables({
        environment: environment
        certificateSource: certificateSource
        domain: domain
        directory: directory
        acmeEmail: trim(acmeEmail)
        accessLog: accessLog
        stunPort: stunPort
        listeners: map(listeners, listener => listener.text)
      }),
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
    furtherPorts: furtherPorts
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
    name: names.deployment
    location: region
    subnetId: subnetId ?? ''
    // One address. Several relays do not share topics yet: what connects them is to be added here.
    relayAddresses: [relay!.outputs.ip]
    idleTimeoutInMinutes: network.?idleTimeoutInMinutes ?? 30
    furtherPorts: furtherPorts
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
    name: names.deployment
    location: region
    workspaceId: resourceId('Microsoft.OperationalInsights/workspaces', names.workspace)
    groupId: resourceId('Microsoft.ContainerInstance/containerGroups', names.deployment)
    groupName: names.deployment
    cpu: cpu
    actionGroupIds: empty(alertEmails)
      ? []
      : [resourceId('Microsoft.Insights/actionGroups', '${names.deployment}-operators')]
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
output containerGroupName string = names.deployment

@description('The vault that keeps the certificates.')
output vaultName string = names.vault

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
