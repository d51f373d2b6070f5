metadata name = 'Addresses'
metadata description = 'Whether the addresses of a network of its own are such as Azure takes.'

import { hasOnly } from 'checks.bicep'

func power(exponent int) int => reduce(range(0, exponent), 1, (product, step) => product * 2)

func isNumber(text string, greatest int) bool =>
  length(text) >= 1 && length(text) <= 3 && hasOnly(text, '0123456789') && (length(text) == 1 || take(text, 1) != '0')
    ? int(text) <= greatest
    : false

// RFC 4632 section 3.1: an address and the length of its prefix.
func isPrefix(text string) bool =>
  length(split(text, '/')) == 2 && length(split(split(text, '/')[0], '.')) == 4 && empty(filter(
    split(split(text, '/')[0], '.'),
    octet => !isNumber(octet, 255)
  )) && isNumber(last(split(text, '/')), 32)

func addressIn(prefix string) int =>
  reduce(split(split(prefix, '/')[0], '.'), 0, (address, octet) => address * 256 + int(octet))

func lengthOf(prefix string) int => int(last(split(prefix, '/')))

// Without the bits that are not in the prefix.
func startOf(address int, length int) int => address / power(32 - length) * power(32 - length)

func written(address int, length int) string =>
  '${address / 16777216}.${address / 65536 % 256}.${address / 256 % 256}.${address % 256}/${length}'

func prefixProblems(parameter string, prefix string) string[] =>
  !isPrefix(prefix)
    ? ['${parameter} is "${prefix}": write an address and the length of its prefix, such as 10.20.0.0/24.']
    : lengthOf(prefix) < 8 || lengthOf(prefix) > 29
        ? ['${parameter} is ${prefix}: write a prefix of 8 to 29 bits, such as 10.20.0.0/24.']
        : addressIn(prefix) != startOf(addressIn(prefix), lengthOf(prefix))
            ? [
                '${parameter} is ${prefix}, which begins in the middle: write ${written(startOf(addressIn(prefix), lengthOf(prefix)), lengthOf(prefix))}.'
              ]
            : []

func isInside(subnet string, network string) bool =>
  lengthOf(subnet) >= lengthOf(network) && startOf(addressIn(subnet), lengthOf(network)) == addressIn(network)

@export()
@description('What is wrong with the addresses of a network and of the subnet in it.')
func networkProblems(network string, subnet string) string[] =>
  !empty(prefixProblems('network.addressPrefix', network)) || !empty(prefixProblems('network.subnetPrefix', subnet))
    ? concat(prefixProblems('network.addressPrefix', network), prefixProblems('network.subnetPrefix', subnet))
    : isInside(subnet, network)
        ? []
        : [
            'network.subnetPrefix is ${subnet}, which is not in ${network}: write a part of it, such as ${written(addressIn(network), max(lengthOf(network), 26))}.'
          ]
