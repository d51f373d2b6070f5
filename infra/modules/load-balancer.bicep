metadata name = 'Load balancer'
metadata description = 'One public address in front of container groups in a network. It passes TCP: TLS ends in the relay, which also answers the challenges of its authority.'

import { portType } from '../types.bicep'

@description('Required. What the names of its parts begin with.')
param name string

@description('Required. Its location.')
param location string

@description('Required. The subnet that the addresses below are in.')
param subnetId string

@description('Required. The private addresses of the relays. One today: relays do not share topics.')
@minLength(1)
param relayAddresses string[]

@description('Optional. Minutes after which a silent connection is reset, 4 to 100. The relay pings every 25 s.')
@minValue(4)
@maxValue(100)
param idleTimeoutInMinutes int = 30

@description('Optional. Ports that are opened beside 443.')
param furtherPorts portType[] = []

@description('Optional. Tags.')
param tags { *: string } = {}

var balancerName = '${name}-lb'
var frontendName = 'public'
var poolName = 'relays'
var probeName = 'port-443'
var frontend = {
  id: resourceId('Microsoft.Network/loadBalancers/frontendIPConfigurations', balancerName, frontendName)
}
var pool = {
  id: resourceId('Microsoft.Network/loadBalancers/backendAddressPools', balancerName, poolName)
}
var probe = {
  id: resourceId('Microsoft.Network/loadBalancers/probes', balancerName, probeName)
}

resource address 'Microsoft.Network/publicIPAddresses@2025-05-01' = {
  name: '${name}-ip'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    publicIPAllocationMethod: 'Static'
    publicIPAddressVersion: 'IPv4'
    idleTimeoutInMinutes: idleTimeoutInMinutes > 30 ? 30 : idleTimeoutInMinutes
  }
}

resource balancer 'Microsoft.Network/loadBalancers@2025-05-01' = {
  name: balancerName
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    frontendIPConfigurations: [
      {
        name: frontendName
        properties: {
          publicIPAddress: {
            id: address.id
          }
        }
      }
    ]
    backendAddressPools: [
      {
        name: poolName
        properties: {
          loadBalancerBackendAddresses: [
            for (relayAddress, index) in relayAddresses: {
              name: 'relay-${index}'
              properties: {
                ipAddress: relayAddress
                // Container groups are found by this and the name; a network at the pool too is refused.
                subnet: {
                  id: subnetId
                }
              }
            }
          ]
        }
      }
    ]
    // TCP, and not /ready: a relay without a certificate has to be reachable, or it never gets one.
    probes: [
      {
        name: probeName
        properties: {
          protocol: 'Tcp'
          port: 443
          intervalInSeconds: 5
          probeThreshold: 2
        }
      }
    ]
    loadBalancingRules: concat(
      [
        {
          name: 'wss'
          properties: {
            protocol: 'Tcp'
            frontendPort: 443
            backendPort: 443
            idleTimeoutInMinutes: idleTimeoutInMinutes
            // Silent connections end with a reset that both sides see, and not with silence.
            enableTcpReset: true
            // Relays go out by the NAT gateway.
            disableOutboundSnat: true
            frontendIPConfiguration: frontend
            backendAddressPool: pool
            probe: probe
          }
        }
      ],
      map(furtherPorts, further => {
        name: further.name
        properties: union(
          {
            protocol: further.protocol == 'UDP' ? 'Udp' : 'Tcp'
            frontendPort: further.number
            backendPort: further.number
            disableOutboundSnat: true
            frontendIPConfiguration: frontend
            backendAddressPool: pool
            // Of port 443: a relay that takes clients there answers at its others too.
            probe: probe
          },
          further.protocol == 'UDP' ? {} : { idleTimeoutInMinutes: idleTimeoutInMinutes, enableTcpReset: true }
        )
      })
    )
  }
}

@description('The resource id.')
output resourceId string = balancer.id

@description('The public address: what the A record of the custom domain has.')
output ip string = address.properties.ipAddress
