metadata name = 'Registry access'
metadata description = 'Lets the relay pull its image from a container registry, without a password.'

@description('Required. The name of the registry, which exists in the resource group of this deployment.')
param name string

@description('Required. The principal that pulls. The name of the assignment is made from it: the assignment of an identity that was deleted stays with the registry, and one made from what both have in common would be in the way.')
param principalId string

@description('Optional. Whether to assign the role.')
param assignRoles bool = true

// AcrPull: reads images, and nothing else.
var acrPullRoleId = '7f951dda-4ed3-4680-a7ca-43fe172d538d'

resource registry 'Microsoft.ContainerRegistry/registries@2025-04-01' existing = {
  name: name
}

resource acrPull 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (assignRoles) {
  name: guid(registry.id, principalId, acrPullRoleId)
  scope: registry
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', acrPullRoleId)
    principalId: principalId
    principalType: 'ServicePrincipal'
    description: 'The relay pulls its image.'
  }
}

@description('The host name of the registry.')
output loginServer string = registry.properties.loginServer
