/** Options of the commands that work on a published tree, as the command line reads them. */
import t from 'tap'
import { Command } from 'commander'
import { addWrite } from '../../pipeline/commands/tree-options.js'
import { runMain } from '../fixtures/main-run.js'

const publicUrlOf = (value: string): unknown => addWrite(new Command('promote')).parse(['--to', 's3://b/p', '--public-url', value], { from: 'user' }).opts()['publicUrl']

t.test('an address for people is taken as a browser would write it', async t => {
  t.equal(publicUrlOf('https://downloads.example.org'), 'https://downloads.example.org/')
  t.equal(publicUrlOf('HTTP://Downloads.example.org:8080/a b/'.replace(' ', '%20')), 'http://downloads.example.org:8080/a%20b/')
  t.equal(publicUrlOf('https://[::1]/images'), 'https://[::1]/images')
})

const hint = 'write --public-url as https://HOST/PATH; user, password, query and fragment do not belong in it: everybody reads it'

t.test('what is no address for people is refused before any work, and no password is shown', async t => {
  const table: Readonly<Record<string, string>> = {
    'downloads.example.org': 'downloads.example.org', 'ftp://a/': 'ftp://a/', 's3://bucket/p': 's3://bucket/p', '': '', 'https://': 'https://', 'https:///images': 'https:///images',
    'https://a:99999/': 'https://a:99999/', 'https://a/?x=1': 'https://a/?x=1', 'https://a/?': 'https://a/?', 'https://a/#x': 'https://a/#x', 'https://a/b c': 'https://a/b c',
    'https://user:secret@a/': 'https://***@a/', 'https://token@a/': 'https://***@a/', [`https://a/${'b'.repeat(2048)}`]: `https://a/${'b'.repeat(2048)}`,
  }
  for (const [value, shown] of Object.entries(table)) t.throws(() => publicUrlOf(value), { code: 'public-url-wrong', exitCode: 2, hint, message: `"${shown}" is no address under which people find the tree.` }, value)
})

t.test('every command that writes refuses it with exit code 2', async t => {
  for (const words of [['publish', 'nowhere'], ['promote', 'a', 'b'], ['retract', 'a', '--reason', 'x'], ['prune']]) {
    const { code, stdout, stderr } = await runMain([...words, '--to', 's3://b/p', '--public-url', 'https://user:secret@a/'])
    t.same([code, stdout, stderr], [2, '', `error: "https://***@a/" is no address under which people find the tree. (${hint})\n`], words.join(' '))
  }
})
