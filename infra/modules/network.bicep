metadata name = 'Network'
metadata description = 'A virtual network for container groups. They have no public address there, and a NAT gateway is their only way out.'

import { networkType, portType } from '../types.bicep'

@description('Required. What the names of its parts begin with.')
param name string

@description('Required. The name of the network itself, in which the subnet for container groups is called relay.')
param virtualNetworkName string

@description('Required. Its location.')
param location string

@description('Required. Its addresses.')
param network networkType

@description('Optional. Ports that are opened beside 443.')
param furtherPorts portType[] = []

@description('Optional. Tags.')
param tags { *: string } = {}

resource securityGroup 'Microsoft.Network/networkSecurityGroups@2025-05-01' = {
  name: '${name}-nsg'
  location: location
  tags: tags
  properties: {
    securityRules: concat(
      [
        {
          name: 'clients'
          properties: {
            description: 'Clients, and the authority with its challenge. The load balancer keeps their addresses.'
            direction: 'Inbound'
            priority: 100
            access: 'Allow'
            protocol: 'Tcp'
            sourceAddressPrefix: 'Internet'
            sourcePortRange: '*'
            destinationAddressPrefix: network.subnetPrefix
            destinationPortRange: '443'
          }
        }
      ],
      map(furtherPorts, (further, index) => {
        name: further.name
        properties: {
          description: further.purpose
          direction: 'Inbound'
          priority: 110 + 10 * index
          access: 'Allow'
          protocol: further.protocol == 'UDP' ? 'Udp' : 'Tcp'
          sourceAddressPrefix: 'Internet'
          sourcePortRange: '*'
          destinationAddressPrefix: network.subnetPrefix
          destinationPortRange: string(further.number)
        }
      })
    )
  }
}

resource natAddress 'Microsoft.Network/publicIPAddresses@2025-05-01' = {
  name: '${name}-nat-ip'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    publicIPAllocationMethod: 'Static'
    publicIPAddressVersion: 'IPv4'
  }
}

resource natGateway 'Microsoft.Network/natGateways@2025-05-01' = {
  name: '${name}-nat'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    idleTimeoutInMinutes: 4
    publicIpAddresses: [
      {
        id: natAddress.id
      }
    ]
  }
}

resource virtualNetwork 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: virtualNetworkName
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [network.addressPrefix]
    }
    subnets: [
      {
        name: 'relay'
        properties: {
          addressPrefix: network.subnetPrefix
          networkSecurityGroup: {
            id: securityGroup.id
          }
          natGateway: {
            id: natGateway.id
          }
          // A subnet for container groups is for nothing else.
          delegations: [
            {
              name: 'container-groups'
              properties: {
                serviceName: 'Microsoft.ContainerInstance/containerGroups'
              }
            }
          ]
        }
      }
    ]
  }
}

@description('The address that everything goes out from: what the vault lets in.')
output outboundAddress string = natAddress.properties.ipAddress
