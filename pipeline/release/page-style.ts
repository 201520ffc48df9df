/** How the download page looks: one style sheet inside the page, for phones and desks, light and dark. */
export const pageStyle = `
:root {
  color-scheme: light dark;
  --ink: #16212e; --soft: #52606f; --page: #f3f6f9; --card: #fff; --line: #d8e0e9; --code: #eef2f7;
  --go: #1d5fd0; --on-go: #fff; --good: #0a6b42; --warn: #8a5a00; --warn-back: #fff6e0; --bad: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6ecf3; --soft: #a3b0be; --page: #10161d; --card: #18212b; --line: #2e3b49; --code: #111922;
    --go: #8ab4ff; --on-go: #0b1522; --good: #5ad19a; --warn: #f0b860; --warn-back: #2b2413; --bad: #ff8a80;
  }
}
* { box-sizing: border-box }
html { scroll-behavior: smooth }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto } }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, 'Segoe UI', sans-serif }
main, footer { max-width: 72rem; margin: 0 auto; padding: 0 1.25rem }
header { max-width: 72rem; margin: 0 auto; padding: 2.5rem 1.25rem 0 }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 }
h2 { font-size: 1.3rem; margin: 2.25rem 0 .5rem }
h3 { font-size: 1.1rem; line-height: 1.3; margin: 0 }
p { margin: .5rem 0 }
a { color: var(--go) }
a:focus-visible, button:focus-visible, summary:focus-visible { outline: 3px solid var(--go); outline-offset: 2px; border-radius: 4px }
.skip { position: absolute; left: -99rem }
.skip:focus { left: 1rem; top: 1rem; background: var(--card); padding: .5rem 1rem; z-index: 1 }
.soft, dt { color: var(--soft) }
.facts { display: flex; flex-wrap: wrap; gap: .2rem 1.6rem; margin: .6rem 0 0; padding: 0; list-style: none; color: var(--soft) }
.facts strong { color: var(--ink); font-weight: 600 }
.good { color: var(--good) }
.bad { color: var(--bad) }
.note { background: var(--warn-back); border: 1px solid var(--warn); border-radius: 10px; padding: .7rem 1rem; margin: 1rem 0 0 }
.note strong { color: var(--warn) }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(21rem, 100%), 1fr)); gap: 1rem; margin: 1rem 0 0; padding: 0; list-style: none }
.card { display: flex; flex-direction: column; min-width: 0; background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.2rem }
.card.yours { border-color: var(--go); box-shadow: inset 0 0 0 1px var(--go) }
.tag { display: none; align-self: flex-start; font-size: .8rem; font-weight: 600; color: var(--go); margin: 0 0 .2rem }
.yours .tag { display: block }
.get { display: block; text-align: center; text-decoration: none; font-weight: 600; background: var(--go); color: var(--on-go); border-radius: 8px; padding: .65rem 1rem; margin: .8rem 0 .2rem }
.get:hover { filter: brightness(1.08) }
.get span { font-weight: 400; opacity: .9 }
.file { font-size: .82rem; color: var(--soft); overflow-wrap: anywhere; margin: 0 }
.line { display: flex; align-items: stretch; background: var(--code); border: 1px solid var(--line); border-radius: 8px; margin: .4rem 0; min-width: 0 }
pre { flex: 1; min-width: 0; margin: 0; padding: .55rem .75rem; overflow-x: auto; font: .84rem/1.5 ui-monospace, 'DejaVu Sans Mono', monospace }
code { font: .9em ui-monospace, 'DejaVu Sans Mono', monospace; overflow-wrap: anywhere }
.card pre { white-space: pre-wrap; overflow-wrap: anywhere }
.line button { flex: none; border: 0; border-left: 1px solid var(--line); background: none; color: var(--go); font: inherit; font-size: .82rem; min-width: 4.2rem; cursor: pointer }
.sum { font: .8rem/1.4 ui-monospace, 'DejaVu Sans Mono', monospace; overflow-wrap: anywhere; margin: 0 }
dl { margin: .7rem 0 0 }
dt { font-size: .82rem; margin-top: .5rem }
dd { margin: 0 }
.links { margin: auto 0 0; padding-top: .8rem; font-size: .9rem; display: flex; flex-wrap: wrap; gap: .3rem 1rem }
details { margin: 1rem 0 0 }
summary { cursor: pointer; font-weight: 600 }
.panel { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1rem 1.2rem; margin: 1rem 0 0 }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; min-width: 40rem; font-size: .92rem }
th { text-align: left; color: var(--soft); font-weight: 600 }
th, td { padding: .45rem .9rem .45rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
td:first-child { overflow-wrap: anywhere; min-width: 13rem }
td:nth-child(2), td:nth-child(3) { white-space: nowrap }
@media (max-width: 44rem) {
  table { min-width: 0 }
  thead { position: absolute; left: -99rem }
  table, tbody, tr, td { display: block }
  tr { padding: .6rem 0; border-bottom: 1px solid var(--line) }
  td { position: relative; padding: .1rem 0; border: 0 }
  td:first-child { font-weight: 600 }
  td[data-label] { padding-left: 3.8rem }
  td[data-label]::before { content: attr(data-label); position: absolute; left: 0; color: var(--soft) }
}
footer { padding-top: 2rem; padding-bottom: 3rem; color: var(--soft); font-size: .9rem }
`
