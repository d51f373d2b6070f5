// What azd deploys. `azd env set POSTERN_ENVIRONMENT prod` and the like change it.
using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'postern')
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')
param environment = readEnvironmentVariable('POSTERN_ENVIRONMENT', 'test')
param customDomain = readEnvironmentVariable('POSTERN_CUSTOM_DOMAIN', '')
param acmeEmail = readEnvironmentVariable('POSTERN_ACME_EMAIL', '')
