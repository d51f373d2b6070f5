metadata name = 'Identity'
metadata description = 'The user-assigned identity of the relay. It is there before the container, so that its roles are too.'

@description('Required. Its name.')
param name string

@description('Required. Its location.')
param location string

@description('Optional. Tags.')
param tags { *: string } = {}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

@description('The resource id.')
output resourceId string = identity.id

@description('What the relay names it by: AZURE_CLIENT_ID.')
output clientId string = identity.properties.clientId

@description('What role assignments name it by.')
output principalId string = identity.properties.principalId
