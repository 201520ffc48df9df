/** Addresses and subnets: what is read, what is refused, what overlaps. */
import t from 'tap'
import { contains, formatAddress, formatSubnet, isHostAddress, overlap, parseAddress, parseRange, parseSubnet } from '../../pipeline/spec/ipv4.js'
import type { Subnet } from '../../pipeline/spec/ipv4.js'

function subnet(text: string): Subnet {
  const found = parseSubnet(text)
  if (!found) throw new Error(`the test's own ${text} is no subnet`)
  return found
}

t.test('reads an address and writes it back', async t => {
  for (const text of ['0.0.0.0', '10.0.0.1', '192.168.42.2', '255.255.255.255']) {
    t.equal(formatAddress(parseAddress(text) ?? -1), text)
  }
})

t.test('refuses what is no address', async t => {
  for (const text of [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.0.0.1',
    '1.2.3.x',
    '01.2.3.4',
    '1..2.3',
    ' 1.2.3.4',
    '-1.2.3.4',
  ]) {
    t.equal(parseAddress(text), undefined, `"${text}"`)
  }
})

t.test('refuses what is no subnet', async t => {
  for (const text of [
    '10.0.0.1',
    '10.0.0.1/',
    '10.0.0.1/33',
    '10.0.0.1/08',
    '10.0.0.1/8/8',
    '10.0.0.256/8',
  ]) {
    t.equal(parseSubnet(text), undefined, `"${text}"`)
  }
})

t.test('a subnet knows its first and last address', async t => {
  t.equal(formatSubnet(subnet('192.168.42.77/26')), '192.168.42.64/26')
  t.equal(formatAddress(subnet('192.168.42.77/26').last), '192.168.42.127')
  t.equal(formatSubnet(subnet('200.1.2.3/0')), '0.0.0.0/0')
})

t.test("first and last address are no machine's", async t => {
  const net = subnet('10.0.0.5/24')
  const cases: Record<string, boolean> = {
    '10.0.0.0': false,
    '10.0.0.1': true,
    '10.0.0.254': true,
    '10.0.0.255': false,
    '10.0.1.1': false,
    '9.255.255.255': false,
  }
  for (const [text, wanted] of Object.entries(cases))
    t.equal(isHostAddress(parseAddress(text) ?? -1, net), wanted, text)
})

t.test('subnets overlap when one lies in the other, whichever is named first', async t => {
  const cases: Record<string, boolean> = {
    '10.0.0.0/8 10.86.0.1/24': true,
    '10.86.0.1/24 10.86.1.1/24': false,
    '10.86.0.1/24 10.86.0.200/25': true,
    '10.86.0.0/25 10.86.0.128/25': false,
  }
  for (const [pair, wanted] of Object.entries(cases)) {
    const [a = '', b = ''] = pair.split(' ')
    t.equal(overlap(subnet(a), subnet(b)), wanted, pair)
    t.equal(overlap(subnet(b), subnet(a)), wanted, `${b} ${a}`)
  }
})

t.test('reads a range of addresses, forwards only', async t => {
  t.same(parseRange('10.0.0.1-10.0.0.3'), { first: 0x0a000001, last: 0x0a000003 })
  t.same(parseRange('10.0.0.1-10.0.0.1'), { first: 0x0a000001, last: 0x0a000001 })
  for (const text of ['10.0.0.3-10.0.0.1', '10.0.0.1', '10.0.0.1-', '10.0.0.1-10.0.0.2-10.0.0.3', '10.0.0.1-10.0.0.300']) t.equal(parseRange(text), undefined, text)
  t.ok(contains({ first: 1, last: 3 }, 3))
  t.notOk(contains({ first: 1, last: 3 }, 4))
})
