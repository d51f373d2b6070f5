metadata name = 'Postern for azd'
metadata description = 'A resource group with a relay in it. For azd and for deployments of a subscription; relay.bicep alone deploys into a group that exists.'

targetScope = 'subscription'

import { accessLogType, certificateSourceType, environmentType } from 'types.bicep'
import { dnsZoneType, networkType, registryType, zoneType } from 'types.bicep'

@description('Required. The name of the azd environment.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('Required. Where everything is.')
param location string

@description('Optional. What the deployment is for.')
param environment environmentType = 'test'

@description('Optional. The resource group.')
param resourceGroupName string = 'rg-${environmentName}'

// The parameters of relay.bicep. What is left out here has the default of there.

@description('Optional. What all names begin with: 3 to 10 letters, digits and hyphens.')
param name string?

@description('Optional. The image, by digest; left out, the one that infra/image.json names. The workflow that publishes images writes that.')
param image string?

@description('Optional. The Azure container registry of the image; none for a public image.')
param registry registryType?

@description('Optional. The Git URL of the source, such as https://github.com/OWNER/postern.git#v0.1.0, to have Azure build the image in a registry of its own.')
param source string?

@description('Optional. A name of your own that clients dial. It has to lead to the output relayFqdn before the first certificate: docs/deploy/azure.md.')
param customDomain string?

@description('Optional. The Azure DNS zone of the custom domain, to have the record made; left out, you make it.')
param dnsZone dnsZoneType?

@description('Optional. The label of the DNS name that Azure gives. It has to be free in the region; left out, it has a hash of the resource group in it.')
param dnsLabel string?

@description('Optional. Where the certificate comes from. self-signed is for the first of the two steps to a custom domain.')
param certificateSource certificateSourceType?

@description('Optional. Where the authority may write to about the account.')
param acmeEmail string?

@description('Optional. The authority: letsencrypt, letsencrypt-staging or the URL of a directory.')
param acmeDirectory string?

@description('Optional. Whole processors. One relay uses one. A group that exists keeps its own: docs/deploy/azure.md.')
@minValue(1)
@maxValue(31)
param cpu int?

@description('Optional. Memory in GB, in steps of a tenth. A group that exists keeps its own.')
param memoryInGB string?

@description('Optional. The connections that the relay takes at most. Those of the default fit into the default of memory, whatever clients do; 1000 want 3.5 GB.')
@minValue(1)
@maxValue(1000000)
param maxConnections int?

@description('Optional. The availability zone; left out, Azure chooses. One zone is a place, and no redundancy.')
param zone zoneType?

@description('Optional. More options of the relay, as environment variables. They come before the limits that the template sets.')
param settings { *: string }?

@description('Optional. Whether logs are kept and alerts are set.')
param monitoring bool?

@description('Optional. How many days logs are kept.')
@minValue(30)
@maxValue(730)
param retentionInDays int?

@description('Optional. Addresses for mail about alerts.')
param alertEmails string[]?

@description('Optional. The access log, from which refused connections are counted. Its lines have the addresses of clients.')
param accessLog accessLogType?

@description('Optional. The UDP port at which clients are told their public address (STUN), 3478 by custom; 0 opens none. Not 443: Azure opens a number once.')
@minValue(0)
@maxValue(65535)
param stunPort int?

@description('Optional. Further ports for clients with a fixed one, as LISTEN has them, such as wss:8765=mesh. Azure opens five of a group, 443 and that of STUN among them.')
param listen string[]?

@description('Optional. Whether Azure asks from outside, every quarter of an hour, if the certificate is good; left out, it does in prod where letsencrypt signs. It costs a little.')
param certificateTest bool?

@description('Optional. Whether to assign roles. Set false where you may not, and have the roles assigned first: docs/deploy/azure.md.')
param assignRoles bool?

@description('Optional. The id of a role of your own for the vault, such as that of infra/vault-role.json; left out, Key Vault Secrets Officer, which may also delete.')
param vaultRole string?

@description('Optional. Whether to bring back the vault of an earlier deployment that was deleted. Once: a vault that is there cannot be brought back.')
param recoverVault bool?

@description('Optional. A network of its own with a load balancer in front. It needs a custom domain.')
param network networkType?

@description('Optional. true deploys logs and alerts alone: the relay is not touched, and does not restart.')
param alertsOnly bool?

@description('Optional. Options of the relay that are secret. They cannot be read back from the group.')
@secure()
param secretSettings { *: string }?

@description('Optional. Tags for everything.')
param tags { *: string } = {}

var allTags = union(tags, {
  // azd finds what belongs to one of its environments by this tag.
  'azd-env-name': environmentName
})

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: resourceGroupName
  location: location
  tags: union(allTags, {
    application: 'postern'
    environment: environment
  })
}

module relay '../relay.bicep' = {
  scope: group
  params: {
    environment: environment
    location: location
    name: name
    image: image
    registry: registry
    source: source
    customDomain: customDomain
    dnsZone: dnsZone
    dnsLabel: dnsLabel
    certificateSource: certificateSource
    acmeEmail: acmeEmail
    acmeDirectory: acmeDirectory
    cpu: cpu
    memoryInGB: memoryInGB
    maxConnections: maxConnections
    zone: zone
    settings: settings
    monitoring: monitoring
    retentionInDays: retentionInDays
    alertEmails: alertEmails
    accessLog: accessLog
    stunPort: stunPort
    listen: listen
    certificateTest: certificateTest
    assignRoles: assignRoles
    vaultRole: vaultRole
    recoverVault: recoverVault
    network: network
    alertsOnly: alertsOnly
    secretSettings: secretSettings
    tags: allTags
  }
}

@description('What clients dial.')
output RELAY_URL string = relay.outputs.relayUrl

@description('The DNS name that Azure gave.')
output RELAY_FQDN string = relay.outputs.relayFqdn

@description('The public address.')
output RELAY_IP string = relay.outputs.relayIp

@description('The resource group.')
output AZURE_RESOURCE_GROUP string = group.name
