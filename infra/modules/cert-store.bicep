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

@description('Optional. The only address that the vault lets in; any address where it is left out. A container group without a network of its own has no fixed one.')
param allowedAddress string?

@description('Optional. Tags.')
param tags { *: string } = {}

// Key Vault Secrets Officer: reads, writes and disables versions of secrets, and cannot change who may.
var secretsOfficerRoleId = 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'

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
      defaultAction: allowedAddress == null ? 'Allow' : 'Deny'
      ipRules: allowedAddress == null
        ? []
        : [
            {
              value: allowedAddress ?? ''
            }
          ]
    }
  }
}

resource secretsOfficer 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (assignRoles) {
  name: guid(vault.id, identityId, secretsOfficerRoleId)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', secretsOfficerRoleId)
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
