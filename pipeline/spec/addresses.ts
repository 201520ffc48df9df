/** Every network address that building an el appliance will ask for something. */
import { isIso, mirrored } from './mirrored.js'
import type { ElSpec } from './types.js'

/** As they are fetched, each once: files and paths of this machine are none; a repository is asked for its index. */
export function addressesOf(el: ElSpec): readonly string[] {
  const all = [
    isIso(el) || el.installerUrl === '' ? el.installerUrl : below(el.installerUrl, '.treeinfo'),
    ...Object.values(el.repositories).map(({ url }) => below(url, 'repodata/repomd.xml')),
    ...Object.values(el.keys).map(({ url }) => url),
    el.demoImageUrl,
  ]
  return [...new Set(all.filter(address => address !== '').map(address => mirrored(address, el.mirror)))].filter(address => /^https?:/.test(address))
}

function below(folder: string, name: string): string {
  return `${folder.replace(/\/*$/, '/')}${name}`
}
