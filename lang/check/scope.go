package check

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/syntax"
	"wf/lang/token"
	"wf/lang/value"
)

// binding is one name an expression may read.
type binding struct {
	name   string
	place  diag.Span
	typ    *value.Type
	used   bool
	reason string    // why it may be missing; "" if the type says so
	gone   diag.Span // what to remove if nobody reads it; zero if there is no telling
	item   bool      // it is what a loop goes over
	ofRun  bool      // tests: it is the result of a step of the last run
	step   *stepInfo // the step whose result it is; nil otherwise
	input  *binding  // that alias leads into
	alias  *string   // path into the input that a let stands for, "user_info"; nil if it is something else
}

// scope is a chain of names, innermost first.
type scope struct {
	flow     *flow
	parent   *scope
	names    map[string]*binding
	facts    []expr.Fact // what conditions say of what types do not tell
	answered bool        // body, status and headers are of a call made in it
	early    bool        // before the first step: step results have no value yet
	later    *later      // names that get their value below; nil: none
}

// later is names that are defined below the place of a scope, or inside of it.
type later struct {
	names     map[string]diag.Span
	what      string // they are
	why, hint string
}

func (s *scope) child() *scope {
	return &scope{flow: s.flow, parent: s, names: map[string]*binding{}, early: s.early}
}

func (s *scope) find(name string) *binding {
	for at := s; at != nil; at = at.parent {
		if b := at.names[name]; b != nil {
			return b
		}
	}
	return nil
}

// Lookup gives the type of a name and marks it used.
func (s *scope) Lookup(name string) (*value.Type, bool) {
	b := s.find(name)
	if b == nil {
		return s.referred(name)
	}
	b.used = true
	return b.typ, true
}

// referred is the type of what Refer has typed, by its text.
func (s *scope) referred(text string) (*value.Type, bool) {
	path, ok := strings.CutPrefix(text, loopFailures+"(")
	if !ok {
		return nil, false
	}
	b := s.find(strings.TrimSuffix(path, ")"))
	if b == nil || b.step == nil || b.step.loop == nil {
		return value.TUnknown, true
	}
	return failuresOf(b.step.loop), true
}

// Functions are those that take the name of a step.
func (s *scope) Functions() []string { return []string{loopFailures} }

// loopFailures lists what failed in a loop.
const loopFailures = "failures"

// Refer types failures(loop).
func (s *scope) Refer(function, path string, span diag.Span) (*value.Type, *diag.Diagnostic, bool) {
	if function != loopFailures {
		return nil, nil, false
	}
	b := s.find(path)
	switch {
	case !identifier.MatchString(path):
		return nil, diag.Errorf(CodeType, span, "failures takes the name of a loop").Hintf("write failures(name), and name is a step with for"), true
	case b == nil:
		return nil, s.Unknown(path, span), true
	}
	b.used = true
	switch st := b.step; {
	case st == nil || st.tree.For == nil:
		return nil, diag.Errorf(CodeType, span, "%s is no loop, and failures lists the items of one that failed", path), true
	case st.loop == nil: // in a circle, which is told
		return value.TUnknown, nil, true
	case st.loop.Tolerate == nil && st.loop.Share == 0:
		return nil, diag.Errorf(CodeType, span, "%s tolerates no failure: the first one ends it", path).See(st.tree.Name.Span, "the loop").Hintf("write in it: tolerate 10%%, or 100%% for all of them"), true
	default:
		st.loop.Told = loopFailures + "(" + path + ")"
		return failuresOf(st.loop), nil, true
	}
}

// failuresOf is the type of what failed in a loop.
func failuresOf(l *graph.Loop) *value.Type {
	key := value.TInt
	if l.By != nil {
		key = l.By.Type()
	}
	return value.ListOf(value.RecordOf(&value.Field{Name: "key", Type: key}, &value.Field{Name: "code", Type: value.TString}, &value.Field{Name: "message", Type: value.TString}))
}

// Probe reports whether expressions are compiled with probes.
func (s *scope) Probe() bool { return s.flow.opts.Probe }

// Cache is what is known of expressions; nil: they are all read.
func (s *scope) Cache() *expr.Cache { return s.flow.opts.Cache }

// Unknown explains a name that is not in scope.
func (s *scope) Unknown(name string, span diag.Span) *diag.Diagnostic {
	if st := s.flow.steps[name]; st != nil && s.early {
		return diag.Errorf(CodeTooLate, span, "%s has no result yet: this is evaluated before the first step", name).
			See(st.tree.Name.Span, "the step").Hintf("move this into a step, or into output")
	}
	for at := s; at != nil; at = at.parent {
		if at.later == nil {
			continue
		}
		if let, ok := at.later.names[name]; ok {
			return diag.Errorf(CodeTooLate, span, "%s has no value yet: %s", name, at.later.why).See(let, "%s", at.later.what).Hintf("%s", at.later.hint)
		}
	}
	d := diag.Errorf(CodeUnknownName, span, "there is no %s here", name)
	if inside := s.flow.insideOf(d, name); inside != nil {
		return inside
	}
	if own, ok := foreign[name]; ok {
		return d.Hintf("write %s", own).Fix("write "+own, diag.Edit{Span: span, New: own})
	}
	if slices.Contains(answerNames, name) {
		return d.Hintf("%s is known in a clause, and after the call it belongs to", name)
	}
	for _, f := range s.flow.graph.Input.Fields {
		if f.Name == name {
			return d.Hintf("did you mean input.%s?", name).Fix("write input."+name, diag.Edit{Span: span, New: "input." + name})
		}
	}
	suggested := d.Suggest(span, name, s.visible())
	d.Tell(func(name string) string { return s.find(name).typ.String() })
	if suggested {
		return d
	}
	if own, ok := otherwise[name]; ok {
		return d.Hintf("%s", own)
	}
	if s.flow.space.services.byName[name] != nil {
		return d.Hintf("%s is a service; its operations are reached with call", name)
	}
	return d.Hintf("names are input, run, the steps, and what let defines; a text stands in quotes: %q", name)
}

// visible lists all names in scope, for suggestions.
func (s *scope) visible() []string {
	var out []string
	for at := s; at != nil; at = at.parent {
		out = slices.AppendSeq(out, maps.Keys(at.names))
	}
	slices.Sort(out)
	return out
}

// foreign is what other languages call our literals.
var foreign = map[string]string{"null": "nil", "None": "nil", "undefined": "nil", "NULL": "nil", "Nil": "nil", "True": "true", "False": "false", "TRUE": "true", "FALSE": "false"}

// otherwise is how other tools call what expressions read here.
var otherwise = map[string]string{
	"steps": "the result of a step is read by the name of the step: reserve.id", "step": "the result of a step is read by the name of the step: reserve.id", "results": "the result of a step is read by the name of the step: reserve.id", "outputs": "the result of a step is read by the name of the step: reserve.id",
	"inputs": "the input is called input", "params": "the input is called input", "args": "the input is called input", "payload": "the input is called input", "request": "the input is called input",
	"context": "the input is called input, and the result of a step is read by its name", "ctx": "the input is called input, and the result of a step is read by its name", "self": "the input is called input, and the result of a step is read by its name", "this": "the input is called input, and the result of a step is read by its name",
	"response": "the answer of the call above is body, with status and headers", "res": "the answer of the call above is body, with status and headers", "resp": "the answer of the call above is body, with status and headers", "result": "the answer of the call above is body, with status and headers",
	"key": "key is the idempotency key of a call, and known in its undo",
	"env": "a run sees nothing of its surroundings; put it into the input", "now": "run.started_at is the clock of the run", "workflow": "the run is called run, with id and started_at",
}

// answerNames belong to the nearest call.
var answerNames = []string{"body", "status", "headers", "error"}

// reserved are names that no let and no step may take.
var reserved = append([]string{"input", "run", "key", "call", "nil", "true", "false", "not", "in", "and", "or", "let", "if", "else"}, answerNames...)

// identifier is what expressions take for a name.
var identifier = regexp.MustCompile(`^[A-Za-z_][\p{L}0-9_]*$`)

// isReadable reports whether expressions can read a step of the name.
func isReadable(name string) bool { return identifier.MatchString(name) && !isReserved(name) }

// isReserved reports whether a name means something else in expressions.
func isReserved(name string) bool { return slices.Contains(reserved, name) || expr.IsBuiltin(name) }

// define adds a name, refusing one that means something already.
func (s *scope) define(name syntax.Name, typ *value.Type) *binding {
	b := &binding{name: name.Text, place: name.Span, typ: typ}
	c := s.flow.checker
	c.noteName(SortLet, name, name.Span, typ)
	switch first := s.find(name.Text); {
	case isReserved(name.Text):
		c.reservedName(name)
		if b.used = true; first == nil {
			s.names[name.Text] = b // so that this is said once
		}
		return b
	case first != nil:
		c.add(diag.Errorf(CodeDuplicate, name.Span, "%s is defined already, and names are not shadowed", name.Text).See(first.place, "here"))
		b.used, first.used = true, true
		return b
	case s.early && s.flow.steps[name.Text] != nil:
		c.add(diag.Errorf(CodeDuplicate, name.Span, "%s is the name of a step", name.Text).See(s.flow.steps[name.Text].tree.Name.Span, "here"))
		b.used = true
		return b
	}
	s.names[name.Text] = b
	return b
}

func (c *checker) reservedName(name syntax.Name) {
	what := "means something else in expressions"
	if expr.IsBuiltin(name.Text) {
		what = "is a function of expressions"
	}
	c.add(diag.Errorf(CodeReserved, name.Span, "%s %s and cannot be a name here", name.Text, what).Hintf("choose another name"))
}

// setAnswer makes body, status and headers mean the answer of one more call.
func (s *scope) setAnswer(body *value.Type) {
	s.answered = true
	s.facts = slices.DeleteFunc(slices.Clone(s.facts), ofAnswer)
	answer := [...]binding{{name: "body", typ: body, used: true}, {name: "status", typ: value.TInt, used: true}, {name: "headers", typ: headersType, used: true}}
	for i := range answer {
		s.names[answer[i].name] = &answer[i]
	}
}

var (
	headersType = &value.Type{Kind: value.Record, Open: true}
	errorType   = value.RecordOf(&value.Field{Name: "code", Type: value.TString}, &value.Field{Name: "message", Type: value.TString})
)

// chain is a root name with the fields read from it: input.user_info.email.
type chain struct {
	root   string
	fields []string
	whole  bool // the expression is this chain and nothing else
}

// chains lists what an expression reads, which is asked several times of each. The list is
// shared, and not written to.
func (c *checker) chains(text string) []chain {
	list, known := c.reading[text]
	if !known {
		list = chains(text)
		if c.reading == nil {
			c.reading = map[string][]chain{}
		}
		c.reading[text] = list
	}
	return list
}

// chains lists what an expression reads. It works on tokens, so that it is known
// before any type is, and it sees into interpolated strings too.
func chains(text string) []chain {
	tokens, _, _ := token.Scan("", text)
	var out []chain
	dot := func(i int) bool {
		return tokens[i].Kind == token.Op && (text[tokens[i].Start:tokens[i].End] == "." || text[tokens[i].Start:tokens[i].End] == "?.")
	}
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		if t.Kind == token.String {
			out = append(out, holes(text[t.Start:t.End])...)
			continue
		}
		if t.Kind != token.Ident || i > 0 && dot(i-1) || isKey(text, tokens, i) {
			continue
		}
		ch := chain{root: text[t.Start:t.End]}
		first := i
		for i+2 < len(tokens) && dot(i+1) && tokens[i+2].Kind == token.Ident {
			ch.fields = append(ch.fields, text[tokens[i+2].Start:tokens[i+2].End])
			i += 2
		}
		ch.whole = first == 0 && i+2 == len(tokens)
		out = append(out, ch)
	}
	return out
}

// isKey reports whether token i is the key of an object's field.
func isKey(text string, tokens []token.Token, i int) bool {
	if i == 0 || i+1 >= len(tokens) || text[tokens[i+1].Start:tokens[i+1].End] != ":" {
		return false
	}
	prev := text[tokens[i-1].Start:tokens[i-1].End]
	switch tokens[i-1].Kind {
	case token.Newline, token.String, token.Int, token.Float, token.Duration: // or a comma is missing
		return true
	}
	return prev == "{" || prev == ","
}

// holes lists what the `${…}` parts of a string literal read.
func holes(lit string) []chain {
	parts, _ := token.SplitString(lit) // a bad escape is told elsewhere
	var out []chain
	for _, p := range parts {
		if !p.Hole {
			continue
		}
		for _, ch := range chains(p.Text) {
			ch.whole = false
			out = append(out, ch)
		}
	}
	return out
}
