package syntax

import (
	"regexp"
	"strconv"
	"strings"

	"wf/lang/diag"
	"wf/lang/value"
)

// where is what encloses statements.
type where int8

const (
	inWorkflow where = iota
	inStep
	inClause
)

// block reads the list behind `do`; each item is a mapping with one statement, or
// with several in the order of their keys.
func (r *yamlReader) block(v *yvalue, in where) []Stmt {
	if v.isNull() {
		return nil
	}
	if v.kind == yMap {
		v = &yvalue{kind: yList, span: v.span, items: []*yvalue{v}}
	}
	if v.kind != yList {
		r.errorf(CodeYAMLType, v.span, "do takes a list of statements, not %s", v.describe())
		r.gaps = true
		return nil
	}
	var out []Stmt
	for _, item := range v.items {
		if !r.isMap(item, "a statement") {
			r.gaps = true
			continue
		}
		out = append(out, r.retryable(r.entries(item, statementKeys, "a statement"), in)...)
	}
	return out
}

// retryable reads the statements of an item; only in a clause is retry one.
func (r *yamlReader) retryable(entries []yentry, in where) []Stmt {
	if e := find(entries, "retry"); e != nil && in != inClause {
		r.errorf(CodeYAMLType, e.key.span, "retry is a setting of the step, or the end of a clause").Hintf("move it out of do")
	}
	return r.statements(entries, in)
}

// statements makes statements of the keys of a mapping, in their order.
func (r *yamlReader) statements(entries []yentry, in where) []Stmt {
	var out []Stmt
	r.strays(entries)
	for _, e := range entries {
		switch e.name {
		case "call":
			if c := r.call(e, entries); c != nil {
				out = append(out, r.bound(c, entries, e))
				out = append(out, r.clauses(entries)...)
				out = append(out, r.undo(entries)...)
			}
		case "wait":
			out = append(out, r.wait(e, entries)...)
		case "handler_class", "handler":
			if c := r.handlerCall(entries, e); c != nil {
				out = append(out, c)
				out = append(out, r.clauses(entries)...)
			}
		case "switch":
			if s := r.choice(e, in); s != nil {
				out = append(out, s)
			}
		case "steps":
			out = append(out, r.inner(e)...)
			if find(entries, "call") == nil {
				out = append(out, r.clauses(entries)...)
			}
			if last := find(entries, "finally"); last != nil {
				out = append(out, &Finally{last.at(), r.aside(*last)})
			}
		case "let":
			out = append(out, r.lets(e, entries)...)
		case "do":
			if in != inWorkflow {
				out = append(out, r.block(e.value, in)...)
			}
		case "retry":
			if in == inClause {
				out = append(out, r.retry(e))
			}
		default:
			if st := r.ending(e, entries); st != nil {
				out = append(out, st)
			}
		}
	}
	return out
}

// strays reports keys that need another one.
func (r *yamlReader) strays(entries []yentry) {
	has := func(names ...string) bool {
		for _, n := range names {
			if find(entries, n) != nil {
				return true
			}
		}
		return false
	}
	for _, e := range entries {
		needs := ""
		switch {
		case e.name == "with" && !has("call"), e.name == "undo" && !has("call"), e.name == "key" && !has("call"), e.name == "on" && !has("call", "wait", "handler_class", "handler", "steps"):
			needs = "call"
		case e.name == "finally" && !has("steps"):
			needs = "steps"
		case e.name == "message" && !has("fail"):
			needs = "fail"
		case e.name == "else" && !has("ensure"):
			needs = "ensure"
		case e.name == "value" && !has("let"):
			needs = "let"
		case e.name == "handler_config" && !has("handler_class"):
			needs = "handler_class"
		}
		if needs != "" {
			r.errorf(CodeYAMLMissing, e.key.span, "%s belongs to %s, which is missing here", e.key.text, needs)
		}
	}
}

// ending reads return, degrade, fail and ensure; nil for every other key.
func (r *yamlReader) ending(e yentry, entries []yentry) Stmt {
	switch e.name {
	case "return":
		return &Return{e.at(), r.expr(e.value)}
	case "degrade":
		return &Degrade{e.at(), r.expr(e.value)}
	case "fail":
		return r.fail(e, entries)
	case "ensure":
		return r.ensure(e, entries)
	}
	return nil
}

func (r *yamlReader) fail(e yentry, entries []yentry) Stmt {
	out := &Fail{Node: e.at()}
	if !r.isString(e.value, "fail") {
		return nil
	}
	out.Code = name(e.value)
	if !identifier.MatchString(out.Code.Text) {
		r.errorf(CodeYAMLType, e.value.span, "fail takes a code such as NOT_FOUND").Hintf("put the text into message")
	}
	if m := find(entries, "message"); m != nil {
		out.Message = r.expr(m.value)
	}
	return out
}

func (r *yamlReader) ensure(e yentry, entries []yentry) Stmt {
	out := &Ensure{Node: e.at(), Cond: r.condition(e.value, "ensure")}
	other := find(entries, "else")
	if other == nil {
		r.errorf(CodeYAMLMissing, e.key.span, "ensure needs an else").Hintf("add: else: {fail: CODE, message: …}")
		return nil
	}
	if !r.isMap(other.value, "else") || out.Cond == nil {
		return nil
	}
	inner := r.entries(other.value, statementKeys, "else")
	r.strays(inner)
	for _, i := range inner {
		switch i.name {
		case "fail", "return", "degrade":
			if out.Else == nil {
				out.Else, _ = r.ending(i, inner).(Ending)
				continue
			}
		case "retry":
			if out.Else == nil {
				out.Else = r.retry(i)
				continue
			}
		case "message":
			continue
		}
		r.errorf(CodeYAMLType, i.key.span, "else takes one of fail, return, degrade and retry")
	}
	if out.Else == nil {
		return nil
	}
	return out
}

// lets reads `let: {name: value, …}`, and `let: name` beside `value`.
func (r *yamlReader) lets(e yentry, entries []yentry) []Stmt {
	if e.value.kind == yMap {
		var out []Stmt
		for _, f := range e.value.fields {
			out = append(out, &Let{Node: Node{Span: f.key.span.To(f.value.span)}, Name: name(f.key), Value: r.expr(f.value)})
		}
		return out
	}
	if !r.isString(e.value, "let") {
		r.gaps = true
		return nil
	}
	if find(entries, "call") != nil || find(entries, "wait") != nil {
		return nil
	}
	v := find(entries, "value")
	if v == nil {
		r.gaps = true
		r.errorf(CodeYAMLMissing, e.key.span, "let %s has no value", e.value.text).Hintf("write let: {%s: …}, or add value or call", e.value.text)
		return nil
	}
	return []Stmt{&Let{Node: e.at(), Name: name(e.value), Value: r.expr(v.value)}}
}

// bound is the call, or the let that keeps its answer.
func (r *yamlReader) bound(c *Call, entries []yentry, e yentry) Stmt {
	if l := find(entries, "let"); l != nil && l.value.kind == yScalar {
		return &Let{Node: e.at(), Name: name(l.value), Call: c}
	}
	return c
}

func (r *yamlReader) call(e yentry, entries []yentry) *Call {
	if !r.isString(e.value, "call") {
		return nil
	}
	c := &Call{Node: e.at(), Target: r.target(e.value)}
	if w := find(entries, "with"); w != nil && !w.value.isNull() {
		if w.value.kind != yMap && !w.value.isExpr() {
			r.errorf(CodeYAMLType, w.value.span, "with takes a mapping of arguments, not %s", w.value.describe())
		} else {
			c.Args = r.expr(w.value)
		}
		c.Span = c.Span.To(w.value.span)
	}
	if k := find(entries, "key"); k != nil {
		c.Key = r.expr(k.value)
	}
	return c
}

// target splits "service.operation"; what follows "handler." is one name.
func (r *yamlReader) target(v *yvalue) []Name {
	parts := strings.Split(v.text, ".")
	if len(parts) > 1 && parts[0] == value.HandlerService {
		parts = []string{value.HandlerService, strings.TrimPrefix(v.text, "handler.")}
	}
	out := make([]Name, len(parts))
	at := v.span.Start
	if v.span.End-at == len(v.text)+2 { // quoted
		at++
	}
	for i, p := range parts {
		out[i] = Name{Node{Span: r.span(min(at, v.span.End), min(at+len(p), v.span.End))}, p}
		at += len(p) + 1
	}
	return out
}

// handlerClass is what names the handler of a step without a call: the value of
// handler_class, or of handler.callable.
func (r *yamlReader) handlerClass(entries []yentry) *yvalue {
	if find(entries, "call") != nil {
		return nil
	}
	if e := find(entries, "handler_class"); e != nil {
		return e.value
	}
	if e := find(entries, "handler"); e != nil {
		return e.value
	}
	return nil
}

// handlerCall is the call of a Tasker step; nil if the step has a call of its own.
func (r *yamlReader) handlerCall(entries []yentry, e yentry) *Call {
	if r.handlerClass(entries) != e.value {
		return nil
	}
	class, config := e.value, (*yvalue)(nil)
	if c := find(entries, "handler_config"); c != nil {
		config = c.value
	}
	if e.name == "handler" {
		if !r.isMap(e.value, "handler") {
			return nil
		}
		inner := r.entries(e.value, handlerKeys, "handler")
		callable := find(inner, "callable")
		if callable == nil {
			r.errorf(CodeYAMLMissing, e.key.span, "handler needs a callable")
			return nil
		}
		class = callable.value
		if c := find(inner, "initialization"); c != nil {
			config = c.value
		}
	}
	if !r.isString(class, "the handler") {
		return nil
	}
	out := &Call{Node: e.at(), Target: []Name{{Node{Span: class.span}, value.HandlerService}, name(class)}}
	if config != nil && !config.isNull() && r.isMap(config, "handler_config") {
		r.configNotes(config)
		out.Args = r.expr(config)
	}
	return out
}

// configNotes warns of handler settings that look as if they set a policy.
func (r *yamlReader) configNotes(config *yvalue) {
	for _, f := range config.fields {
		if instead := configNotes[f.key.text]; instead != "" {
			r.warnf(CodeYAMLInert, f.key.span, "%s is handed to the handler and sets no policy", f.key.text).Hintf("add to the step: %s", instead)
		}
	}
}

// clauses reads the ordered list behind `on`.
func (r *yamlReader) clauses(entries []yentry) []Stmt {
	e := find(entries, "on")
	if e == nil || e.value.isNull() {
		return nil
	}
	if e.value.kind != yList {
		r.errorf(CodeYAMLType, e.value.span, "on takes a list of clauses, not %s", e.value.describe()).
			Hintf("write `- outcome: 409` and `do: […]` for each; their order matters")
		return nil
	}
	var out []Stmt
	for _, item := range e.value.items {
		if !r.isMap(item, "a clause") {
			continue
		}
		if on := r.clause(item); on != nil {
			out = append(out, on)
		}
	}
	return out
}

// undo reads how the call of a mapping is taken back.
func (r *yamlReader) undo(entries []yentry) []Stmt {
	e := find(entries, "undo")
	if e == nil {
		return nil
	}
	undo := &Undo{Node: e.at()}
	var said []yentry
	undo.Stmts, said = r.asideWith(*e, undoKeys)
	if until := find(said, "until"); until != nil {
		for _, v := range r.stringList(until.value, "until") {
			undo.Until = append(undo.Until, name(v))
		}
	}
	return []Stmt{undo}
}

// aside reads a block that is executed like a step and is none.
func (r *yamlReader) aside(e yentry) []Stmt {
	stmts, _ := r.asideWith(e, asideKeys)
	return stmts
}

// asideWith reads such a block: a list of statements, or a mapping with settings, too, whose
// entries it returns as well.
func (r *yamlReader) asideWith(e yentry, keys map[string]yamlKey) ([]Stmt, []yentry) {
	switch {
	case e.value.kind == yList:
		return r.block(e.value, inStep), nil
	case e.value.kind != yMap:
		r.errorf(CodeYAMLType, e.value.span, "%s takes a list of statements, not %s", e.key.text, e.value.describe())
		r.gaps = true
		return nil, nil
	}
	entries := r.entries(e.value, keys, e.key.text)
	return append(r.settings(entries, e.key.text), r.statements(entries, inStep)...), entries
}

func (r *yamlReader) clause(v *yvalue) *On {
	entries := r.entries(v, clauseKeys, "a clause")
	on := &On{Node: Node{Span: v.span}}
	e := find(entries, "outcome")
	if e == nil {
		r.errorf(CodeYAMLMissing, r.span(v.span.Start, v.span.Start), "the clause has no outcome").Hintf("add: outcome: 409")
		return nil
	}
	if on.Outcomes = r.outcomes(e.value); len(on.Outcomes) == 0 {
		return nil
	}
	if w := find(entries, "when"); w != nil {
		on.When = r.condition(w.value, "when")
	}
	on.Stmts = r.statements(entries, inClause)
	return on
}

// outcomes reads one outcome or a list of them.
func (r *yamlReader) outcomes(v *yvalue) []Outcome {
	items := []*yvalue{v}
	if v.kind == yList {
		items = v.items
		if len(items) == 0 {
			r.errorf(CodeYAMLType, v.span, "an empty list of outcomes")
		}
	}
	var out []Outcome
	for _, item := range items {
		if o, ok := r.outcome(item); ok {
			out = append(out, o)
		}
	}
	return out
}

var statusClass = regexp.MustCompile(`^[1-5]xx$`)

func (r *yamlReader) outcome(v *yvalue) (Outcome, bool) {
	o := Outcome{Node: Node{Span: v.span}}
	if v.kind == yScalar {
		n, err := strconv.Atoi(v.text)
		switch {
		case err == nil && n >= 100 && n <= 599:
			o.Status = n
			return o, true
		case err == nil:
			r.errorf(CodeYAMLType, v.span, "%s is not an HTTP status", v.text).Hintf("statuses go from 100 to 599")
			return o, false
		case statusClass.MatchString(v.text):
			o.Class = Digit(v.text[0] - '0')
			return o, true
		case v.tag == "!!str" && identifier.MatchString(v.text):
			o.Name = v.text
			return o, true
		}
	}
	r.errorf(CodeYAMLType, v.span, "an outcome is a status, a class such as 5xx or a name, not %s", v.describe())
	return o, false
}

// percent reads "10%".
func (r *yamlReader) percent(v *yvalue, what string) *Percent {
	if share, err := strconv.ParseFloat(strings.TrimSuffix(v.text, "%"), 64); err == nil && v.kind == yScalar && strings.HasSuffix(v.text, "%") {
		return &Percent{Node{Span: v.span}, Share(share)}
	}
	r.errorf(CodeYAMLType, v.span, "%s takes a percentage such as 10%%, not %s", what, v.describe())
	return nil
}

func name(v *yvalue) Name { return Name{Node{Span: v.span}, v.text} }

func text(v *yvalue) Text { return Text{Node{Span: v.span}, v.text} }

// anyText reads a scalar of any sort as it is written.
func (r *yamlReader) anyText(e yentry) (Text, bool) {
	if e.value.kind != yScalar || e.value.isNull() || e.value.isExpr() {
		r.errorf(CodeYAMLType, e.value.span, "%s takes a string, not %s", e.key.text, e.value.describe())
		return Text{}, false
	}
	return text(e.value), true
}

func (r *yamlReader) isString(v *yvalue, what string) bool {
	if v.kind == yScalar && v.tag == "!!str" && v.text != "" {
		return true
	}
	r.errorf(CodeYAMLType, v.span, "%s takes a string, not %s", what, emptyOr(v))
	return false
}

func emptyOr(v *yvalue) string {
	if v.kind == yScalar && v.tag == "!!str" && v.text == "" {
		return "an empty one"
	}
	return v.describe()
}

func (r *yamlReader) isMap(v *yvalue, what string) bool {
	if v.kind == yMap {
		return true
	}
	r.errorf(CodeYAMLType, v.span, "%s is a mapping, not %s", what, v.describe())
	return false
}

// stringList reads a list of strings, or a single one.
func (r *yamlReader) stringList(v *yvalue, what string) []*yvalue {
	switch {
	case v.isNull():
		return nil
	case v.kind == yScalar && r.isString(v, what):
		return []*yvalue{v}
	case v.kind == yMap:
		r.errorf(CodeYAMLType, v.span, "%s takes a list of strings, not %s", what, v.describe())
	}
	var out []*yvalue
	for _, item := range v.items {
		if r.isString(item, "an entry of "+what) {
			out = append(out, item)
		}
	}
	return out
}

// boolean reads true or false, in the words of YAML 1.1 too.
func (r *yamlReader) boolean(v *yvalue, what string) (value, ok bool) {
	if v.kind == yScalar && (v.tag == "!!bool" || v.tag == "!!str" && v.plain) {
		switch strings.ToLower(v.text) {
		case "true", "yes", "on":
			return true, true
		case "false", "no", "off":
			return false, true
		}
	}
	r.add(diag.Errorf(CodeYAMLType, v.span, "%s takes true or false, not %s", what, v.describe()))
	return false, false
}

func plural(n int, word string) string {
	if n != 1 {
		word += "s"
	}
	return strconv.Itoa(n) + " " + word
}
