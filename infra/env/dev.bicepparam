// Stays, for developers: staging certificates, logs, and alerts in the portal.
using '../../relay.bicep'

param environment = 'dev'
param customDomain = readEnvironmentVariable('POSTERN_CUSTOM_DOMAIN', '')
