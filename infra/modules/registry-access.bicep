metadata name = 'Registry access'
metadata description = 'Lets the relay pull its image from a container registry, without a password.'

import { registryPermissionsType } from '../types.bicep'

@description('Required. The name of the registry, which exists in the resource group of this deployment.')
param name string

@description('Required. The principal that pulls. The name of the assignment is made from it: the assignment of an identity that was deleted stays with the registry, and one made from what both have in common would be in the way.')
param principalId string

@description('Optional. Who may pull: whoever has a role on the registry, or whoever has one on its repositories.')
param permissions registryPermissionsType = 'registry'

// Container Registry Repository Reader and AcrPull: each reads images, and nothing else.
var pullRoleId = permissions == 'repositories'
  ? 'b93aa761-3e63-49ed-ac28-beffa264f7ac'
  : '7f951dda-4ed3-4680-a7ca-43fe172d538d'

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' existing = {
  name: name
}

resource pull 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, principalId, pullRoleId)
  scope: registry
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', pullRoleId)
    principalId: principalId
    principalType: 'ServicePrincipal'
    description: 'The relay pulls its image.'
  }
}
