// What azd deploys. `azd env set POSTERN_ENVIRONMENT prod` and the like change it. A variable that is set to nothing
// counts as one that is not set.
using 'main.bicep'

var environmentGiven = readEnvironmentVariable('POSTERN_ENVIRONMENT', '')
var locationGiven = readEnvironmentVariable('AZURE_LOCATION', '')
var nameGiven = readEnvironmentVariable('AZURE_ENV_NAME', '')
var imageGiven = readEnvironmentVariable('POSTERN_IMAGE', '')
var registryGiven = readEnvironmentVariable('POSTERN_REGISTRY', '')
var registryGroupGiven = readEnvironmentVariable('POSTERN_REGISTRY_GROUP', '')
var registryPermissionsGiven = readEnvironmentVariable('POSTERN_REGISTRY_PERMISSIONS', '')
var sourceGiven = readEnvironmentVariable('POSTERN_SOURCE', '')
var certificateSourceGiven = readEnvironmentVariable('POSTERN_CERTIFICATE_SOURCE', '')
var acmeDirectoryGiven = readEnvironmentVariable('POSTERN_ACME_DIRECTORY', '')
var dnsZoneGiven = readEnvironmentVariable('POSTERN_DNS_ZONE', '')
var dnsZoneGroupGiven = readEnvironmentVariable('POSTERN_DNS_ZONE_GROUP', '')
var dnsLabelGiven = readEnvironmentVariable('POSTERN_DNS_LABEL', '')
var memoryGiven = readEnvironmentVariable('POSTERN_MEMORY_IN_GB', '')
var connectionsGiven = readEnvironmentVariable('POSTERN_MAX_CONNECTIONS', '')
var zoneGiven = readEnvironmentVariable('POSTERN_ZONE', '')
var accessLogGiven = readEnvironmentVariable('POSTERN_ACCESS_LOG', '')
var stunPortGiven = readEnvironmentVariable('POSTERN_STUN_PORT', '')
var listenGiven = readEnvironmentVariable('POSTERN_LISTEN', '')
var alertEmailGiven = readEnvironmentVariable('POSTERN_ALERT_EMAIL', '')
var networkGiven = readEnvironmentVariable('POSTERN_NETWORK', '')
var subnetGiven = readEnvironmentVariable('POSTERN_SUBNET', '')
var monitoringGiven = readEnvironmentVariable('POSTERN_MONITORING', '')
var assignRolesGiven = readEnvironmentVariable('POSTERN_ASSIGN_ROLES', '')
var recoverVaultGiven = readEnvironmentVariable('POSTERN_RECOVER_VAULT', '')
var alertsOnlyGiven = readEnvironmentVariable('POSTERN_ALERTS_ONLY', '')

param environmentName = empty(nameGiven) ? 'postern' : nameGiven
param location = empty(locationGiven) ? 'westeurope' : locationGiven
param environment = empty(environmentGiven) ? 'test' : environmentGiven
param image = empty(imageGiven) ? null : imageGiven
param registry = empty(registryGiven)
  ? null
  : {
      name: registryGiven
      resourceGroup: empty(registryGroupGiven) ? null : registryGroupGiven
      permissions: empty(registryPermissionsGiven) ? null : registryPermissionsGiven
    }
param source = empty(sourceGiven) ? null : sourceGiven
param customDomain = readEnvironmentVariable('POSTERN_CUSTOM_DOMAIN', '')
param dnsZone = empty(dnsZoneGiven)
  ? null
  : {
      name: dnsZoneGiven
      resourceGroup: empty(dnsZoneGroupGiven) ? null : dnsZoneGroupGiven
    }
param dnsLabel = empty(dnsLabelGiven) ? null : dnsLabelGiven
param certificateSource = empty(certificateSourceGiven) ? null : certificateSourceGiven
param acmeEmail = readEnvironmentVariable('POSTERN_ACME_EMAIL', '')
param acmeDirectory = empty(acmeDirectoryGiven) ? null : acmeDirectoryGiven
param memoryInGB = empty(memoryGiven) ? null : memoryGiven
param maxConnections = empty(connectionsGiven) ? null : int(connectionsGiven)
param zone = empty(zoneGiven) ? null : zoneGiven
param accessLog = empty(accessLogGiven) ? null : accessLogGiven
param stunPort = empty(stunPortGiven) ? null : int(stunPortGiven)
param listen = empty(listenGiven) ? [] : split(listenGiven, ',')
param alertEmails = empty(alertEmailGiven) ? [] : [alertEmailGiven]
param network = empty(networkGiven)
  ? null
  : {
      addressPrefix: networkGiven
      subnetPrefix: subnetGiven
    }
param monitoring = empty(monitoringGiven) ? null : bool(monitoringGiven)
param assignRoles = empty(assignRolesGiven) ? null : bool(assignRolesGiven)
param recoverVault = empty(recoverVaultGiven) ? null : bool(recoverVaultGiven)
param alertsOnly = empty(alertsOnlyGiven) ? null : bool(alertsOnlyGiven)
