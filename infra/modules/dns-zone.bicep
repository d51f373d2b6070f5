metadata name = 'DNS record'
metadata description = 'Leads the custom domain to the relay, in a zone that exists in the resource group of this deployment.'

@description('Required. The zone.')
param zoneName string

@description('Required. The name of the record in it; @ for the top of the zone.')
param recordName string

@description('Required. Whether the record is a CNAME to a DNS name; otherwise it is an A to an address.')
param isAlias bool

@description('Required. The DNS name or the address that it leads to.')
param target string

@description('Optional. Seconds that others may remember it.')
@minValue(1)
param timeToLive int = 300

resource zone 'Microsoft.Network/dnsZones@2018-05-01' existing = {
  name: zoneName
}

resource alias 'Microsoft.Network/dnsZones/CNAME@2018-05-01' = if (isAlias) {
  parent: zone
  name: recordName
  properties: {
    TTL: timeToLive
    CNAMERecord: {
      cname: target
    }
  }
}

resource host 'Microsoft.Network/dnsZones/A@2018-05-01' = if (!isAlias) {
  parent: zone
  name: recordName
  properties: {
    TTL: timeToLive
    ARecords: [
      {
        ipv4Address: target
      }
    ]
  }
}
