/** What the download page says of each target, by the targets themselves. */
import { loadTargets } from '../targets/index.js'
import type { TargetPage } from '../targets/target-hosts.js'

const pages: ReadonlyMap<string, TargetPage> = new Map((await loadTargets()).map(({ name, page }) => [name, page]))

/** Of a target that a release has and this program no longer knows: last, under its own name. */
export function hypervisorOf(target: string): TargetPage {
  return pages.get(target) ?? { rank: Number.MAX_SAFE_INTEGER, title: target, systems: [], start: () => ['less README.txt'] }
}

export function inPageOrder<Item extends { readonly name: string }>(targets: readonly Item[]): Item[] {
  const rank = ({ name }: Item) => hypervisorOf(name).rank
  return [...targets].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1))
}
