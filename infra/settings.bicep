metadata name = 'Settings'
metadata description = 'The options of the relay that people add to those of the template: which they may be, and that the relay takes their values.'

import { hasOnly } from 'checks.bicep'
import { accessLogType, certificateSourceType, environmentType } from 'types.bicep'

@export()
@description('What the relay takes for one of its options, where it can be told here.')
type optionType = {
  @description('Whether it is a number, true or false, one of some words, or what nobody may read back.')
  kind: 'integer' | 'boolean' | 'choice' | 'secret'

  @description('The least number.')
  min: int?

  @description('The greatest number.')
  max: int?

  @description('The words.')
  choices: string[]?
}

@export()
@description('Parameters that are options of the relay, put right.')
type optionsType = {
  @description('What the deployment is for.')
  environment: environmentType

  @description('Where the certificate comes from.')
  certificateSource: certificateSourceType

  @description('What clients dial.')
  domain: string

  @description('The authority.')
  directory: string

  @description('Where the authority may write to; empty for nowhere.')
  acmeEmail: string

  @description('Which connections have a line in the log.')
  accessLog: accessLogType

  @description('The UDP port for STUN; 0 for none.')
  stunPort: int

  @description('Further ports.')
  listeners: string[]
}

// What functions give must not be secure by its type: Azure refuses the template.
@description('A variable, as functions give it.')
type variableType = {
  @description('Its name.')
  name: string

  @description('Its value.')
  value: string
}

@description('A variable that nobody reads back, as functions give it.')
type secretVariableType = {
  @description('Its name.')
  name: string

  @description('Its value.')
  secureValue: string
}

// What the template sets: what it is as a parameter, or why it is for nobody to set.
func ownVariables() { *: string } => {
  PORT: 'clients and Azure use 443: leave it out'
  HOST: 'the relay listens on every address of its group: leave it out'
  ACME_HTTP_PORT: 'no other port than 443 is open: leave it out'
  KEY_VAULT_URL: 'the vault is made here: leave it out'
  AZURE_CLIENT_ID: 'the identity is made here: leave it out'
  MAILBOX_STORE: 'a container group has no disk for it, and what waits would go with the container: leave it out'
  NODE_ENV: 'write the parameter environment'
  TLS: 'write the parameter certificateSource'
  ENABLE_TLS: 'write the parameter certificateSource'
  DOMAIN: 'write the parameter customDomain'
  EMAIL: 'write the parameter acmeEmail'
  ACME_DIRECTORY: 'write the parameter acmeDirectory'
  ACCESS_LOG: 'write the parameter accessLog'
  STUN_PORT: 'write the parameter stunPort'
  LISTEN: 'write the parameter listen'
  STUN_ADDRESSES: 'a container group has one address: leave it out'
  STUN_OTHER_PORT: 'a container group has one address: leave it out'
  VIRTUAL_HOSTS: 'the certificate is for one name: leave it out'
  MAX_CONNECTIONS: 'write the parameter maxConnections'
}

@export()
@description('The whole number in a text; -1 where it is none.')
func numberIn(text string) int =>
  length(trim(text)) >= 1 && length(trim(text)) <= 15 && hasOnly(trim(text), '0123456789') ? int(trim(text)) : -1

@export()
@description('Settings with their names in upper case, as the relay reads them.')
func settingsOf(given { *: string }) { *: string } =>
  toObject(items(given), setting => toUpper(trim(setting.key)), setting => trim(setting.value))

@export()
@description('What is wrong with settings in the form of settingsOf. No sentence has a value in it, which may be secret.')
func settingProblems(parameter string, settings { *: string }, options { *: optionType }) string[] =>
  flatten(map(items(settings), setting => settingProblem(parameter, setting.key, setting.value, options)))

func settingProblem(parameter string, name string, value string, options { *: optionType }) string[] =>
  !hasOnly(name, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_') || hasOnly(take(name, 1), '0123456789')
    ? [
        '${parameter} has "${name}", which is no name of a variable: write ${replace(replace(replace(replace(name, '--', ''), ' ', '_'), '-', '_'), '.', '_')}.'
      ]
    : contains(ownVariables(), name)
        ? ['${parameter} has ${name}, but ${ownVariables()[name]}.']
        : value == ''
            ? ['${parameter} has nothing for ${name}: write a value, or leave it out.']
            : contains(options, name) ? valueProblem(parameter, name, value, options[name]) : []

func valueProblem(parameter string, name string, value string, option optionType) string[] =>
  option.kind == 'integer'
    ? (numberIn(value) >= (option.?min ?? 0) && numberIn(value) <= (option.?max ?? 0)
        ? []
        : [
            '${parameter} has a value for ${name} that the relay refuses: write a whole number, ${option.?min ?? 0} to ${option.?max ?? 0}.'
          ])
    : option.kind == 'secret'
        ? (parameter == 'secretSettings'
            ? []
            : ['${parameter} has ${name}, which is secret: write it in secretSettings, which nobody reads back.'])
        : contains(option.choices!, toLower(value))
            ? []
            : ['${parameter} has a value for ${name} that the relay refuses: write ${join(option.choices!, ', ')}.']

@export()
@description('A number among settings, or another one where they have none that can be read.')
func limitIn(settings { *: string }, name string, otherwise int) int =>
  numberIn(settings[?name] ?? '') >= 0 ? numberIn(settings[?name] ?? '') : otherwise

@export()
@description('What is wrong with limits that contradict each other.')
func limitProblems(limits { *: string }) string[] =>
  limitIn(limits, 'OUTBOX_HIGH_WATER_BYTES', 262144) > limitIn(limits, 'MAX_OUTBOX_BYTES', 1048576)
    ? [
        'settings have OUTBOX_HIGH_WATER_BYTES of ${limitIn(limits, 'OUTBOX_HIGH_WATER_BYTES', 262144)} above MAX_OUTBOX_BYTES of ${limitIn(limits, 'MAX_OUTBOX_BYTES', 1048576)}: write ${limitIn(limits, 'MAX_OUTBOX_BYTES', 1048576)} for the first, or more for the second.'
      ]
    : []

@export()
@description('The options that the template sets by its parameters. What is newer than some images is there where it is asked for alone.')
func optionVariables(given optionsType) variableType[] =>
  concat(
    [
      { name: 'PORT', value: '443' }
      { name: 'NODE_ENV', value: given.environment }
      { name: 'TLS', value: given.certificateSource }
      { name: 'DOMAIN', value: given.domain }
      { name: 'ACME_DIRECTORY', value: given.directory }
    ],
    given.acmeEmail == '' ? [] : [{ name: 'EMAIL', value: given.acmeEmail }],
    given.accessLog == 'off' ? [] : [{ name: 'ACCESS_LOG', value: given.accessLog }],
    given.stunPort == 0 ? [] : [{ name: 'STUN_PORT', value: string(given.stunPort) }],
    empty(given.listeners) ? [] : [{ name: 'LISTEN', value: join(given.listeners, ',') }]
  )

@export()
@description('Settings that are secret as variables that nobody reads back. Fails where something is wrong with them, alone and together with all the others. Both in the form of settingsOf.')
func secretVariablesOf(secrets { *: string }, others { *: string }, options { *: optionType }) secretVariableType[] =>
  empty(secretProblems(secrets, others, options))
    ? map(items(secrets), setting => { name: setting.key, secureValue: setting.value })
    : fail(join(secretProblems(secrets, others, options), ' '))

func secretProblems(secrets { *: string }, others { *: string }, options { *: optionType }) string[] =>
  concat(
    settingProblems('secretSettings', secrets, options),
    map(
      intersection(objectKeys(secrets), objectKeys(others)),
      name => 'secretSettings has ${name}, which is set elsewhere too: write it once.'
    ),
    contradictions(union(secrets, others))
  )

// What the relay takes each alone and not together: relay/config/contradictions.ts.
func contradictions(all { *: string }) string[] =>
  concat(
    contains(all, 'ACME_EAB_KEY_ID') != contains(all, 'ACME_EAB_HMAC_KEY')
      ? [
          'ACME_EAB_KEY_ID and ACME_EAB_HMAC_KEY go together: write the first in settings and the second in secretSettings.'
        ]
      : [],
    toLower(all.?AUTH ?? '') == 'tokens' && length(intersection(
        objectKeys(all),
        ['AUTH_KEYS_FILE', 'AUTH_KEY_SET', 'AUTH_JWKS_URL']
      )) != 1
      ? ['AUTH is tokens: write one of AUTH_JWKS_URL in settings and AUTH_KEY_SET in secretSettings.']
      : [],
    contains(['true', '1', 'yes', 'on'], toLower(all.?PROXY_PROTOCOL ?? '')) && !contains(all, 'TRUSTED_PROXIES')
      ? ['PROXY_PROTOCOL is set: write the addresses of your load balancers in TRUSTED_PROXIES too.']
      : [],
    limitIn(all, 'PING_INTERVAL_MS', 25000) > limitIn(all, 'SWEEP_INTERVAL_MS', 30000)
      ? ['PING_INTERVAL_MS is above SWEEP_INTERVAL_MS: write less for the first, or more for the second.']
      : []
  )
