package draw

// PageStyle is the style sheet of pages that show pictures: colours as variables, light and
// dark, and what all of them have.
const PageStyle = `
:root { color-scheme: light dark; --ink: #1b2733; --soft: #6b7785; --line: #e3e8ed; --page: #ffffff; --pane: #f6f8fb; --good: #3f9a63; --fair: #d0a02e; --bad: #c8554b; --g: #f0f9f3; --f: #fff6dc; --b: #fdeceb; --good-ink: #2f7d4f; --fair-ink: #846208; --bad-ink: #b3362b }
@media (prefers-color-scheme: dark) { :root { --ink: #e7edf3; --soft: #93a1af; --line: #2a3540; --page: #12181f; --pane: #1a222b; --g: #16271d; --f: #2e2914; --b: #331d1b; --good-ink: #6cc28d; --fair-ink: #e0b84a; --bad-ink: #f08b82 } }
body { margin: 0 auto; max-width: 1200px; padding: 32px 28px 80px; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 22px; font-weight: 600; margin: 0 0 4px } h2 { font-size: 19px; font-weight: 600; margin: 56px 0 2px } p { margin: 0 0 16px; color: var(--soft) }
a { color: inherit } table { border-collapse: collapse } .shares td { padding: 4px 18px 4px 0; white-space: nowrap } .shares .n { text-align: right; font-variant-numeric: tabular-nums } .dim { color: var(--soft) }
.meter { display: inline-block; width: 120px; height: 6px; border-radius: 3px; background: var(--line); overflow: hidden; vertical-align: middle } .meter i { display: block; height: 100% }
.meter .good { background: var(--good) } .meter .fair { background: var(--fair) } .meter .bad { background: var(--bad) }
.figure { margin: 20px 0; max-height: 1400px; overflow: auto; border: 1px solid var(--line); border-radius: 10px } .figure svg { display: block; margin: 0 auto; max-width: 100%; height: auto }
@media print { .figure { max-height: none } }`
