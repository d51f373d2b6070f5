metadata name = 'Postern for azd'
metadata description = 'A resource group with a relay in it. For azd and for deployments of a subscription; relay.bicep alone deploys into a group that exists.'

targetScope = 'subscription'

import { environmentType } from 'types.bicep'

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

@description('Optional. A name of your own that clients dial.')
param customDomain string = ''

@description('Optional. Where the authority may write to about the account.')
param acmeEmail string = ''

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: resourceGroupName
  location: location
  tags: {
    // azd finds what belongs to one of its environments by this tag.
    'azd-env-name': environmentName
    application: 'postern'
    environment: environment
  }
}

module relay '../relay.bicep' = {
  scope: group
  params: {
    environment: environment
    location: location
    customDomain: customDomain
    acmeEmail: acmeEmail
    tags: {
      'azd-env-name': environmentName
    }
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
