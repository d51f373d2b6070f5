metadata name = 'Image build'
metadata description = 'Builds the image in its registry, from a Git repository that all may read. The same source is built once.'

@description('Required. The registry, which exists in the resource group of this deployment.')
param registryName string

@description('Required. Its location.')
param location string

@description('Required. The Git URL, with a branch, a tag or a commit behind a # if not the default branch.')
param source string

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' existing = {
  name: registryName
}

// There is no stable version. Subscriptions on free credits are refused here: TasksOperationsNotAllowed.
resource build 'Microsoft.ContainerRegistry/registries/taskRuns@2025-03-01-preview' = {
  parent: registry
  name: 'postern'
  location: location
  properties: {
    runRequest: {
      type: 'DockerBuildRequest'
      sourceLocation: source
      dockerFilePath: 'Dockerfile'
      imageNames: ['postern:{{.Run.ID}}']
      isPushEnabled: true
      platform: {
        os: 'Linux'
        // Container Instances run no other.
        architecture: 'amd64'
      }
      agentConfiguration: {
        cpu: 2
      }
      timeout: 3600
    }
  }
}

@description('The digest of the image.')
output digest string = build.properties.runResult.properties.outputImages[0].digest
