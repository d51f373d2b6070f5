metadata name = 'Image checks'
metadata description = 'Where the image comes from: what is put right of it, and what is refused, each with a sentence that says what to type instead.'

import { hasOnly, isSovereign } from 'checks.bicep'

@export()
@description('The name of a registry, where its host name may have been typed.')
func registryOf(given string) string => split(toLower(trim(given)), '.azurecr.')[0]

@export()
@description('What is wrong with where the image comes from: a source without blanks around it, or else an image, and the registry that it is pulled from, where one is given.')
func originProblems(source string, image string, isImageGiven bool, registry string?) string[] =>
  source == ''
    ? imageProblems(image, registryOf(registry ?? ''), registry != null)
    : sourceProblems(source, isImageGiven, registry != null)

func imageProblems(image string, registry string, hasRegistry bool) string[] =>
  endsWith(image, '@sha256:0000000000000000000000000000000000000000000000000000000000000000')
    ? [
        'No image was published where this template was taken from: write source=https://github.com/OWNER/postern.git to have Azure build one, or write image=HOST/NAME@sha256:DIGEST for one that you have built and pushed, or run npm run azure:deploy, which builds the folder that you have.'
      ]
    : !contains(image, '/') || contains(image, ' ') || contains(image, '://') || toLower(image) != image
        ? ['image is "${image}": write HOST/NAME@sha256:DIGEST in lower case, without https://.']
        : contains(image, '@') && !(length(last(split(image, '@'))) == 71 && startsWith(
              last(split(image, '@')),
              'sha256:'
            ) && hasOnly(skip(last(split(image, '@')), 7), '0123456789abcdef'))
            ? ['image is "${image}": write its digest whole, sha256: and 64 digits of 0 to 9 and a to f.']
            : !hasRegistry
                ? []
                : length(registry) < 5 || length(registry) > 50 || !hasOnly(
                      registry,
                      'abcdefghijklmnopqrstuvwxyz0123456789'
                    )
                    ? [
                        'registry.name is "${registry}": write the name of an Azure container registry without a domain, 5 to 50 letters and digits, such as yourregistry.'
                      ]
                    : startsWith(image, '${registry}.azurecr.') || startsWith(image, '${registry}-') && contains(
                          split(image, '/')[0],
                          '.azurecr.'
                        )
                        ? []
                        : [
                            'image is "${image}", which is not in the registry ${registry}: write image=${registry}.azurecr.io/NAME@sha256:DIGEST, or leave registry out.'
                          ]

@export()
@description('What the host names of registries end with in the cloud of a region.')
func registrySuffixOf(region string) string =>
  isSovereign(region) ? (startsWith(region, 'china') ? 'azurecr.cn' : 'azurecr.us') : 'azurecr.io'

// The part before the branch, without what a web page of a repository has behind its name.
func repositoryIn(source string) string => split(split(split(split(source, '#')[0], '?')[0], '/tree/')[0], '/-/')[0]

func withGit(repository string) string =>
  endsWith(repository, '.git')
    ? repository
    : endsWith(repository, '/') ? '${take(repository, length(repository) - 1)}.git' : '${repository}.git'

// The branch in the address of a web page, as the end of a Git URL.
func branchIn(source string) string =>
  contains(source, '/tree/')
    ? '#${split(source, '/tree/')[1]}'
    : contains(source, '#') ? '#${split(source, '#')[1]}' : ''

func sourceProblems(source string, hasImage bool, hasRegistry bool) string[] =>
  concat(
    hasImage
      ? ['image and source are both given: leave image out to have one built, or source to take that image.']
      : [],
    hasRegistry
      ? [
          'registry and source are both given, and a build has a registry of its own: leave registry out, or push an image to it yourself and write image in place of source.'
        ]
      : [],
    contains(source, ' ') || contains(source, '\'') || contains(source, '"')
      ? [
          'source is "${source}": write one Git URL without blanks and quotes, such as https://github.com/OWNER/postern.git.'
        ]
      : startsWith(source, 'ssh://') || startsWith(source, 'git@')
          // git@HOST:OWNER/NAME.git and ssh://git@HOST/OWNER/NAME.git as addresses that need no key.
          ? [
              'source is "${source}", for which Azure has no key: write https://${startsWith(source, 'ssh://') ? last(split(skip(source, 6), '@')) : replace(last(split(source, '@')), ':', '/')}.'
            ]
          : contains(source, '@')
              ? [
                  'source has an @ in it, and Azure shows it to whoever may read the deployment: write a URL without a password; for a source that is not public run npm run azure:deploy in a checkout.'
                ]
              : !startsWith(source, 'https://')
                  ? [
                      'source is "${source}": write a Git URL that begins with https://, such as https://github.com/OWNER/postern.git; npm run azure:deploy builds a folder.'
                    ]
                  : (!endsWith(split(source, '#')[0], '.git') && !startsWith(source, 'https://dev.azure.com/')) || length(split(
                        repositoryIn(source),
                        '/'
                      )) < 5
                      ? [
                          'source is "${source}": write the URL that git clone takes, such as ${length(split(repositoryIn(source), '/')) < 5 ? 'https://github.com/OWNER/postern.git' : '${withGit(repositoryIn(source))}${branchIn(source)}'}.'
                        ]
                      : length(split(source, '#')) > 2 || endsWith(source, '#') || !hasOnly(
                            toLower(skip(branchIn(source), 1)),
                            'abcdefghijklmnopqrstuvwxyz0123456789._/:-'
                          )
                          ? [
                              'source is "${source}": write a branch, a tag or a commit behind the #, such as ${repositoryIn(source)}#main.'
                            ]
                          : []
  )
