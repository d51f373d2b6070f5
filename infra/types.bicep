metadata name = 'Types'
metadata description = 'The types of the parameters that several templates share.'

@export()
@description('What a deployment is for. prod orders certificates that browsers trust, and protects the vault from being purged.')
type environmentType = 'test' | 'dev' | 'prod'

@export()
@description('The source of the certificate: an authority by ACME, or the relay itself until a custom domain leads to it.')
type certificateSourceType = 'acme' | 'self-signed'

@export()
@description('Which connections the relay writes one line for. Such a line has the address of the client.')
type accessLogType = 'off' | 'sample' | 'all'

@export()
@description('The availability zone that a container group is pinned to.')
type zoneType = '1' | '2' | '3'

@export()
@description('Who may pull from a registry: whoever has a role on the registry, or whoever has one on its repositories (ABAC), where AcrPull counts for nothing.')
type registryPermissionsType = 'registry' | 'repositories'

@export()
@sealed()
@description('An Azure container registry to pull the image from, by the identity of the relay.')
type registryType = {
  @description('Required. Its name, without a domain.')
  name: string

  @description('Optional. Its resource group, where that is not the one of the relay.')
  resourceGroup: string?

  @description('Optional. Its subscription, where that is not the one of the relay.')
  subscriptionId: string?

  @description('Optional. repositories, where the registry has the role assignment mode of that name; registry if left out.')
  permissions: registryPermissionsType?
}

@export()
@sealed()
@description('A public DNS zone of Azure that has the custom domain.')
type dnsZoneType = {
  @description('Required. The name of the zone: what the custom domain ends with.')
  name: string

  @description('Optional. Its resource group, where that is not the one of the relay.')
  resourceGroup: string?

  @description('Optional. Its subscription, where that is not the one of the relay.')
  subscriptionId: string?
}

@export()
@sealed()
@description('A virtual network of its own, with a load balancer in front and a NAT gateway for what goes out.')
type networkType = {
  @description('Required. The addresses of the network, such as 10.20.0.0/24.')
  addressPrefix: string

  @description('Required. The part of them for container groups, such as 10.20.0.0/26.')
  subnetPrefix: string

  @description('Optional. Minutes after which the load balancer resets a silent connection, 4 to 100; 30 if left out.')
  @minValue(4)
  @maxValue(100)
  idleTimeoutInMinutes: int?
}

@export()
@description('A port that is opened beside 443.')
type portType = {
  @description('Required. What its rules are called.')
  name: string

  @description('Required. Its number.')
  number: int

  @description('Required. What goes over it.')
  protocol: 'TCP' | 'UDP'

  @description('Required. Whom it is for, in a sentence.')
  purpose: string
}

@export()
@description('One environment variable of a container.')
type environmentVariableType = {
  @description('Required. Its name.')
  name: string

  @description('Optional. Its value.')
  value: string?

  @description('Optional. Its value where nobody may read it back.')
  @secure()
  secureValue: string?
}
