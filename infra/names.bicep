metadata name = 'Names'
metadata description = 'What the parts of a deployment are called.'

@export()
@description('What the parts of a deployment are called.')
type namesType = {
  @description('The container group; the names of most other parts begin with it.')
  deployment: string

  @description('The identity of the relay.')
  identity: string

  @description('The vault.')
  vault: string

  @description('The registry that is made for a source.')
  builtInRegistry: string

  @description('The workspace that has the logs.')
  workspace: string

  @description('The network.')
  network: string

  @description('The label of the DNS name, where none is given.')
  dnsLabel: string
}

// The region is in the names of what is kept when it is deleted: they come back, or are free, in their own region alone.
// Names of registries are the world's, and of letters and digits alone.
@export()
@description('What the parts of a deployment are called. groupId is the id of the resource group.')
func namesOf(baseName string, environment string, region string, groupId string) namesType => {
  deployment: '${baseName}-${environment}'
  identity: '${baseName}-${environment}-identity'
  vault: '${baseName}-${uniqueString(groupId, baseName, environment, region)}'
  builtInRegistry: '${replace(baseName, '-', '')}${uniqueString(groupId, baseName, environment, region)}'
  workspace: '${baseName}-${environment}-${region}-logs'
  network: '${baseName}-${environment}-vnet'
  dnsLabel: '${baseName}-${environment}-${uniqueString(groupId, baseName, environment)}'
}
