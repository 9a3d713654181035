// Package vary makes values that tell cases apart: inputs and answers that differ from a
// given one in what a workflow looks at, and the outcomes that an operation can have.
package vary

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/token"
	"wf/lang/value"
)

func sorted(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// Pool is values that a workflow compares with, so that changes hit its conditions.
type Pool struct {
	texts   []any
	numbers []any
}

// Add notes a value, and of a number its neighbours.
func (p *Pool) Add(v any) {
	switch v := v.(type) {
	case string:
		if !slices.Contains(p.texts, any(v)) && len(p.texts) < maxPool {
			p.texts = append(p.texts, v)
		}
	case int:
		for _, n := range []int{v, v + 1, v - 1} {
			if !slices.Contains(p.numbers, any(n)) && len(p.numbers) < maxPool {
				p.numbers = append(p.numbers, n)
			}
		}
	case float64:
		p.numbers = append(p.numbers, v)
	case []any:
		for _, e := range v {
			p.Add(e)
		}
	case map[string]any:
		for _, name := range sorted(v) {
			p.Add(v[name])
		}
	}
}

// others are texts of the formats.
var others = []string{"bob@example.com", "https://example.org/", "6f1a2b3c-4d5e-4f60-8a7b-9c0d1e2f3a4b", "2025-01-31", "2027-01-31", "192.0.2.2"}

// maxPool bounds a pool.
const maxPool = 60

// PoolOf collects the literals of a workflow, and the names that matter for where it
// goes.
func PoolOf(g *graph.Graph) (Pool, map[string]bool) {
	p, idents := Pool{}, map[string]bool{}
	literals := func(text string) {
		tokens, _, _ := token.Scan("", text)
		for _, t := range tokens {
			word := text[t.Start:t.End]
			switch t.Kind {
			case token.String:
				if s, err := strconv.Unquote(word); err == nil {
					p.Add(s)
				}
			case token.Ident:
				idents[word] = true
			default:
				if n, err := strconv.Atoi(word); err == nil {
					p.Add(n)
				} else if f, err := strconv.ParseFloat(word, 64); err == nil {
					p.Add(f)
				}
			}
		}
	}
	program := func(p *expr.Program) {
		if p != nil {
			literals(p.String())
		}
	}
	walk := func(st graph.Stmt) {
		switch st := st.(type) {
		case *graph.Let:
			program(st.Value)
		case *graph.Ensure:
			program(st.Cond)
		case *graph.Return:
			program(st.Value)
		case *graph.Degrade:
			program(st.Value)
		case *graph.Fail:
			program(st.Message)
		case *graph.Switch:
			for _, a := range st.Arms {
				program(a.When)
			}
		case *graph.Group:
			for _, s := range st.Steps {
				program(s.When)
			}
			conditions(st.Clauses, program)
		case *graph.Loop:
			program(st.In)
			program(st.Steps[0].When)
		case *graph.Call:
			if st.Args != nil && len(st.Args.Probes()) > 0 {
				program(st.Args)
			}
			if st.Key != nil && len(st.Key.Probes()) > 0 {
				program(st.Key)
			}
			if st.By != nil && len(st.By.Probes()) > 0 {
				program(st.By)
			}
			if st.Policy.Timeout != nil {
				program(st.Policy.Timeout.Value)
			}
			conditions(st.Clauses, program)
		}
	}
	graph.EachStmt(g.Prelude, walk)
	for _, s := range g.Steps {
		program(s.When)
		graph.EachStmt(s.Body, walk)
	}
	program(g.Output)
	for _, n := range []int{0, -1, 1_000_000} {
		if !slices.Contains(p.numbers, any(n)) {
			p.numbers = append(p.numbers, n)
		}
	}
	return p, idents
}

func conditions(clauses []*graph.Clause, visit func(*expr.Program)) {
	for _, c := range clauses {
		visit(c.When)
	}
}

// Change is a value with one thing changed.
type Change struct {
	Value any
	Label string // "plan is "pro"", "without company"
}

// Varier changes values: fields that no condition reads stay as they are.
type Varier struct {
	Pool
	Idents map[string]bool // of fields that matter
}

// Vary lists the values of a type that differ from v in one place.
func (p *Varier) Vary(t *value.Type, v any, path string) []Change {
	var out []Change
	add := func(w any) {
		if Same(v, w) {
			return
		}
		if done, violations := t.Conform(w, nil); len(violations) > 0 || Same(v, done) {
			return
		}
		out = append(out, Change{w, labelOf(path, shown(t, w))})
	}
	if v == nil {
		add(value.ExampleOf(&value.Field{Name: last(path), Type: t.Req()}))
	}
	if t.Optional && v != nil {
		add(nil)
	}
	switch t.Kind {
	case value.Bool:
		add(v != true)
	case value.Enum:
		for _, w := range t.Values {
			add(w)
		}
	case value.Int, value.Float:
		if t.Rules.Min != nil {
			add(t.Rules.Min)
		}
		if t.Rules.Max != nil {
			add(t.Rules.Max)
		}
		for _, n := range p.numbers {
			add(n)
		}
	case value.String, value.Any:
		for _, s := range p.texts {
			add(s)
		}
		add("other")
		add("")
		for _, s := range others {
			add(s)
		}
		if t.Kind == value.Any {
			add(nil)
			add(true)
			for _, n := range p.numbers {
				add(n)
			}
		}
	case value.Time:
		for _, d := range []time.Duration{-400 * 24 * time.Hour, -time.Hour, time.Hour, 400 * 24 * time.Hour} {
			add(time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC).Add(d).Format(time.RFC3339))
		}
	case value.Duration:
		for _, d := range []string{"0s", "1s", "1h", "10d"} {
			add(d)
		}
	case value.List:
		out = append(out, p.varyList(t, v, path)...)
	case value.Record:
		out = append(out, p.varyRecord(t, v, path)...)
	}
	return out
}

func (p *Varier) varyList(t *value.Type, v any, path string) []Change {
	list, _ := v.([]any)
	var out []Change
	add := func(w []any, label string) {
		if _, violations := t.Conform(w, nil); len(violations) == 0 {
			out = append(out, Change{w, label})
		}
	}
	more := value.Example(t.Elem)
	if len(list) > 0 {
		add([]any{}, "no "+path)
		more = list[0]
		for _, c := range p.Vary(t.Elem, list[0], path+"[0]") {
			w := slices.Clone(list)
			w[0] = c.Value
			add(w, c.Label)
		}
	}
	if k := t.Elem.Kind; k == value.Int || k == value.Float {
		for _, n := range p.numbers {
			add([]any{n, Another(t.Elem, n)}, path+" begins with "+value.Literal(n))
		}
	}
	for _, e := range []any{Another(t.Elem, more), more} {
		add(append(slices.Clone(list), e), fmt.Sprintf("%d of %s", len(list)+1, path))
	}
	return out
}

// Another is a value that differs from v in every text and number, as far as the type
// allows.
func Another(t *value.Type, v any) any {
	w := v
	switch x := v.(type) {
	case string:
		w = x + "2"
	case int:
		w = x + 1
	case map[string]any:
		c := maps.Clone(x)
		for _, f := range t.Fields {
			if e, ok := c[f.Name]; ok {
				c[f.Name] = Another(f.Type, e)
			}
		}
		w = c
	}
	if _, violations := t.Conform(w, nil); len(violations) > 0 {
		return v
	}
	return w
}

func (p *Varier) varyRecord(t *value.Type, v any, path string) []Change {
	record, _ := v.(map[string]any)
	var out []Change
	for _, f := range t.Fields {
		at := f.Name
		if path != "" {
			at = path + "." + f.Name
		}
		old := record[f.Name]
		set := func(w any, label string) {
			c := maps.Clone(record)
			if c == nil {
				c = map[string]any{}
			}
			if w == nil && f.CanOmit() {
				delete(c, f.Name)
			} else {
				c[f.Name] = w
			}
			out = append(out, Change{c, label})
		}
		if old != nil && f.CanOmit() {
			set(nil, "without "+at)
		}
		if old == nil {
			old = value.ExampleOf(f)
			if def, ok := f.Default.(string); !ok || old != def {
				set(old, labelOf(at, shown(f.Type, old)))
			}
		}
		if !p.Idents[f.Name] && !composite(f.Type) {
			continue
		}
		for _, c := range p.Vary(f.Type, old, at) {
			set(c.Value, c.Label)
		}
	}
	return out
}

// shown is what a label may say of a value.
func shown(t *value.Type, v any) any {
	if t.Secret && v != nil {
		return value.Mask
	}
	return v
}

func composite(t *value.Type) bool { return t.Kind == value.Record || t.Kind == value.List }

// Same reports whether two values are the same in JSON.
func Same(a, b any) bool {
	switch a := a.(type) {
	case nil, string, bool, int:
		switch b.(type) {
		case nil, string, bool, int, map[string]any, []any:
			return a == b
		}
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			if w, ok := b[k]; !ok || !Same(v, w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !Same(a[i], b[i]) {
				return false
			}
		}
		return true
	}
	x, err1 := value.EncodeJSON(a, "")
	y, err2 := value.EncodeJSON(b, "")
	return err1 == nil && err2 == nil && string(x) == string(y)
}

func last(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '.' {
			return path[i+1:]
		}
	}
	return path
}

func labelOf(path string, v any) string {
	switch v := v.(type) {
	case nil:
		return "without " + path
	case map[string]any, []any:
		return "with " + path
	case string:
		if len(v) > 30 {
			return path + " is another"
		}
		return path + " is " + v
	default:
		return path + " is " + value.Literal(v)
	}
}

// With is a pool with the values of a record, too.
func (p Pool) With(record map[string]any) Pool {
	p.texts, p.numbers = slices.Clip(p.texts), slices.Clip(p.numbers)
	p.Add(any(record))
	return p
}

// Patterns are the outcomes of an operation, a class by a status of it that is not
// declared for itself.
func Patterns(sig *value.Signature) []value.Pattern {
	var out []value.Pattern
	for _, o := range sig.Outcomes {
		p := o.Pattern
		if p.Class != 0 {
			p = value.Pattern{Status: representative(sig, p.Class)}
		}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	if sig.Handler { // it may answer what it likes: a success, what is tried again, what is not
		out = append(out, value.Pattern{Status: 200}, value.Pattern{Status: 503}, value.Pattern{Status: 422})
	}
	for _, name := range sig.Always() {
		out = append(out, value.Pattern{Name: name})
	}
	return out
}

func representative(sig *value.Signature, class int) int {
	for _, n := range []int{3, 0, 2, 4, 1, 5, 10, 11, 12, 13, 14, 15} {
		status := class*100 + n
		if class != 5 {
			status = class*100 + n%3
		}
		if !slices.ContainsFunc(sig.Outcomes, func(o value.Outcome) bool { return o.Status == status }) {
			return status
		}
	}
	return class * 100
}

// StatusOf is a status that a pattern means; 0 for a class by name.
func StatusOf(p value.Pattern) int {
	if p.Class != 0 {
		return p.Class * 100
	}
	return p.Status
}

// Echo gives fields of a body the values that are known by their names.
func Echo(t *value.Type, v any, known func(name string) (any, bool)) any {
	record, ok := v.(map[string]any)
	if !ok || t.Kind != value.Record {
		return v
	}
	for _, f := range t.Fields {
		old, there := record[f.Name]
		if !there {
			continue
		}
		if f.Type.Kind == value.Record {
			record[f.Name] = Echo(f.Type, old, known)
			continue
		}
		if given, ok := known(f.Name); ok {
			if _, violations := f.Type.Conform(given, nil); len(violations) == 0 {
				record[f.Name] = given
			}
		}
	}
	return record
}

// Leaves finds the fields of a record, and of those in it, by name: outer ones first.
func Leaves(record map[string]any) map[string]any {
	out := map[string]any{}
	collect(record, out, 0)
	return out
}

// collect lists the fields of records by name, outer ones first.
func collect(v any, out map[string]any, depth int) {
	record, ok := v.(map[string]any)
	if !ok || depth > 5 {
		return
	}
	names := sorted(record)
	for _, name := range names {
		if _, known := out[name]; !known && record[name] != nil {
			out[name] = record[name]
		}
	}
	for _, name := range names {
		collect(record[name], out, depth+1)
	}
}
