metadata name = 'Monitoring'
metadata description = 'Where logs and events go, and who hears of alerts.'

@description('Required. The name of the workspace.')
param name string

@description('Required. The name of the group of those who hear of alerts.')
param operatorsName string

@description('Required. Its location.')
param location string

@description('Optional. How long logs are kept; the first 31 days cost nothing.')
@minValue(30)
@maxValue(730)
param retentionInDays int = 30

@description('Optional. The most that is taken in a day, in GB, against a bill that runs away.')
@minValue(1)
param dailyQuotaGb int = 1

@description('Optional. Addresses for mail about alerts; without one, alerts show in the portal alone.')
param alertEmails string[] = []

@description('Optional. Tags.')
param tags { *: string } = {}

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: retentionInDays
    workspaceCapping: {
      dailyQuotaGb: dailyQuotaGb
    }
    features: {
      // No keys of the workspace: whoever reads or writes has a role.
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
    }
  }
}

resource operators 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(alertEmails)) {
  name: operatorsName
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'postern'
    enabled: true
    emailReceivers: [
      for (address, index) in alertEmails: {
        name: 'mail-${index}'
        emailAddress: address
        useCommonAlertSchema: true
      }
    ]
  }
}
