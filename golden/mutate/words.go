package mutate

import (
	"slices"

	"wf/lang/syntax"
	"wf/lang/token"
)

// relatives are the functions that are easily taken for one another.
var relatives = map[string]string{"any": "all", "all": "any", "min": "max", "max": "min", "first": "last", "last": "first"}

// betweens are words between two values that are so, too.
var betweens = map[string]string{"startsWith": "endsWith", "endsWith": "startsWith"}

// asked exchanges functions for related ones.
func asked(p *planter, f *syntax.File) {
	p.eachToken(f, true, func(owner string, tokens []scanned, i int) {
		t := tokens[i]
		if t.Kind != token.Ident || i > 0 && isDot(tokens[i-1]) || isKey(tokens, i) {
			return
		}
		to := betweens[t.text]
		if i+1 < len(tokens) && tokens[i+1].text == "(" {
			to = relatives[t.text]
		}
		if to != "" {
			p.plant(t.span(p), t.text+" of "+owner, put(t.span(p), to))
		}
	})
}

func isDot(t scanned) bool { return t.text == "." || t.text == "?." }

// reckoned are operators that are, too.
// reckoned are operators that are, too.
var reckoned = map[string]string{"+": "-", "-": "+", "*": "/", "/": "*"}

// miscounted exchanges operators between two values.
func miscounted(p *planter, f *syntax.File) {
	p.eachToken(f, true, func(owner string, tokens []scanned, i int) {
		t := tokens[i]
		to := reckoned[t.text]
		if to == "" || t.Kind != token.Op || i == 0 {
			return
		}
		switch before := tokens[i-1]; {
		case before.Kind == token.Op && before.text != ")" && before.text != "]" && before.text != "}": // a sign
		case before.Kind == token.Newline:
		default:
			p.plant(t.span(p), t.text+" of "+owner, put(t.span(p), to))
		}
	})
}

// misread reads another field of the same record: of the input the next one of the same
// shape, else the next one that is read nearby.
func misread(p *planter, f *syntax.File) {
	next := p.inputs(f)
	read := map[string][]string{} // fields by owner and record
	each := func(visit func(of, owner string, t scanned)) {
		p.eachToken(f, true, func(owner string, tokens []scanned, i int) {
			if t := tokens[i]; i > 1 && t.Kind == token.Ident && isDot(tokens[i-1]) && tokens[i-2].Kind == token.Ident && (i < 3 || !isDot(tokens[i-3])) &&
				(i+1 == len(tokens) || tokens[i+1].text != "(") {
				root := tokens[i-2].text
				if root == "body" {
					root = owner + " " + root
				}
				visit(root, owner, t)
			}
		})
	}
	each(func(of, _ string, t scanned) {
		if of != "input" && !slices.Contains(read[of], t.text) {
			read[of] = append(read[of], t.text)
		}
	})
	each(func(of, owner string, t scanned) {
		to := next[t.text]
		if list := read[of]; of != "input" {
			to = list[(slices.Index(list, t.text)+1)%len(list)]
		}
		if to != "" && to != t.text {
			p.plant(t.span(p), to+" for "+t.text+" of "+owner, put(t.span(p), to))
		}
	})
}

// inputs says which field of the inputs follows one, of those with the same shape.
func (p *planter) inputs(f *syntax.File) map[string]string {
	byShape := map[string][]string{}
	eachStmt(f, func(_ string, st syntax.Stmt) {
		in, ok := st.(*syntax.Input)
		if !ok || in.Record == nil {
			return
		}
		for _, field := range in.Record.Fields {
			shape := p.text(syntax.PlaceOf(field.Shape))
			byShape[shape] = append(byShape[shape], field.Name.Text)
		}
	})
	next := map[string]string{}
	for _, names := range byShape {
		for i, name := range names {
			next[name] = names[(i+1)%len(names)]
		}
	}
	return next
}
