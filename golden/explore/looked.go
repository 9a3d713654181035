package explore

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"wf/golden"
	"wf/golden/vary"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/token"
	"wf/lang/value"
)

// A call may answer one thing or another, and most of it is only handed on. What decides
// where a run goes is read by a condition: directly, or by a name that it was given. looks
// are those parts of inputs and answers, with what conditions compare them with.

// looks says which parts of a value conditions look at: paths of fields, where [] stands
// for an element of a list.
type looks map[string][]any // path to what stands beside it: literals, and relatives

// relative is what an answer is compared with: a part of the run's input, or of itself.
type relative struct {
	input bool
	path  string
}

// String is the relative as it is told.
func (r relative) String() string {
	if r.input {
		return "input." + r.path
	}
	return r.path
}

// lookout follows names to what they come from.
type lookout struct {
	run   *graph.Graph          // that is explored
	of    map[*graph.Call]looks // of answers and payloads
	input map[*graph.Graph]looks
	focus []string // expressions, all of whose values matter as those of conditions do, and more
}

// part is a part of an answer or of an input.
type part struct {
	call     *graph.Call
	graph    *graph.Graph
	path     []string
	literals []any // beside it
}

// origin is where the value of a name comes from.
type origin struct {
	call  *graph.Call   // its answer
	graph *graph.Graph  // its input
	value *expr.Program // what it was made by, as seen from names
	elem  bool          // an element of value
	names names
}

// names is what the names mean in a place.
type names map[string][]origin

func (n names) with(name string, o ...origin) names {
	if name == "" || len(o) == 0 {
		return n
	}
	out := maps.Clone(n)
	out[name] = o
	return out
}

// looksOf finds what the conditions of a workflow, and of those that it calls, look at.
func looksOf(g *graph.Graph, focus []string) *lookout {
	l := &lookout{run: g, of: map[*graph.Call]looks{}, input: map[*graph.Graph]looks{}, focus: focus}
	l.graph(g)
	for _, called := range g.Called() {
		l.graph(called)
	}
	return l
}

func (l *lookout) graph(g *graph.Graph) {
	n := names{"input": {{graph: g}}}
	for _, st := range g.Prelude {
		n = l.stmt(st, n, nil)
	}
	n = l.steps(g.Steps, n)
	l.focused(g.Output, n)
	for _, b := range []*graph.Block{g.OnFailed, g.Finally} {
		if b != nil {
			l.steps(b.Steps, n)
		}
	}
}

// steps visits steps that run together. Behind them their names can be read.
func (l *lookout) steps(steps []*graph.Step, n names) names {
	for _, s := range steps {
		l.condition(s.When, n)
		var results []origin
		inside := l.block(s.Body, n, nil, &results)
		_ = inside
		n = n.with(s.Name, results...)
	}
	return n
}

// block visits statements; results collects what they end a step with.
func (l *lookout) block(body []graph.Stmt, n names, of *graph.Call, results *[]origin) names {
	for _, st := range body {
		switch st := st.(type) {
		case *graph.Return:
			l.focused(st.Value, n)
			*results = append(*results, origin{value: st.Value, names: n})
		case *graph.Degrade:
			l.focused(st.Value, n)
			*results = append(*results, origin{value: st.Value, names: n})
		case *graph.Call:
			n = l.call(st, n, results)
		case *graph.Switch:
			for _, a := range st.Arms {
				l.condition(a.When, n)
				n = maps.Clone(l.block(a.Body, n, of, results))
			}
		case *graph.Group:
			n = l.steps(st.Steps, n)
			l.clauses(st.Clauses, n, nil, results)
			if st.Finally != nil {
				l.steps(st.Finally.Steps, n)
			}
		case *graph.Loop:
			l.condition(st.In, n)
			in := n.with(st.Var, origin{value: st.In, elem: true, names: n})
			l.steps(st.Steps, in)
		default:
			n = l.stmt(st, n, of)
		}
	}
	return n
}

func (l *lookout) stmt(st graph.Stmt, n names, _ *graph.Call) names {
	switch st := st.(type) {
	case *graph.Let:
		l.focused(st.Value, n)
		return n.with(st.Name, origin{value: st.Value, names: n})
	case *graph.Ensure:
		l.condition(st.Cond, n)
	}
	return n
}

func (l *lookout) call(c *graph.Call, n names, results *[]origin) names {
	answer := origin{call: c}
	if c.Runs != nil {
		answer = origin{value: c.Runs.Output, names: names{}}
	}
	l.focused(c.Args, n)
	l.focused(c.Key, n)
	n = n.with("body", answer).with(c.Bind, answer)
	l.clauses(c.Clauses, n, c, results)
	if c.Undo != nil {
		l.steps(c.Undo.Steps, n.with("body", answer))
	}
	if c.Main {
		*results = append(*results, answer)
	}
	return n
}

func (l *lookout) clauses(list []*graph.Clause, n names, of *graph.Call, results *[]origin) {
	if of != nil {
		n = n.with("body", origin{call: of})
	}
	for _, c := range list {
		l.condition(c.When, n)
		l.block(c.Body, n, of, results)
	}
}

// condition notes what a condition looks at.
func (l *lookout) condition(p *expr.Program, n names) {
	if p == nil {
		return
	}
	paths, literals := scan(p)
	for _, path := range paths { // what a name stands for is compared with, too
		for _, o := range n[path[0]] {
			if o.value != nil && !o.elem && len(path) == 1 {
				_, more := scan(o.value)
				literals = append(literals, more...)
			}
		}
	}
	if slices.Contains(l.focus, p.String()) {
		literals = append(literals, first{})
	}
	var parts []part
	for _, path := range paths {
		parts = append(parts, follow(path, n, literals, 0)...)
	}
	for _, x := range parts {
		if x.call == nil {
			note(at(l.input, x.graph), x.path, x.literals)
			continue
		}
		note(at(l.of, x.call), x.path, x.literals)
		for _, y := range parts {
			r := relative{y.graph == l.run, strings.Join(y.path, ".")}
			if (r.input || y.call == x.call && r.path < strings.Join(x.path, ".")) && !slices.Contains(x.path, "[]") && !slices.Contains(y.path, "[]") && r.path != "" {
				note(at(l.of, x.call), x.path, []any{r})
			}
		}
	}
}

// first stands among the literals of what is tried first.
type first struct{}

// focused notes what an expression looks at that is no condition, if it matters.
func (l *lookout) focused(p *expr.Program, n names) {
	if p != nil && slices.Contains(l.focus, p.String()) {
		l.condition(p, n)
	}
}

// maxHops bounds how far names are followed.
const maxHops = 30

// follow goes from a path to what it comes from.
func follow(path []string, n names, literals []any, hops int) (out []part) {
	if hops > maxHops || len(path) == 0 {
		return nil
	}
	for _, o := range n[path[0]] {
		switch rest := path[1:]; {
		case o.call != nil || o.graph != nil:
			out = append(out, part{o.call, o.graph, rest, literals})
		case o.value != nil:
			if o.elem {
				rest = append([]string{"[]"}, rest...)
			}
			out = append(out, into(o.value, rest, o.names, literals, hops+1)...)
		}
	}
	return out
}

// into goes from a part of a value to what that is made of.
func into(p *expr.Program, rest []string, n names, literals []any, hops int) (out []part) {
	if plain := p.Path(); plain != nil {
		return follow(append(slices.Clone(plain), rest...), n, literals, hops)
	}
	if len(rest) > 0 {
		for _, f := range p.Fields() {
			if f.Name == rest[0] && f.Path != nil {
				return follow(append(slices.Clone(f.Path), rest[1:]...), n, literals, hops)
			}
			if f.Name == rest[0] && f.Literal != nil {
				return nil
			}
		}
	}
	paths, more := scan(p)
	for _, path := range paths {
		out = append(out, follow(path, n, append(slices.Clip(literals), more...), hops)...)
	}
	return out
}

func at[K comparable](m map[K]looks, k K) looks {
	if m[k] == nil {
		m[k] = looks{}
	}
	return m[k]
}

func note(l looks, path []string, literals []any) {
	key := strings.Join(path, ".")
	for _, v := range literals {
		if !slices.Contains(l[key], v) {
			l[key] = append(l[key], v)
		}
	}
	if l[key] == nil {
		l[key] = []any{}
	}
}

// scan lists the paths that an expression reads and its literals. A field that a list
// function reads of each element is one of all lists.
func scan(p *expr.Program) (paths [][]string, literals []any) {
	tokens, _, _ := token.Scan("", p.String())
	text := token.Text{Source: p.String(), Tokens: tokens}
	word := text.Word
	var loose [][]string
	for i := 0; i < len(tokens); i++ {
		switch tokens[i].Kind {
		case token.String:
			if s, err := strconv.Unquote(word(i)); err == nil {
				literals = append(literals, s)
			}
		case token.Int:
			if n, err := strconv.Atoi(word(i)); err == nil {
				literals = append(literals, n)
			}
		case token.Float:
			if f, err := strconv.ParseFloat(word(i), 64); err == nil {
				literals = append(literals, f)
			}
		case token.Duration:
			if d, err := value.ParseDuration(word(i)); err == nil && d > 0 {
				literals = append(literals, d)
			}
		case token.Ident:
			free := word(i-1) == "." || word(i-1) == "?."
			if word(i+1) == "(" {
				continue
			}
			path := []string{word(i)}
			for i+1 < len(tokens) {
				if (word(i+1) == "." || word(i+1) == "?.") && i+2 < len(tokens) && tokens[i+2].Kind == token.Ident {
					path = append(path, word(i+2))
					i += 2
					continue
				}
				if word(i+1) == "[" {
					path = append(path, "[]")
					i = text.Closing(i + 1)
					continue
				}
				break
			}
			if free {
				loose = append(loose, path)
			} else {
				paths = append(paths, path)
			}
		}
	}
	for _, path := range slices.Clone(paths) {
		for _, f := range loose {
			paths = append(paths, append(append(slices.Clone(path), "[]"), f...))
		}
	}
	return paths, literals
}

// variant is a value with one thing changed.
type variant struct {
	value any
	label string // "plan is pro"
}

// maxVariants bounds the values that are tried instead of one.
const maxVariants = 12

// variants lists the values of a type that conditions may tell from v, each with one
// thing changed.
func (l looks) variants(t *value.Type, v any) []variant {
	var out []variant
	soon, later := []string{}, []string{}
	for _, path := range slices.Sorted(maps.Keys(l)) {
		if slices.Contains(l[path], any(first{})) {
			soon = append(soon, path)
		} else {
			later = append(later, path)
		}
	}
	for _, path := range append(soon, later...) {
		var fields []string
		if path != "" {
			fields = strings.Split(path, ".")
		}
		for _, w := range instead(t, v, fields, l[path], "") {
			if _, violations := t.Conform(w.value, nil); len(violations) > 0 || vary.Same(w.value, v) {
				continue
			}
			if slices.ContainsFunc(out, func(o variant) bool { return vary.Same(o.value, w.value) }) {
				continue
			}
			name := w.label
			for n := 2; slices.ContainsFunc(out, func(o variant) bool { return o.label == w.label }); n++ { // of secrets
				w.label = name + " (" + strconv.Itoa(n) + ")"
			}
			out = append(out, w)
		}
	}
	return out[:min(len(out), maxVariants)]
}

// kin is a part of an answer that depends on something else.
type kin struct {
	path  []string // of the answer
	input bool     // it depends on the input, else on the answer
	on    []string // the path there
	plus  int
}

// kin lists what an answer of a type may say that conditions compare with the input or with
// each other, and how that is told.
func (l looks) kin(t *value.Type) (out []kin, labels []string) {
	for _, path := range slices.Sorted(maps.Keys(l)) {
		for _, lit := range l[path] {
			r, ok := lit.(relative)
			of := typeAt(t, path)
			if !ok || of == nil || len(out) > maxVariants || !r.input && typeAt(t, r.path) == nil {
				continue
			}
			add := func(plus int, label string) {
				out = append(out, kin{strings.Split(path, "."), r.input, strings.Split(r.path, "."), plus})
				labels = append(labels, path+" is "+label+r.String())
			}
			switch of.Kind {
			case value.Int:
				add(0, "")
				if r.input {
					add(1, "1 more than ")
					add(-1, "1 less than ")
				}
			case value.String, value.Enum, value.Bool, value.Float, value.Time, value.Duration:
				add(0, "")
			}
		}
	}
	return out, labels
}

// typeAt is the type of a field; nil if there is none.
func typeAt(t *value.Type, path string) *value.Type {
	if path == "" {
		return nil
	}
	for name := range strings.SplitSeq(path, ".") {
		if t.Kind != value.Record || t.Field(name) == nil {
			return nil
		}
		t = t.Field(name).Type.Req()
	}
	return t
}

// in makes the part of an answer what it depends on; false if it may not be that, or is it.
func (k *kin) in(t *value.Type, answer any, input map[string]any) (any, bool) {
	from := answer
	if k.input {
		from = input
	}
	v := holder(from, k.on)[k.on[len(k.on)-1]]
	if n, ok := v.(int); ok {
		v = n + k.plus
	}
	out := fresh(answer)
	record := holder(out, k.path)
	if record == nil || v == nil {
		return answer, false
	}
	record[k.path[len(k.path)-1]] = v
	if _, violations := t.Conform(out, nil); len(violations) > 0 || vary.Same(out, answer) {
		return answer, false
	}
	return out, true
}

// holder is the record that a path of fields ends in; nil if there is none.
func holder(v any, path []string) map[string]any {
	record, _ := v.(map[string]any)
	for _, name := range path[:len(path)-1] {
		record, _ = record[name].(map[string]any)
	}
	return record
}

// instead lists values that differ from v in a part.
func instead(t *value.Type, v any, path []string, literals []any, name string) []variant {
	if len(path) == 0 {
		return others(t, v, literals, name)
	}
	switch t.Kind {
	case value.Record:
		f := t.Field(path[0])
		if f == nil {
			return nil
		}
		record, _ := v.(map[string]any)
		at := strings.TrimPrefix(name+"."+f.Name, ".")
		old, there := record[f.Name]
		var out []variant
		set := func(w any, label string, drop bool) {
			c := maps.Clone(record)
			if c == nil {
				c = map[string]any{}
			}
			if c[f.Name] = w; drop {
				delete(c, f.Name)
			}
			out = append(out, variant{c, label})
		}
		if there && f.CanOmit() {
			set(nil, "without "+at, true)
		}
		if !there {
			old = value.ExampleOf(f)
			set(old, labelled(f.Type, at, old), false)
		}
		for _, w := range instead(f.Type.Req(), old, path[1:], literals, at) {
			set(w.value, w.label, false)
		}
		return out
	case value.List:
		list, _ := v.([]any)
		if path[0] != "[]" || len(list) == 0 {
			return others(t, v, nil, name)
		}
		var out []variant
		for _, w := range instead(t.Elem, list[0], path[1:], literals, name+"[0]") {
			c := slices.Clone(list)
			c[0] = w.value
			out = append(out, variant{c, w.label})
		}
		return out
	}
	return nil
}

// others lists values of a type beside v.
func others(t *value.Type, v any, literals []any, name string) []variant {
	var out []variant
	add := func(w any) { out = append(out, variant{w, labelled(t, name, w)}) }
	switch t.Kind {
	case value.Bool:
		add(v != true)
	case value.Enum:
		for _, w := range t.Values {
			add(w)
		}
	case value.Int, value.Float:
		for _, lit := range literals {
			switch n := lit.(type) {
			case int:
				for _, d := range []int{0, 1, -1} {
					add(n + d)
				}
			case float64:
				for _, d := range []float64{0, 1, -1} {
					add(n + d)
				}
			case size:
				add(int(n))
			}
		}
		add(0)
		if t.Rules.Min != nil {
			add(t.Rules.Min)
		}
		if n, ok := v.(int); ok { // the other side of what it is compared with
			add(n + 1)
			add(n * 1000)
		}
	case value.String:
		for _, lit := range literals {
			if s, ok := lit.(string); ok {
				add(s)
			}
		}
		add("other")
		add("")
		add(vary.Another(t, v))
	case value.Time:
		for _, lit := range literals {
			if d, ok := lit.(time.Duration); ok {
				for _, from := range []time.Time{golden.Start, momentOf(v)} {
					add(from.Add(d).UTC().Format(time.RFC3339))
					add(from.Add(-d).UTC().Format(time.RFC3339))
				}
			}
		}
		for _, d := range []time.Duration{-24 * time.Hour, time.Hour, 400 * 24 * time.Hour} {
			add(golden.Start.Add(d).Format(time.RFC3339))
		}
	case value.Duration:
		for _, lit := range literals {
			if d, ok := lit.(time.Duration); ok {
				add(value.FormatDuration(d))
				add(value.FormatDuration(d + time.Second))
			}
		}
		add("0s")
		add("1h")
	case value.List:
		list, _ := v.([]any)
		for _, lit := range literals {
			if n, ok := lit.(size); ok && len(list) > 0 && int(n) > len(list) {
				more := slices.Clone(list)
				for len(more) < int(n) {
					more = append(more, vary.Another(t.Elem, more[len(more)-1]))
				}
				out = append(out, variant{more, strconv.Itoa(int(n)) + " of " + name})
			}
		}
		if len(list) > 0 {
			out = append(out, variant{[]any{}, "no " + name})
			out = append(out, variant{append(slices.Clone(list), vary.Another(t.Elem, list[len(list)-1])), strconv.Itoa(len(list)+1) + " of " + name})
		}
	case value.Any:
		for _, lit := range literals {
			switch lit.(type) {
			case size, first, time.Duration:
			default:
				add(lit)
			}
		}
	}
	return out
}

// momentOf is a time as values hold it; the beginning of runs, if it is none.
func momentOf(v any) time.Time {
	text, _ := v.(string)
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at
	}
	return golden.Start
}

func labelled(t *value.Type, name string, v any) string {
	if t.Secret {
		v = value.Mask
	}
	switch v := v.(type) {
	case map[string]any, []any:
		return "with " + name
	case string:
		if v == "" {
			return name + " is empty"
		}
		return name + " is " + v
	}
	return name + " is " + value.Literal(v)
}
