metadata name = 'Alerts'
metadata description = 'What an operator has to hear of: restarts, certificates that are not renewed, a processor that is full, refused connections.'

@description('Required. What the names of the alerts begin with.')
param name string

@description('Required. Their location.')
param location string

@description('Required. The workspace that has the logs.')
param workspaceId string

@description('Required. The container group.')
param groupId string

@description('Required. Its name.')
param groupName string

@description('Required. Its processors.')
param cpu int

@description('Required. Who hears of them.')
param actionGroupIds string[]

@description('Optional. The host name to ask from outside, where clients can trust the certificate; left out, nothing asks.')
param watchedHost string?

@description('Optional. Days that a certificate has left at least: a quarter of 90 days is 22, of 45 days 11.')
@minValue(1)
@maxValue(365)
param certificateDaysLeft int = 11

@description('Optional. Whether the relay writes an access log, without which refused connections cannot be counted.')
param hasAccessLog bool = false

@description('Optional. Refused connections in the access log, within 15 minutes, that are too many.')
@minValue(1)
param refusedConnections int = 100

@description('Optional. Tags.')
param tags { *: string } = {}

// No page of Azure describes this table: docs/deploy/azure.md, Not known yet.
var logLines = 'ContainerInstanceLog | where ContainerGroup == "${groupName}" | extend event = parse_json(Message)'
var startLines = '${logLines} | where event.msg == "listening" | summarize found = count()'
// What Azure counts sees a relay too that ends before it listens.
var startEvents = 'ContainerEvent | where ContainerGroup == "${groupName}" and Reason == "Started" | summarize found = sum(Count)'

var logAlerts = concat(
  [
    {
      id: 'restarts'
      description: 'The relay started more than twice within an hour. Planned updates start it once.'
      query: 'union isfuzzy=true (${startLines}), (${startEvents}) | summarize found = max(found)'
      threshold: 2
      windowSize: 'PT1H'
      severity: 1
      isResolvedByItself: true
    }
    {
      id: 'certificate-attempts'
      description: 'An order of a certificate failed, or the vault cannot be used. What is served stays, until it ends.'
      query: '${logLines} | where event.msg == "certificate attempt failed: what is served stays" | summarize found = count()'
      threshold: 0
      windowSize: 'PT1H'
      severity: 2
      // The relay writes one line for each reason, and not one for each attempt: silence is no success.
      isResolvedByItself: false
    }
  ],
  hasAccessLog
    ? [
        {
          id: 'refused-connections'
          description: 'Many connections were refused: the relay is full, or somebody tries things.'
          query: '${logLines} | where event.msg == "refuse" | summarize found = count()'
          threshold: refusedConnections
          windowSize: 'PT15M'
          severity: 2
          isResolvedByItself: true
        }
      ]
    : []
)

var metricActions = [for id in actionGroupIds: { actionGroupId: id }]

resource logAlert 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for alert in logAlerts: {
    name: '${name}-${alert.id}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: '${name}: ${alert.id}'
      description: alert.description
      severity: alert.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: 'PT15M'
      windowSize: alert.windowSize
      autoMitigate: alert.isResolvedByItself
      // One mail for an order that failed, and not one at each look back at it.
      muteActionsDuration: alert.isResolvedByItself ? null : alert.windowSize
      // The tables come with the first line, minutes after the deployment.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: alert.query
            metricMeasureColumn: 'found'
            timeAggregation: 'Total'
            operator: 'GreaterThan'
            threshold: alert.threshold
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: actionGroupIds
      }
    }
  }
]

resource cpuAlert 'Microsoft.Insights/metricAlerts@2026-01-01' = {
  name: '${name}-cpu'
  location: 'global'
  tags: tags
  properties: {
    description: 'One relay uses one processor, and has used nine tenths of it for a quarter of an hour.'
    severity: 2
    enabled: true
    scopes: [groupId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'cpu'
          metricNamespace: 'Microsoft.ContainerInstance/containerGroups'
          metricName: 'CpuUsage'
          timeAggregation: 'Average'
          operator: 'GreaterThan'
          // In thousandths of a processor. More processors than one are for the system and the garbage collector.
          threshold: cpu > 1 ? 1000 : 900
        }
      ]
    }
    actions: metricActions
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = if (watchedHost != null) {
  name: '${name}-availability'
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspaceId
    // The key stays on, and nobody is given it: whether the test's results arrive without it is not documented, and an
    // alert that stays silent is worse.
    DisableLocalAuth: false
  }
}

// Asks from outside, so it sees what clients see: the name, the chain, and how long the certificate has left.
resource certificateTest 'Microsoft.Insights/webtests@2022-06-15' = if (watchedHost != null) {
  name: '${name}-certificate'
  location: location
  // The portal finds the test by this tag.
  tags: union(tags, { 'hidden-link:${insights.id}': 'Resource' })
  kind: 'standard'
  properties: {
    Name: '${name}-certificate'
    SyntheticMonitorId: '${name}-certificate'
    Kind: 'standard'
    Enabled: true
    RetryEnabled: true
    Frequency: 900
    Timeout: 30
    Locations: [
      {
        Id: 'emea-nl-ams-azr'
      }
      {
        Id: 'us-va-ash-azr'
      }
      {
        Id: 'apac-sg-sin-azr'
      }
    ]
    Request: {
      RequestUrl: 'https://${watchedHost ?? ''}/ready'
      HttpVerb: 'GET'
      FollowRedirects: false
      ParseDependentRequests: false
    }
    ValidationRules: {
      ExpectedHttpStatusCode: 200
      SSLCheck: true
      SSLCertRemainingLifetimeCheck: certificateDaysLeft
    }
  }
}

resource certificateAlert 'Microsoft.Insights/metricAlerts@2026-01-01' = if (watchedHost != null) {
  name: '${name}-certificate'
  location: 'global'
  tags: tags
  properties: {
    description: 'Two of three places find the relay not ready, or its certificate ends in less than ${certificateDaysLeft} days.'
    severity: 1
    enabled: true
    scopes: [certificateTest.id, insights.id]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT30M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'
      webTestId: certificateTest.id
      componentId: insights.id
      failedLocationCount: 2
    }
    actions: metricActions
  }
}
