metadata name = 'Postern'
metadata description = 'A relay on TCP 443 with TLS in Azure Container Instances: identity, certificate store, monitoring and container group. One command deploys it: az deployment group create --resource-group RG --template-file relay.bicep --parameters environment=prod'

targetScope = 'resourceGroup'

import { accessLogType, certificateSourceType, environmentType } from 'infra/types.bicep'
import { dnsZoneType, networkType, registryType, zoneType } from 'infra/types.bicep'

@description('Optional. What the deployment is for. Certificates that browsers trust come with prod; the others have those of Let\'s Encrypt\'s staging.')
param environment environmentType = 'test'

@description('Optional. Where everything is.')
param location string = resourceGroup().location

@description('Optional. What all names begin with; lower case.')
@minLength(3)
@maxLength(10)
param name string = 'postern'

@description('Optional. The image, by digest. The workflow that publishes images writes the default.')
param image string = loadJsonContent('infra/image.json').image

@description('Optional. The Azure container registry of the image; none for a public image.')
param registry registryType?

@description('Optional. A name of your own that clients dial. It has to lead to the output relayFqdn before the first certificate: docs/deploy/azure.md.')
param customDomain string = ''

@description('Optional. The Azure DNS zone of the custom domain, to have the record made; left out, you make it.')
param dnsZone dnsZoneType?

@description('Optional. The label of the DNS name that Azure gives. It has to be free in the region, so it carries a hash of the resource group.')
param dnsLabel string = '${name}-${environment}-${uniqueString(resourceGroup().id, name, environment)}'

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
param maxConnections int = 500

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

@description('Optional. Whether Azure asks from outside, every quarter of an hour, if the certificate is good. It costs a little.')
param certificateTest bool = environment == 'prod'

@description('Optional. Whether to assign roles. Set false where you may not, and have the roles assigned first: docs/deploy/azure.md.')
param assignRoles bool = true

@description('Optional. Whether to bring back the vault of an earlier deployment that was deleted.')
param recoverVault bool = false

@description('Optional. A network of its own with a load balancer in front. It needs a custom domain.')
param network networkType?

@description('Optional. Tags for everything.')
param tags { *: string } = {}

var deploymentName = '${name}-${environment}'
var allTags = union(tags, { application: 'postern', environment: environment })
var hasCustomDomain = !empty(customDomain)
var identityName = '${deploymentName}-identity'
var identityId = resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', identityName)

// Without a domain of your own the relay has to know its name before it exists. That is so with the scope Unsecure alone;
// the others put a hash into the name that cannot be computed here. With a custom domain the certificate is not for this
// name, and nobody else in the world may get the label once it is free.
var dnsNameLabelScope = hasCustomDomain ? 'TenantReuse' : 'Unsecure'
var regionName = toLower(replace(location, ' ', ''))
var assignedFqdn = '${dnsLabel}.${regionName}.azurecontainer.io'
var domain = hasCustomDomain ? customDomain : assignedFqdn
var networkParts = network == null || hasCustomDomain
  ? deploymentName
  : fail('network needs customDomain: behind a load balancer Azure gives no name that a certificate could be for')

module identity 'infra/modules/identity.bicep' = {
  params: {
    name: identityName
    location: location
    tags: allTags
  }
}

module relayNetwork 'infra/modules/network.bicep' = if (network != null) {
  params: {
    name: networkParts
    location: location
    network: network ?? { addressPrefix: '', subnetPrefix: '' }
    tags: allTags
  }
}

module certStore 'infra/modules/cert-store.bicep' = {
  params: {
    // 24 characters at most. The region is in it: a deleted vault keeps its name, and comes back where it was alone.
    name: '${name}-${uniqueString(resourceGroup().id, name, environment, regionName)}'
    location: location
    environment: environment
    principalId: identity.outputs.principalId
    identityId: identityId
    assignRoles: assignRoles
    recover: recoverVault
    allowedAddress: network == null ? null : relayNetwork!.outputs.outboundAddress
    tags: allTags
  }
}

module registryAccess 'infra/modules/registry-access.bicep' = if (registry != null) {
  scope: resourceGroup(registry.?resourceGroup ?? resourceGroup().name)
  params: {
    name: registry.?name ?? ''
    // A what-if cannot tell about this one assignment: the principal is not known before.
    #disable-next-line what-if-short-circuiting
    principalId: identity.outputs.principalId
    assignRoles: assignRoles
  }
}

module workspace 'infra/modules/monitoring.bicep' = if (monitoring) {
  params: {
    name: '${deploymentName}-logs'
    location: location
    retentionInDays: retentionInDays
    alertEmails: alertEmails
    tags: allTags
  }
}

var optionVariables = [
  { name: 'PORT', value: '443' }
  { name: 'NODE_ENV', value: environment }
  { name: 'TLS', value: certificateSource }
  { name: 'DOMAIN', value: domain }
  { name: 'EMAIL', value: acmeEmail }
  { name: 'ACME_DIRECTORY', value: acmeDirectory }
]
// The bound of the relay's memory fits into the group's, and it refuses newcomers before Azure ends it: docs/operations.md,
// Sizing. Text in tenths of a GB, because Bicep has no decimals.
var memoryDigits = split(memoryInGB, '.')
var memoryTenths = int(memoryDigits[0]) * 10 + (length(memoryDigits) > 1 ? int(substring(memoryDigits[1], 0, 1)) : 0)
var maxRssBytes = memoryTenths * 70000000
var limitVariables = [
  { name: 'MAX_CONNECTIONS', value: string(maxConnections) }
  { name: 'MAX_FRAME_BYTES', value: '262144' }
  { name: 'OUTBOX_HIGH_WATER_BYTES', value: '262144' }
  { name: 'MAX_OUTBOX_BYTES', value: '1048576' }
  { name: 'MAX_RSS_BYTES', value: string(maxRssBytes) }
]
// An option that is newer than some images; an older relay does not read it.
var accessLogVariables = accessLog == 'off' ? [] : [{ name: 'ACCESS_LOG', value: accessLog }]
var settingVariables = [for setting in items(settings): { name: setting.key, value: setting.value }]
var secretVariables = [for setting in items(secretSettings): { name: setting.key, secureValue: setting.value }]

module relay 'infra/modules/container-group.bicep' = {
  params: {
    name: deploymentName
    location: location
    image: image
    identityId: identity.outputs.resourceId
    // What waits for the outputs of the store waits for its role assignment too: the relay starts with its rights.
    environmentVariables: concat(
      optionVariables,
      filter(limitVariables, limit => !contains(settings, limit.name)),
      [
        { name: 'KEY_VAULT_URL', value: certStore.outputs.vaultUri }
        { name: 'AZURE_CLIENT_ID', value: identity.outputs.clientId }
      ],
      accessLogVariables,
      settingVariables,
      secretVariables
    )
    cpu: cpu
    memoryInGB: memoryInGB
    dnsNameLabel: network == null ? dnsLabel : null
    dnsNameLabelScope: dnsNameLabelScope
    registryServer: registry == null ? null : registryAccess!.outputs.loginServer
    subnetId: network == null ? null : relayNetwork!.outputs.subnetId
    zone: zone
    hasWorkspace: monitoring
    workspaceId: monitoring ? workspace!.outputs.workspaceId : null
    tags: allTags
  }
}

module loadBalancer 'infra/modules/load-balancer.bicep' = if (network != null) {
  params: {
    name: networkParts
    location: location
    virtualNetworkId: relayNetwork!.outputs.virtualNetworkId
    subnetId: relayNetwork!.outputs.subnetId
    // One address. Several relays do not share topics yet: what connects them is to be added here.
    relayAddresses: [relay.outputs.ip]
    idleTimeoutInMinutes: network.?idleTimeoutInMinutes ?? 30
    tags: allTags
  }
}

module dnsRecord 'infra/modules/dns-zone.bicep' = if (dnsZone != null && hasCustomDomain) {
  scope: resourceGroup(dnsZone.?resourceGroup ?? resourceGroup().name)
  params: {
    zoneName: dnsZone.?name ?? ''
    domain: customDomain
    isAlias: network == null
    target: network == null ? relay.outputs.fqdn : loadBalancer!.outputs.ip
  }
}

module alerts 'infra/modules/alerts.bicep' = if (monitoring) {
  params: {
    name: deploymentName
    location: location
    workspaceId: workspace!.outputs.workspaceId
    groupId: relay.outputs.resourceId
    groupName: deploymentName
    cpu: cpu
    actionGroupIds: workspace!.outputs.actionGroupIds
    watchedHost: certificateTest && certificateSource == 'acme' ? domain : null
    hasAccessLog: accessLog != 'off'
    tags: allTags
  }
}

@description('What clients dial.')
output relayUrl string = 'wss://${domain}'

@description('The DNS name that Azure gave: what the CNAME record of a custom domain leads to. Empty behind a load balancer.')
output relayFqdn string = relay.outputs.fqdn

@description('The public address. Without a load balancer it may change with a restart: use the name.')
output relayIp string = network == null ? relay.outputs.ip : loadBalancer!.outputs.ip

@description('Where the certificate comes from.')
output certificateSource string = certificateSource

@description('Whether clients trust the certificate as they are.')
output isCertificateTrusted bool = certificateSource == 'acme' && acmeDirectory != 'letsencrypt-staging'

@description('The container group.')
output containerGroupName string = relay.outputs.name

@description('The vault that keeps the certificates.')
output vaultName string = certStore.outputs.name

@description('Its address.')
output vaultUri string = certStore.outputs.vaultUri

@description('The client id of the identity of the relay.')
output identityClientId string = identity.outputs.clientId

@description('The principal id of that identity, for roles that you assign yourself.')
output identityPrincipalId string = identity.outputs.principalId

@description('The workspace that has the logs; empty without monitoring.')
output workspaceId string = monitoring ? workspace!.outputs.workspaceId : ''
