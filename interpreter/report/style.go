package report

const timelineDefs = `<pattern id="wf-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="wf-ink" d="M0,0 V6" stroke-width="2.4"/></pattern>` +
	`<pattern id="wf-cross" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="wf-ink" d="M0,0 V5 M0,0 H5" stroke-width="1.6"/></pattern>` +
	`<pattern id="wf-dots" width="5" height="5" patternUnits="userSpaceOnUse"><circle class="wf-dot" cx="2" cy="2" r="1"/></pattern>`

const timelineStyle = `
.wf-t text { font: 12px system-ui, sans-serif; fill: #1b2733 } .wf-t .page { fill: #ffffff } .wf-t .title { font: 600 17px system-ui, sans-serif } .wf-t .title .soft { font-weight: 400; unicode-bidi: isolate }
.wf-t .soft, .wf-t .tick { fill: #6b7785 } .wf-t .tick { font-size: 11px } .wf-t .grid { stroke: #e3e8ed } .wf-t .rule { stroke: #cbd4dd; stroke-dasharray: 2 4 } .wf-t .skip { fill: url(#wf-dots); stroke: none } .wf-dot { fill: #c3ccd5 }
.wf-t .step { fill: #eef2f6; stroke: #b9c4d0 } .wf-t .bracket { fill: none; stroke: #8496a8; stroke-width: 1.6 } .wf-t .sign { font-weight: 700 } .wf-t .end { fill: #6b7785 }
.wf-t .good .sign { fill: #2f7d4f } .wf-t .fair .sign, .wf-t .end.fair { fill: #96700f } .wf-t .bad .sign, .wf-t .end.bad { fill: #b3362b } .wf-t .idle .sign, .wf-t .idle .name { fill: #93a0ad }
.wf-t .fair .step { fill: #fff6dc; stroke: #d9b95b } .wf-t .bad .step { fill: #fdeceb; stroke: #d99a94 } .wf-t .cut .step { stroke-dasharray: 3 3 }
.wf-t .bar text { font: 600 10px ui-monospace, Menlo, Consolas, monospace; fill: #ffffff } .wf-t .bar .over { fill: none } .wf-t .bar path { stroke: #8496a8; stroke-width: 2; stroke-dasharray: 2 4 } .wf-t .bar.held path { stroke-width: 8; stroke-dasharray: 1.5 3 }
.wf-t .bar.good .fill { fill: #2f7d4f } .wf-t .bar.taken .fill { fill: #3f6ea8 } .wf-t .bar.again .fill { fill: #a87a12 } .wf-t .bar.bad .fill { fill: #b3362b } .wf-t .bar.cut .fill { fill: #ffffff; stroke: #6b7785; stroke-dasharray: 3 2 } .wf-t .bar.cut text { fill: #6b7785 }
.wf-t .bar.again .over { fill: url(#wf-hatch) } .wf-t .bar.bad .over { fill: url(#wf-cross) } .wf-ink { stroke: #000000; stroke-opacity: .28 }
@media (prefers-color-scheme: dark) {
.wf-t text { fill: #e7edf3 } .wf-t .page { fill: #12181f } .wf-t .soft, .wf-t .tick, .wf-t .end { fill: #93a1af } .wf-t .grid { stroke: #26313b } .wf-t .rule { stroke: #36424f } .wf-dot { fill: #3a4652 }
.wf-t .step { fill: #1d2630; stroke: #42505f } .wf-t .good .sign { fill: #6cc28d } .wf-t .fair .sign, .wf-t .end.fair { fill: #e0b84a } .wf-t .bad .sign, .wf-t .end.bad { fill: #f08b82 } .wf-t .idle .sign, .wf-t .idle .name { fill: #6d7a87 }
.wf-t .fair .step { fill: #2b2716; stroke: #8a743a } .wf-t .bad .step { fill: #331d1b; stroke: #87453f } .wf-t .bar.cut .fill { fill: #12181f; stroke: #93a1af } .wf-t .bar.cut text { fill: #93a1af }
}`
