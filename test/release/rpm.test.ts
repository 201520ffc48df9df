import t from 'tap'
import { parseRpmQuery, rpmQueryFormat } from '../../pipeline/release/rpm.js'

t.test('reads one package a line, without the keys that rpm lists among them', t => {
  t.equal(rpmQueryFormat, '%{NAME}\\t%{EPOCH}\\t%{VERSION}\\t%{RELEASE}\\t%{ARCH}\\t%{LICENSE}\\t%{URL}\\t%{SOURCERPM}\\t%{SUMMARY}\\n')
  const text = [
    'gpg-pubkey\t(none)\tf4a80eb5\t53a7ff4b\t(none)\tpubkey\t(none)\t(none)\tgpg(CentOS-7 Key)',
    'glibc\t(none)\t2.17\t326.el7_9\tx86_64\tLGPLv2+\thttp://www.gnu.org/software/glibc/\tglibc-2.17-326.el7_9.src.rpm\tThe GNU libc libraries',
    'bind-license\t32\t9.11.4\t26.P2.el7\tnoarch\tMPLv2.0\t(none)\t(none)\t(none)', '',
  ].join('\n')
  t.same(parseRpmQuery(text, 'centos-7'), [
    { name: 'bind-license', version: '32:9.11.4-26.P2.el7', architecture: 'noarch', distribution: 'centos-7', licences: ['MPLv2.0'] },
    {
      name: 'glibc', version: '2.17-326.el7_9', architecture: 'x86_64', distribution: 'centos-7', licences: ['LGPLv2+'],
      summary: 'The GNU libc libraries', homepage: 'http://www.gnu.org/software/glibc/', source: 'glibc-2.17-326.el7_9.src.rpm',
    },
  ])
  t.end()
})
