metadata name = 'Certificate store'
metadata description = 'A key vault for nothing but the certificates of one relay. The relay writes its secrets; none is declared here, because each deployment would overwrite it.'

import { environmentType } from '../types.bicep'

@description('Required. Its name; 3 to 24 characters, unique in the world.')
@minLength(3)
@maxLength(24)
param name string

@description('Required. Its location.')
param location string

@description('Required. What the deployment is for; prod keeps a deleted vault for 90 days and lets nobody purge it.')
param environment environmentType

@description('Required. The principal that reads and writes the secrets.')
param principalId string

@description('Required. What the name of the assignment is made from: the id of the identity. It is known before the deployment, as the principal is not, and so a what-if can tell about it.')
param identityId string

@description('Optional. Whether to assign the role. Without it somebody else has to, before the relay starts.')
param assignRoles bool = true

@description('Optional. Whether to bring back a vault of this name that was deleted.')
param recover bool = false

@description('Optional. The role that it has on the vault; left out, Key Vault Secrets Officer.')
param roleId string?

@description('Optional. Whether the vault lets any address in. A container group without a network of its own has no fixed one.')
param isOpen bool = true

@description('Optional. The addresses that it lets in where it is not open.')
param allowedAddresses string[] = []

@description('Optional. Tags.')
param tags { *: string } = {}

// Key Vault Secrets Officer: reads, writes, disables and deletes secrets, and cannot change who may. There is no built-in
// role that writes and does not delete: infra/vault-role.json is one of your own that does.
var vaultRoleId = roleId ?? 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    createMode: recover ? 'recover' : 'default'
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: environment == 'prod' ? 90 : 7
    // true or nothing: false is refused, because the protection cannot be taken back.
    enablePurgeProtection: environment == 'prod' ? true : null
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: isOpen ? 'Allow' : 'Deny'
      ipRules: [for address in allowedAddresses: { value: address }]
    }
  }
}

resource vaultAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (assignRoles) {
  name: guid(vault.id, identityId, vaultRoleId)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', vaultRoleId)
    principalId: principalId
    // Without the type, a principal that is seconds old may not be found.
    principalType: 'ServicePrincipal'
    description: 'The relay keeps its certificates here.'
  }
}

@description('The resource id.')
output resourceId string = vault.id

@description('The name.')
output name string = vault.name

@description('What the relay names it by: KEY_VAULT_URL.')
output vaultUri string = vault.properties.vaultUri
