import t from 'tap'
import { addressesOf } from '../../pipeline/commands/publish.js'

t.test('people are given addresses of objects; programs keep that of the folder', t => {
  t.same(addressesOf({ publicUrl: 'https://downloads.example.org/images/', version: '1+a' }, 'ciab'), {
    address: 'https://downloads.example.org/images/ciab/1%2Ba/',
    index: 'https://downloads.example.org/images/ciab/1%2Ba/index.json',
    page: 'https://downloads.example.org/images/index.html',
  })
  t.end()
})
