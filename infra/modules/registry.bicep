metadata name = 'Registry'
metadata description = 'A container registry for an image that is built here.'

@description('Required. Its name, which is free in the world: 5 to 50 letters and digits.')
param name string

@description('Required. Its location.')
param location string

@description('Optional. Tags.')
param tags { *: string } = {}

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: 'Basic'
  }
  properties: {
    // The relay and the build come with identities; there is no password.
    adminUserEnabled: false
    // Where roles are for repositories AcrPull counts for nothing, and a build may not push by itself.
    roleAssignmentMode: 'LegacyRegistryPermissions'
  }
}
