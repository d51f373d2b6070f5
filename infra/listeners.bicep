metadata name = 'Listeners'
metadata description = 'The ports beside 443: those of clients with a fixed one, and that of STUN. What is refused of them, and what the parts of a deployment open.'

import { hasOnly } from 'checks.bicep'
import { numberIn } from 'settings.bicep'
import { portType } from 'types.bicep'

@export()
@description('A further port as the relay reads it.')
type listenerType = {
  @description('What was typed, in lower case.')
  text: string

  @description('What stands before the port: wss, ws or ws-anywhere.')
  scheme: string

  @description('The port; -1 where it is none.')
  number: int

  @description('The dialects.')
  dialects: string[]
}

@export()
@description('Reads a further port, such as wss:8765=mesh.')
func listenerOf(given string) listenerType => {
  text: toLower(trim(given))
  scheme: split(toLower(trim(given)), ':')[0]
  number: length(split(given, ':')) == 2 && length(split(given, '=')) == 2
    ? numberIn(split(last(split(given, ':')), '=')[0])
    : -1
  dialects: split(last(split(toLower(trim(given)), '=')), '+')
}

@export()
@description('What is wrong with the port for STUN, which may be 0, and with further ports.')
func portProblems(stunPort int, listeners listenerType[]) string[] =>
  concat(
    stunPort == 443 ? ['stunPort is 443, which Azure opens for TCP alone then: write 3478, or another port.'] : [],
    flatten(map(
      listeners,
      listener =>
        !contains(['ws', 'wss', 'ws-anywhere'], listener.scheme) || listener.number < 1 || listener.number > 65535 || !empty(filter(
            listener.dialects,
            dialect => dialect == '' || !hasOnly(dialect, 'abcdefghijklmnopqrstuvwxyz0123456789-')
          ))
          ? ['listen has "${listener.text}": write one port with its dialects in each text, such as wss:8765=mesh.']
          : listener.scheme == 'ws'
              ? [
                  'listen has "${listener.text}", which the relay opens for its own container alone: write wss${skip(listener.text, 2)}, or ws-anywhere${skip(listener.text, 2)} for clients without TLS.'
                ]
              : listener.number == 443 || listener.number == stunPort
                  ? [
                      'listen has port ${listener.number}, which Azure opens for ${listener.number == 443 ? 'all clients' : 'STUN'} already: write another one.'
                    ]
                  : contains(listener.dialects, 'mailbox')
                      ? ['listen has mailbox, and a container group has no disk for mailboxes: leave it out.']
                      : []
    )),
    length(union(map(listeners, listener => string(listener.number)), [])) < length(listeners) ? ['listen has a port twice: write its dialects with a plus between them, such as wss:8765=mesh+pair.'] : [],
    length(listeners) > (stunPort == 0 ? 4 : 3)
      ? [
          'listen has ${length(listeners)} ports, and Azure opens ${stunPort == 0 ? 4 : 3} here: write dialects that may share a port with a plus between them, such as wss:8765=mesh+pair.'
        ]
      : []
  )

@export()
@description('What is opened beside 443.')
func portsOf(stunPort int, listeners listenerType[]) portType[] =>
  concat(
    stunPort == 0
      ? []
      : [{ name: 'stun', number: stunPort, protocol: 'UDP', purpose: 'Clients that ask for their public address.' }],
    map(listeners, listener => {
      name: 'port-${listener.number}'
      number: listener.number
      protocol: 'TCP'
      purpose: 'Clients that have a fixed port.'
    })
  )
