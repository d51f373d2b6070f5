metadata name = 'Sizing'
metadata description = 'Whether the memory of a container group holds what its relay may need, by the arithmetic of relay/limits/memory-bound.ts.'

import { hasOnly } from 'checks.bicep'
import { limitIn } from 'settings.bicep'

// Tenths of a GB, because Bicep has no decimals. 0 is what cannot be read.
@export()
@description('The tenths of a GB in a text such as 1.5 or 3; 0 where it is none.')
func tenthsOf(memoryInGB string) int =>
  isMemory(memoryInGB)
    ? int(split(memoryInGB, '.')[0]) * 10 + int(contains(memoryInGB, '.') ? split(memoryInGB, '.')[1] : '0')
    : 0

// At most three digits, one more behind a dot, and no zero that means nothing: json() takes 010 for an octal number.
func isMemory(text string) bool =>
  length(split(text, '.')) <= 2 && length(split(text, '.')[0]) >= 1 && length(split(text, '.')[0]) <= 3 && hasOnly(
    replace(text, '.', ''),
    '0123456789'
  ) && (!contains(text, '.') || length(last(split(text, '.'))) == 1) && (take(text, 1) != '0' || startsWith(text, '0.'))

@export()
@description('The limits of a relay that fit into memory. Its bound fits into that of the group, and it refuses newcomers before Azure ends it: docs/operations.md, Sizing. settings have the last word on all but the connections.')
func relayLimits(memoryInGB string, maxConnections int, settings { *: string }) { *: string } =>
  union(
    {
      MAX_CONNECTIONS: string(maxConnections)
      MAX_TOPICS_PER_CONNECTION: '16'
      MAX_FRAME_BYTES: '262144'
      OUTBOX_HIGH_WATER_BYTES: '262144'
      MAX_OUTBOX_BYTES: '1048576'
      // 64 senders with a message each.
      MAX_HELD_BYTES: '16777216'
      MAX_RSS_BYTES: string(tenthsOf(memoryInGB) * 70000000)
    },
    settings
  )

@export()
@description('Those among variables of which the memory of a relay depends.')
func memoryLimitsIn(maxConnections int, variables { *: string }) limitsType => {
  maxConnections: maxConnections
  maxFrameBytes: limitIn(variables, 'MAX_FRAME_BYTES', 262144)
  maxOutboxBytes: limitIn(variables, 'MAX_OUTBOX_BYTES', 1048576)
  maxHeldBytes: limitIn(variables, 'MAX_HELD_BYTES', 16777216)
  maxTopicsPerConnection: limitIn(variables, 'MAX_TOPICS_PER_CONNECTION', 16)
  maxHttpConnections: limitIn(variables, 'MAX_HTTP_CONNECTIONS', 64)
}

@export()
@description('The limits of a relay of which its memory depends.')
type limitsType = {
  @description('Connections.')
  maxConnections: int

  @description('Bytes of one message.')
  maxFrameBytes: int

  @description('Bytes that wait for one connection.')
  maxOutboxBytes: int

  @description('Bytes that are held at senders in all, beside one message of each.')
  maxHeldBytes: int

  @description('Topics that one connection may be in.')
  maxTopicsPerConnection: int

  @description('HTTP connections that are kept for a next request.')
  maxHttpConnections: int
}

// No function may be called in what another call of it is given: Azure takes that for a circle. So divisions that round
// up are written out.
@export()
@description('The bytes that a relay cannot exceed, whatever its clients do.')
func memoryBoundBytes(limits limitsType) int =>
  144703488 + limits.maxHeldBytes + 8 * limits.maxFrameBytes + limits.maxHttpConnections * 65536 + limits.maxConnections * (65536 + (9 * (limits.maxOutboxBytes + max(
    limits.maxFrameBytes + 3072,
    24576
  )) + 7) / 8 + 131072 + 3 * limits.maxFrameBytes + 10240 * limits.maxTopicsPerConnection)

// Nine tenths of the memory are for what the relay counts. Of GB, not GiB: Azure does not say which it means.
func tenthsFor(limits limitsType) int => (memoryBoundBytes(limits) + 89999999) / 90000000

func inGB(tenths int) string => tenths % 10 == 0 ? string(tenths / 10) : '${tenths / 10}.${tenths % 10}'

// What somebody may have meant: 1,5 and 2GB and 1.55.
func nearest(memoryInGB string) string => tenthsOf(withoutUnit(memoryInGB)) > 0 ? withoutUnit(memoryInGB) : '1.5'

func withoutUnit(text string) string =>
  replace(replace(replace(replace(toLower(text), 'gib', ''), 'gb', ''), ' ', ''), ',', '.')

@export()
@description('What is wrong with the memory of a container group, alone and for these limits.')
func memoryProblems(memoryInGB string, limits limitsType) string[] =>
  tenthsOf(memoryInGB) < 1 || tenthsOf(memoryInGB) > 2400
    ? [
        'memoryInGB is "${memoryInGB}": write GB in steps of a tenth, 0.1 to 240, without a unit, such as ${nearest(memoryInGB)}.'
      ]
    : tenthsFor(limits) > 2400
        ? [
            '${limits.maxConnections} connections of these limits may need ${inGB(tenthsFor(limits))} GB, and no container group has more than 240: write a lower maxConnections, such as 1000.'
          ]
        : tenthsFor(limits) > tenthsOf(memoryInGB)
            ? [
                'memoryInGB is ${memoryInGB}, and ${limits.maxConnections} connections of these limits may need more: write memoryInGB=${inGB(tenthsFor(limits))}, or a lower maxConnections.'
              ]
            : []
