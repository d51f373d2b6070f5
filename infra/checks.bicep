metadata name = 'Checks'
metadata description = 'What is put right of what people type, and what is refused, each with a sentence that says what to type instead. A list of no sentences is a value that works.'

// Bicep has no patterns: a text is judged by its characters.
@export()
@description('Whether a text has no other characters than these.')
func hasOnly(text string, allowed string) bool =>
  empty(filter(range(0, length(text)), at => !contains(allowed, substring(text, at, 1))))

// RFC 1123 section 2.1: letters, digits and hyphens, and no hyphen at an end.
func isLabel(text string) bool =>
  length(text) >= 1 && length(text) <= 63 && hasOnly(text, 'abcdefghijklmnopqrstuvwxyz0123456789-') && !startsWith(
    text,
    '-'
  ) && !endsWith(text, '-')

func startsWithLetter(text string) bool => length(text) > 0 && contains('abcdefghijklmnopqrstuvwxyz', take(text, 1))

// The host in what may be a URL, may have a port, and may be a wildcard.
func hostIn(text string) string => replace(split(split(last(split(text, '://')), '/')[0], ':')[0], '*.', '')

@export()
@description('A name of DNS in its one form: lower case, and neither blanks around it nor a dot behind it.')
func domainOf(given string) string =>
  endsWith(trim(given), '.') ? toLower(take(trim(given), length(trim(given)) - 1)) : toLower(trim(given))

@export()
@description('What a name of DNS lacks that a parameter gives, in the form of domainOf.')
func domainProblems(parameter string, given string) string[] =>
  given == ''
    ? ['${parameter} is blank: write a name, such as relay.example.com, or leave it out.']
    : contains(given, ',') || contains(given, ' ')
        ? [
            '${parameter} is "${given}", and one name is wanted: write ${hostIn(trim(split(replace(given, ',', ' '), ' ')[0]))}.'
          ]
        : hasOnly(given, '0123456789.') || contains(given, '::')
            ? ['${parameter} is ${given}, an address: write a name that leads to it, such as relay.example.com.']
            : contains(given, '/') || contains(given, ':')
                ? ['${parameter} is "${given}", which is more than a name: write ${hostIn(given)}.']
                : contains(given, '*')
                    ? [
                        '${parameter} is "${given}", and a certificate here is for one name: write relay.${hostIn(given)}.'
                      ]
                    : !contains(given, '.')
                        ? [
                            '${parameter} is "${given}", which has no dot: write a public name, such as ${isLabel(given) ? given : 'relay'}.example.com.'
                          ]
                        : length(given) > 253 || !empty(filter(split(given, '.'), label => !isLabel(label)))
                            ? [
                                '${parameter} is "${given}": write labels of 1 to 63 letters, digits and hyphens with dots between them; a name in another script in its form that begins with xn--.'
                              ]
                            : []

@export()
@description('What is wrong with a custom domain, which may be left out, its zone, and the two together. The zone is in the form of domainOf.')
func customDomainProblems(given string, zone string, hasZone bool, hasNetwork bool) string[] =>
  concat(
    given == '' ? [] : domainProblems('customDomain', domainOf(given)),
    placeProblems(domainOf(given), zone, hasZone, hasNetwork)
  )

func placeProblems(domain string, zone string, hasZone bool, hasNetwork bool) string[] =>
  concat(
    hasZone && domain == '' ? ['dnsZone is given and customDomain is not: write customDomain=relay.${zone}.'] : [],
    hasNetwork && domain == ''
      ? [
          'network is given and customDomain is not: write customDomain=relay.example.com. Behind a load balancer Azure gives no name that a certificate could be for.'
        ]
      : [],
    hasZone ? domainProblems('dnsZone.name', zone) : [],
    hasZone && domain != '' && domain != zone && !endsWith(domain, '.${zone}')
      ? [
          'customDomain is ${domain}, which is not in the zone ${zone}: write the zone that it ends with, such as dnsZone.name=${join(skip(split(domain, '.'), 1), '.')}.'
        ]
      : [],
    hasZone && !hasNetwork && domain != '' && domain == zone
      ? [
          'customDomain is the top of the zone ${zone}, which cannot be a CNAME: write a name below it, such as relay.${zone}.'
        ]
      : [],
    endsWith(domain, '.azurecontainer.io') || contains(domain, '.azurecontainer.console.azure.')
      ? [
          'customDomain is ${domain}, a name of Azure: leave it out, and write dnsLabel=${split(domain, '.')[0]} for that label.'
        ]
      : []
  )

@export()
@description('What is wrong with what all names begin with: a vault and a container group have to take it.')
func nameProblems(name string) string[] =>
  length(name) >= 3 && length(name) <= 10 && startsWithLetter(name) && isLabel(name) && !contains(name, '--')
    ? []
    : [
        'name is "${name}": write 3 to 10 lower-case letters, digits and hyphens that begin with a letter, end with none of the hyphens and have no two in a row, such as postern.'
      ]

@export()
@description('What is wrong with a region in its short form.')
func locationProblems(region string) string[] =>
  startsWithLetter(region) && hasOnly(region, 'abcdefghijklmnopqrstuvwxyz0123456789')
    ? []
    : ['location is "${region}": write a region, such as westeurope, or leave it out for that of the resource group.']

@export()
@description('What the names of container groups end with in the cloud of a region.')
func containerSuffixOf(region string) string =>
  startsWith(region, 'usgov') || startsWith(region, 'usdod')
    ? 'azurecontainer.console.azure.us'
    : startsWith(region, 'china') ? 'azurecontainer.console.azure.cn' : 'azurecontainer.io'

@export()
@description('Whether a region is of one of the clouds apart: Azure Government and Azure China.')
func isSovereign(region string) bool => containerSuffixOf(region) != 'azurecontainer.io'

@export()
@description('What does not work in the cloud of a region.')
func cloudProblems(region string, hasNetwork bool, asksForTest bool) string[] =>
  concat(
    hasNetwork && containerSuffixOf(region) == 'azurecontainer.console.azure.us'
      ? [
          'network is given, and in Azure Government a container group in a network has no identity, without which the relay has no vault: leave network out.'
        ]
      : [],
    asksForTest && isSovereign(region)
      ? [
          'certificateTest is true, and the places that ask are of the public cloud: leave certificateTest out in ${region}.'
        ]
      : []
  )

@export()
@description('What is wrong with the label of a name of Azure, which may be left out.')
func labelProblems(label string?) string[] =>
  label == null || (length(label ?? '') >= 5 && startsWithLetter(label ?? '') && isLabel(label ?? ''))
    ? []
    : [
        'dnsLabel is "${label ?? ''}": write 5 to 63 letters, digits and hyphens that begin with a letter and end with no hyphen, or leave it out.'
      ]

@export()
@description('What is wrong with an address for mail.')
func mailProblems(parameter string, given string) string[] =>
  length(split(given, '@')) == 2 && !contains(given, ' ') && !contains(given, ',') && !contains(given, ';') && length(split(
      given,
      '@'
    )[0]) >= 1 && length(split(given, '@')[0]) <= 64 && empty(domainProblems(
      parameter,
      domainOf(last(split(given, '@')))
    ))
    ? []
    : contains(given, ',') || contains(given, ';')
        ? [
            '${parameter} has "${given}": write one address in each text, such as ["ops@example.com","night@example.com"].'
          ]
        : ['${parameter} has "${given}": write an address, such as ops@example.com, or leave it out.']

@export()
@description('The authority in its one form: the words in lower case, and the word for the address of Let\'s Encrypt.')
func directoryOf(given string) string =>
  contains(['letsencrypt', 'https://acme-v02.api.letsencrypt.org/directory'], toLower(trim(given)))
    ? 'letsencrypt'
    : contains(['letsencrypt-staging', 'https://acme-staging-v02.api.letsencrypt.org/directory'], toLower(trim(given)))
        ? 'letsencrypt-staging'
        : trim(given)

@export()
@description('What is wrong with an authority in the form of directoryOf.')
func directoryProblems(directory string) string[] =>
  contains(['letsencrypt', 'letsencrypt-staging'], directory) || (startsWith(directory, 'https://') && !contains(
      directory,
      ' '
    ) && !contains(directory, '@') && empty(domainProblems('acmeDirectory', toLower(hostIn(directory)))))
    ? []
    : [
        'acmeDirectory is "${directory}": write letsencrypt, letsencrypt-staging, or the address of a directory that begins with https:// and has no password in it.'
      ]

@export()
@description('What is wrong with the test of the certificate.')
func certificateTestProblems(asksForTest bool, monitoring bool, directory string) string[] =>
  !asksForTest
    ? []
    : !monitoring
        ? [
            'certificateTest is true and monitoring is false, which has no place for its results: leave one of them out.'
          ]
        : directory == 'letsencrypt-staging'
            ? [
                'certificateTest is true, and nobody trusts what letsencrypt-staging signs: leave certificateTest out, or write acmeDirectory=letsencrypt.'
              ]
            : []

@export()
@description('What is wrong with the id of a role, which may be left out.')
func roleProblems(role string?) string[] =>
  role == null || (length(role ?? '') == 36 && length(split(role ?? '', '-')) == 5 && hasOnly(
      toLower(role ?? ''),
      '0123456789abcdef-'
    ))
    ? []
    : [
        'vaultRole is "${role ?? ''}": write the id of a role, as az role definition list shows it in name, such as b86a8fe4-44ce-4948-aee5-eccb2c155cd7.'
      ]
