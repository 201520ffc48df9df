/** What the download page does more where scripts run: the visitor's system first, buttons that copy, the page's own address in lines. */
export const pageScript = `'use strict'
const platform = ((navigator.userAgentData || {}).platform || navigator.platform || '') + ' ' + navigator.userAgent
const system = /Win/.test(platform) ? 'windows' : /Mac|iPhone|iPad/.test(platform) ? 'mac' : /Linux|X11|CrOS/.test(platform) ? 'linux' : ''
for (const list of document.querySelectorAll('.cards')) {
  const cards = [...list.children]
  const rank = card => (card.dataset.systems || '').split(' ').indexOf(system)
  const mine = cards.filter(card => system && rank(card) >= 0)
  for (const card of mine.reverse()) { card.classList.add('yours'); list.prepend(card) }
}
const base = location.href.replace(/[^/]*([?#].*)?$/, '').replaceAll("'", '%27')
for (const code of document.querySelectorAll('pre')) {
  const { address } = code.dataset
  if (address && location.protocol.startsWith('http')) code.textContent = code.textContent.replaceAll(address, () => base)
  if (!navigator.clipboard) continue
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = 'Copy'
  button.setAttribute('aria-label', 'Copy: ' + code.textContent.split('\\n')[0])
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(code.textContent)
    button.textContent = 'Copied'
    setTimeout(() => { button.textContent = 'Copy' }, 2000)
  })
  code.parentElement.append(button)
}
`
