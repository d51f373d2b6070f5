// For clients: certificates that browsers trust, a vault that nobody purges, alerts by mail, refused connections
// counted.
using '../../relay.bicep'

param environment = 'prod'
param customDomain = readEnvironmentVariable('POSTERN_CUSTOM_DOMAIN', '')
param acmeEmail = readEnvironmentVariable('POSTERN_ACME_EMAIL', '')
param alertEmails = empty(readEnvironmentVariable('POSTERN_ALERT_EMAIL', ''))
  ? []
  : [readEnvironmentVariable('POSTERN_ALERT_EMAIL', '')]
param retentionInDays = 90
// One connection in a hundred, by chance; those lines have the addresses of clients. Set it to off to keep none.
param accessLog = 'sample'
