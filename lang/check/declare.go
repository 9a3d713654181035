package check

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/syntax"
	"wf/lang/value"
)

// table is a set of declarations of one sort under their names.
type table[T any] struct {
	byName map[string]T
	list   []T
	names  []string
}

// put adds a declaration and returns the one that has the name already.
func (t *table[T]) put(name string, v T) (first T, dup bool) {
	if first, dup = t.byName[name]; dup {
		return first, true
	}
	if t.byName == nil {
		t.byName = map[string]T{}
	}
	t.byName[name] = v
	t.list = append(t.list, v)
	t.names = append(t.names, name)
	return first, false
}

// space is what a file sees: its own declarations and those of its imports.
type space struct {
	types     table[*syntax.TypeDecl]
	services  table[*syntax.Service]
	policies  table[*syntax.PolicyDecl]
	lets      table[*syntax.Let]
	workflows map[string][]definition // by full name
	failures  []string                // of codes
}

// space builds the name space of a file, reporting names that clash in it.
func (c *checker) space(f *syntax.File) *space {
	if s := c.spaces[f]; s != nil {
		return s
	}
	s := &space{}
	c.spaces[f] = s
	for _, seen := range c.files(f) {
		for _, d := range seen.Decls {
			c.enter(s, d)
			if w, ok := d.(*syntax.Workflow); ok {
				if s.workflows == nil {
					s.workflows = map[string][]definition{}
				}
				s.workflows[written(w.Name)] = append(s.workflows[written(w.Name)], definition{w, seen})
			}
		}
	}
	return s
}

func (c *checker) enter(s *space, d syntax.Decl) {
	switch d := d.(type) {
	case *syntax.TypeDecl:
		if _, prim := value.Primitives[d.Name.Text]; prim {
			c.add(diag.Errorf(CodeReserved, d.Name.Span, "%s is a type of the language", d.Name.Text).Hintf("choose another name"))
			return
		}
		if first, dup := s.types.put(d.Name.Text, d); dup && first != d {
			c.duplicate("type", d.Name, first.Name)
		}
	case *syntax.Service:
		if d.Name.Text == value.HandlerService {
			c.add(diag.Errorf(CodeReserved, d.Name.Span, "%s is the service of the handlers that YAML names", d.Name.Text).Hintf("choose another name"))
			return
		}
		if first, dup := s.services.put(d.Name.Text, d); dup && first != d {
			c.duplicate("service", d.Name, first.Name)
		}
	case *syntax.PolicyDecl:
		if first, dup := s.policies.put(d.Name.Text, d); dup && first != d {
			c.duplicate("policy", d.Name, first.Name)
		}
	case *syntax.Let:
		if first, dup := s.lets.put(d.Name.Text, d); dup && first != d {
			c.duplicate("name", d.Name, first.Name)
		}
	}
}

func (c *checker) duplicate(sort string, again, first syntax.Name) {
	c.add(diag.Errorf(CodeDuplicate, again.Span, "%s %s is defined twice", sort, again.Text).See(first.Span, "first here"))
}

// declare checks the types and services of one file.
func (c *checker) declare(f *syntax.File) {
	s := c.space(f)
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *syntax.TypeDecl:
			c.named(d)
		case *syntax.Service:
			c.services[d] = c.service(s, d)
		case *syntax.PolicyDecl:
			c.policyDecl(d)
		}
	}
}

// typeState is a declared type while and after it is resolved.
type typeState struct {
	typ  *value.Type
	busy bool
}

// named resolves a declared type.
func (c *checker) named(d *syntax.TypeDecl) *value.Type {
	st := c.types[d]
	if st == nil {
		st = &typeState{busy: true}
		c.types[d] = st
		t := *c.shape(c.space(c.homes[d]), d.Shape)
		t.Name = d.Name.Text
		st.typ, st.busy = &t, false
		c.noteName(SortType, d.Name, d.Name.Span, &t)
	}
	if st.busy {
		c.add(diag.Errorf(CodeRecursiveType, d.Name.Span, "type %s contains itself", d.Name.Text).
			Hintf("use any for the part that repeats"))
		return value.TAny
	}
	return st.typ
}

// shape turns a written shape into a type; unknown parts become any.
func (c *checker) shape(s *space, sh syntax.Shape) *value.Type {
	switch sh := sh.(type) {
	case *syntax.Record:
		return c.record(s, sh)
	case *syntax.ListShape:
		t := *value.ListOf(c.shape(s, sh.Elem))
		t.Elem = c.rules(s, t.Elem, sh.Elem, sh.Rules)
		return &t
	case *syntax.EnumShape:
		values := make([]any, 0, len(sh.Values))
		for _, l := range sh.Values {
			if slices.Contains(values, l.Value) {
				c.add(diag.Errorf(CodeDuplicate, l.Span, "%s is listed twice", value.Literal(l.Value)))
				continue
			}
			values = append(values, l.Value)
		}
		return value.EnumOf(values...)
	case *syntax.NamedShape:
		if k, ok := value.Primitives[sh.Name]; ok {
			return value.Of(k)
		}
		if d := s.types.byName[sh.Name]; d != nil {
			c.used[d] = true
			t := c.named(d)
			c.noteName(SortType, syntax.Name{Node: sh.Node, Text: sh.Name}, d.Name.Span, t)
			return t
		}
		names := append(slices.Clone(s.types.names), primitives...)
		d := diag.Errorf(CodeUnknownType, sh.Span, "there is no type %s", sh.Name)
		if own, ok := foreignTypes[sh.Name]; ok {
			d.Hintf("write %s", own)
			if slices.Contains(primitives, own) {
				d.Fix("write "+own, diag.Edit{Span: sh.Span, New: own})
			}
		} else {
			d.Suggest(sh.Span, sh.Name, names)
		}
		c.add(d)
		return value.TUnknown
	}
	return value.TUnknown
}

// foreignTypes are names that other languages give to types.
var foreignTypes = map[string]string{
	"integer": "int", "Integer": "int", "Int": "int", "long": "int", "int64": "int", "int32": "int", "uint": "int", "bigint": "int", "number": "int or float", "Number": "int or float", "decimal": "float", "double": "float", "real": "float", "Float": "float", "float64": "float", "float32": "float",
	"str": "string", "String": "string", "text": "string", "varchar": "string", "char": "string", "boolean": "bool", "Boolean": "bool", "Bool": "bool",
	"date": "time, or string matching date", "datetime": "time", "timestamp": "time", "Date": "time", "DateTime": "time", "Time": "time", "interval": "duration", "Duration": "duration",
	"object": "a record, { name type }, or any", "Object": "a record, { name type }, or any", "map": "a record, { name type }, or any", "dict": "a record, { name type }, or any", "hash": "a record, { name type }, or any", "struct": "a record, { name type }", "record": "a record, { name type }", "json": "any", "JSON": "any", "unknown": "any", "mixed": "any",
	"list": "[type], with the type of its elements", "List": "[type], with the type of its elements", "array": "[type], with the type of its elements", "Array": "[type], with the type of its elements", "slice": "[type], with the type of its elements",
	"email": "string matching email", "url": "string matching url", "uuid": "string matching uuid", "enum": "the choices: \"a\" | \"b\"", "null": "nothing; a field is optional by a ? behind its name",
}

var primitives = []string{"any", "bool", "duration", "float", "int", "string", "time"}

// runScope is what defaults may read.
type runScope struct{}

var runType = value.RecordOf(&value.Field{Name: "id", Type: value.TString}, &value.Field{Name: "started_at", Type: value.TTime})

func (runScope) Lookup(name string) (*value.Type, bool) { return runType, name == "run" }

func (runScope) Unknown(name string, span diag.Span) *diag.Diagnostic {
	return diag.Errorf(CodeUnknownName, span, "a default cannot read %s", name).
		Hintf("only run.id and run.started_at have a value when defaults are filled in")
}

func (c *checker) record(s *space, r *syntax.Record) *value.Type {
	t := &value.Type{Kind: value.Record, Open: r.Open || r.Partial, Unknown: r.Partial}
	seen := map[string]syntax.Name{}
	for _, f := range r.Fields {
		if first, dup := seen[f.Name.Text]; dup {
			c.duplicate("field", f.Name, first)
			continue
		}
		seen[f.Name.Text] = f.Name
		t.Fields = append(t.Fields, c.field(s, f))
	}
	return t
}

func (c *checker) field(s *space, f *syntax.Field) *value.Field {
	ft := c.rules(s, c.shape(s, f.Shape), f.Shape, f.Rules)
	if f.Secret {
		ft = ft.Hidden()
	}
	out := &value.Field{Name: f.Name.Text, Type: ft, Optional: f.Optional, Declared: []value.Place{value.Place(f.Name.Span)}}
	if c.index != nil {
		c.noteName(SortField, f.Name, f.Name.Span, out.ReadType())
	}
	if f.Default == nil {
		return out
	}
	p := c.compile(f.Default, runScope{})
	out.HasDef = true
	v, constant := p.Const()
	if !constant {
		if ok, why := p.Type().AssignableTo(ft); !ok {
			c.add(diag.Errorf(CodeRule, f.Default.Span, "the default of %s does not fit its type: %s", f.Name.Text, why))
		}
		out.Default = lazy{p}
		return out
	}
	conformed, violations := ft.Conform(v, nil)
	for _, why := range violations {
		c.add(diag.Errorf(CodeRule, f.Default.Span, "the default of %s does not fit its type: %s", f.Name.Text, why))
	}
	out.Default = conformed
	return out
}

// lazy is a default that is computed for each run.
type lazy struct{ p *expr.Program }

func (l lazy) String() string { return l.p.String() }

func (l lazy) Value(env map[string]any) (any, error) { return l.p.Eval(expr.NewMachine(), env) }

// rules narrows a type by what is written behind a field's shape.
func (c *checker) rules(s *space, t *value.Type, sh syntax.Shape, rules []*syntax.Rule) *value.Type {
	if len(rules) == 0 || t.Kind == value.Any && !c.saysAny(s, sh) {
		return t
	}
	n := *t
	n.Name = ""
	seen := map[string]diag.Span{}
	for _, r := range rules {
		word := r.Word()
		if r.Pattern != nil {
			word += " a pattern"
		}
		if first, twice := seen[word]; twice {
			c.add(diag.Errorf(CodeRule, r.Span, "%s is given twice", word).See(first, "first here"))
			continue
		}
		seen[word] = r.Span
		c.rule(&n, r)
	}
	if asFloat(n.Rules.Min, math.Inf(-1)) > asFloat(n.Rules.Max, math.Inf(1)) {
		c.add(diag.Errorf(CodeRule, seen["min"], "nothing is at least %v and at most %v", n.Rules.Min, n.Rules.Max).See(seen["max"], "max"))
	}
	return &n
}

// asFloat is a bound as a number; absent stands for one not given.
func asFloat(v any, absent float64) float64 {
	switch v := v.(type) {
	case int:
		return float64(v)
	case float64:
		return v
	}
	return absent
}

// saysAny reports whether a shape is any because it says so, and not because its type is
// unknown.
func (c *checker) saysAny(s *space, sh syntax.Shape) bool {
	for range c.types { // one type may stand for another
		n, ok := sh.(*syntax.NamedShape)
		if !ok || s.types.byName[n.Name] == nil {
			break
		}
		d := s.types.byName[n.Name]
		s, sh = c.space(c.homes[d]), d.Shape
	}
	n, ok := sh.(*syntax.NamedShape)
	if !ok {
		return false
	}
	kind, primitive := value.Primitives[n.Name]
	return primitive && kind == value.Any
}

func (c *checker) rule(t *value.Type, r *syntax.Rule) {
	fits := func(kinds ...value.Kind) bool {
		if slices.Contains(kinds, t.Kind) {
			return true
		}
		d := diag.Errorf(CodeRule, r.Span, "%s means nothing for %s", r.Word(), article(t))
		if t.Kind == value.Any {
			d.Summary = fmt.Sprintf("%s means nothing for any", r.Word())
			d.Hintf("say what the value is: int, float, string or a list")
		}
		c.add(d)
		return false
	}
	switch r.Word() {
	case "nonempty":
		if fits(value.String, value.List) {
			t.Rules.Nonempty = true
		}
	case "matching":
		if fits(value.String) {
			c.matching(t, r)
		}
	default:
		if fits(value.Int, value.Float, value.String, value.List) {
			c.bound(t, r)
		}
	}
}

func (c *checker) matching(t *value.Type, r *syntax.Rule) {
	if r.Pattern != nil {
		if err := value.CheckPattern(r.Pattern.Value); err != nil {
			c.add(diag.Errorf(CodeRule, r.Pattern.Span, "not a regular expression: %v", err).Hintf("patterns are RE2, without look-around and back references"))
			return
		}
		t.Rules.Pattern = r.Pattern.Value
		return
	}
	if _, ok := value.Formats[r.Format]; !ok {
		d := diag.Errorf(CodeRule, r.Span, "there is no format %s", r.Format)
		names := slices.Sorted(maps.Keys(value.Formats))
		if !d.Suggest(diag.Span{File: r.Span.File, Start: r.Span.End - len(r.Format), End: r.Span.End}, r.Format, names) {
			d.Hintf("known formats: %s", strings.Join(names, ", "))
		}
		c.add(d)
		return
	}
	t.Rules.Format = r.Format
}

func (c *checker) bound(t *value.Type, r *syntax.Rule) {
	written, limit := r.Min, &t.Rules.Min
	if written == nil {
		written, limit = r.Max, &t.Rules.Max
	}
	p := c.compile(written, runScope{})
	v, constant := p.Const()
	_, isInt := v.(int)
	_, isFloat := v.(float64)
	if !constant || !isInt && !isFloat {
		c.add(diag.Errorf(CodeRule, written.Span, "%s needs a number known beforehand", r.Word()))
		return
	}
	*limit = v
}

// service resolves a service declaration into signatures.
func (c *checker) service(s *space, d *syntax.Service) *Service {
	out := &Service{Name: d.Name.Text, Span: d.Name.Span}
	var common []value.Outcome
	var classes []*syntax.Classify
	for _, item := range d.Items {
		switch item := item.(type) {
		case *syntax.Answer:
			for _, o := range c.answers(s, item) {
				o.Common = true
				common = append(common, o)
			}
		case *syntax.Classify:
			classes = append(classes, item)
		}
	}
	seen, ownClasses := map[string]syntax.Name{}, map[*value.Signature][]*syntax.Classify{}
	for _, item := range d.Items {
		op, ok := item.(*syntax.Operation)
		if !ok {
			continue
		}
		if first, dup := seen[op.Name.Text]; dup {
			c.duplicate("operation", op.Name, first)
			continue
		}
		seen[op.Name.Text] = op.Name
		sig, own := c.operation(s, d.Name.Text, op)
		ownClasses[sig] = own
		c.noteOperation(s, d.Name, op.Name, sig, nil)
		for _, o := range common {
			if !slices.ContainsFunc(sig.Outcomes, func(own value.Outcome) bool { return own.Pattern == o.Pattern }) {
				sig.Outcomes = append(sig.Outcomes, o)
			}
		}
		out.Operations = append(out.Operations, sig)
	}
	guard := guardOf(c, "service", d.Items)
	rules := c.classification(classes, classNames(out.Operations))
	for _, sig := range out.Operations {
		own := c.classification(ownClasses[sig], classNames([]*value.Signature{sig}))
		sig.Rules, sig.ServiceGuard = slices.Concat(own, rules), guard
	}
	if len(out.Operations) == 0 && !d.Partial {
		c.add(diag.Errorf(CodeEmptyStep, d.Name.Span, "service %s has no operation", d.Name.Text).
			Hintf("declare one: operation NAME { input { … }, 200 { … } }"))
	}
	return out
}

func (c *checker) operation(s *space, service string, op *syntax.Operation) (*value.Signature, []*syntax.Classify) {
	var classes []*syntax.Classify
	sig := &value.Signature{Service: service, Operation: op.Name.Text, Idempotent: op.Idempotent, Input: value.RecordOf()}
	var input *syntax.Input
	var route *syntax.HTTP
	places := map[value.Pattern]diag.Span{}
	for _, item := range op.Items {
		switch item := item.(type) {
		case *syntax.HTTP:
			if sig.Route != nil {
				c.add(diag.Errorf(CodeDuplicateSet, item.Span, "http is given twice"))
			}
			sig.Route = &value.Route{Method: item.Method.Text, Path: item.Path.Value}
			route = item
		case *syntax.Input:
			if input != nil {
				c.add(diag.Errorf(CodeDuplicateSet, item.Span, "input is given twice").See(input.Span, "first here"))
			}
			input = item
			sig.Input = c.record(s, item.Record)
		case *syntax.Answer:
			for _, o := range c.answers(s, item) {
				if first, dup := places[o.Pattern]; dup {
					c.add(diag.Errorf(CodeDuplicate, item.Span, "outcome %s is declared twice", o.Pattern).See(first, "first here"))
					continue
				}
				places[o.Pattern] = item.Span
				sig.Outcomes = append(sig.Outcomes, o)
			}
		case *syntax.Classify:
			classes = append(classes, item)
		}
	}
	sig.Guard = guardOf(c, "operation", op.Items)
	if route != nil {
		c.route(route, sig.Input, op.Partial)
	}
	return sig, classes
}

// methods of HTTP.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// inPath is a part of a path that an argument fills in.
var inPath = regexp.MustCompile(`\{([^{}/]*)\}`)

// route compares an HTTP request with the arguments that fill it.
func (c *checker) route(h *syntax.HTTP, input *value.Type, partial bool) {
	if !slices.Contains(methods, h.Method.Text) {
		d := diag.Errorf(CodeRoute, h.Method.Span, "there is no HTTP method %s", h.Method.Text)
		if !d.Suggest(h.Method.Span, h.Method.Text, methods) {
			d.Hintf("known methods: %s", strings.Join(methods, ", "))
		}
		c.add(d)
	}
	path := h.Path.Value
	if !strings.HasPrefix(path, "/") {
		c.add(diag.Errorf(CodeRoute, h.Path.Span, "a path begins with /").Hintf("write %q; the address of the service is not part of it", "/"+path))
	}
	for _, m := range inPath.FindAllStringSubmatchIndex(path, -1) {
		name := path[m[2]:m[3]]
		span := h.Path.Span
		if span.End-span.Start == len(path)+2 { // no escapes: the place is known
			span.Start, span.End = span.Start+1+m[0], span.Start+1+m[1]
		}
		f := input.Field(name)
		switch {
		case partial:
		case f == nil:
			d := diag.Errorf(CodeRoute, span, "the path needs %s, which is no field of input", name)
			if !d.Suggest(diag.Span{File: span.File, Start: span.Start + 1, End: span.End - 1}, name, input.FieldNames()) {
				d.Hintf("input has %s", orNone(input.FieldNames()))
			}
			c.add(d)
		case f.CanOmit() && !f.HasDef:
			c.add(diag.Errorf(CodeRoute, span, "the path needs %s, which may be missing", name).Hintf("declare it without ?, or with a default"))
		case f.Type.Kind == value.List || f.Type.Kind == value.Record:
			c.add(diag.Errorf(CodeRoute, span, "%s is %s and does not fit into a path", name, article(f.Type)))
		}
	}
	if rest := inPath.ReplaceAllString(path, ""); strings.ContainsAny(rest, "{}") {
		c.add(diag.Errorf(CodeRoute, h.Path.Span, "a brace of this path has no partner").Hintf("write {name} for an argument"))
	}
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "no fields"
	}
	return strings.Join(names, ", ")
}

func (c *checker) answers(s *space, a *syntax.Answer) []value.Outcome {
	var body *value.Type
	if a.Shape != nil {
		body = c.shape(s, a.Shape)
	}
	var out []value.Outcome
	for _, o := range a.Outcomes {
		p := pattern(o)
		switch {
		case p.Name == value.Completed || p.Name == value.Degraded:
			c.add(diag.Errorf(CodeReserved, o.Span, "%s is how a workflow ends, and no answer of a service", p.Name).Hintf("for a success write its status: 200"))
		case slices.Contains(value.Unconditional, p.Name):
			c.add(diag.Errorf(CodeReserved, o.Span, "%s is always possible and never declared", p.Name).Hintf("remove it"))
		case p.Name == value.BreakerOpen:
			c.add(diag.Errorf(CodeReserved, o.Span, "%s is what a breaker makes of a call, not an answer", p.Name).Hintf("declare the breaker: breaker 5 failures in 1m, open 30s"))
		case p.Name == value.Exhausted || p.Name == value.Failed:
			c.add(diag.Errorf(CodeReserved, o.Span, "%s is a verdict of the policy, not an answer", p.Name).Hintf("it stands only after `on`"))
		case noOutcomes[p.Name] != "":
			c.add(diag.Errorf(CodeReserved, o.Span, "%s is no outcome of an operation", p.Name).Hintf("%s", noOutcomes[p.Name]))
		default:
			out = append(out, value.Outcome{Pattern: p, Body: body})
		}
	}
	return out
}

// noOutcomes are words that stand where an outcome does, and are meant otherwise.
var noOutcomes = func() map[string]string {
	out := map[string]string{}
	for hint, words := range map[string][]string{
		"an answer is declared by its status: 200 { … }":                                   {"output", "outputs", "return", "returns", "response", "responses", "result", "results", "success", "ok"},
		"an error is declared by its status, or by a name of its own: 404 { … }, SOLD_OUT": {"error", "errors", "failure", "throws", "raises"},
		"the arguments are declared so: input { … }":                                       {"inputs", "args", "arguments", "params", "parameters", "request", "body"},
	} {
		for _, w := range words {
			out[w] = hint
		}
	}
	return out
}()

func pattern(o syntax.Outcome) value.Pattern {
	return value.Pattern{Status: o.Status, Class: int(o.Class), Name: o.Name}
}

func patterns(os []syntax.Outcome) []value.Pattern {
	out := make([]value.Pattern, len(os))
	for i, o := range os {
		out[i] = pattern(o)
	}
	return out
}

// classNames lists the error classes that calls of these operations can end in.
func classNames(ops []*value.Signature) []string {
	names := append(slices.Clone(value.Unconditional), value.BreakerOpen)
	for _, sig := range ops {
		for _, o := range sig.Outcomes {
			if o.Name != "" {
				names = append(names, o.Name)
			}
		}
	}
	return names
}

// classification turns the statements of one level into rules; names are the error
// classes they may name. The first rule that matches decides.
func (c *checker) classification(stmts []*syntax.Classify, names []string) []value.Rule {
	var out []value.Rule
	for _, st := range stmts {
		for _, o := range st.Outcomes {
			p := pattern(o)
			by := slices.IndexFunc(out, func(r value.Rule) bool { return r.Covers(p) })
			switch {
			case isVerdict(p):
				c.add(diag.Errorf(CodeReserved, o.Span, "%s is a verdict of the policy, not an answer", p.Name).Hintf("it stands only after `on`"))
			case p.Name != "" && !slices.Contains(names, p.Name) && !(statusCode.MatchString(p.Name) && slices.Contains(names, value.Degraded)):
				d := diag.Errorf(CodeImpossible, o.Span, "nothing answers %s", p)
				d.Suggest(o.Span, p.Name, names)
				c.add(d)
			case by >= 0:
				c.add(diag.Errorf(CodeUnreachable, o.Span, "this never decides: %s above takes every %s", out[by], p).Hintf("the first rule that matches wins; put the narrower one first"))
			default:
				out = append(out, value.Rule{Pattern: p, Retryable: st.Retryable})
			}
		}
	}
	return out
}

// policyDecl checks what stands in a policy; the values are checked where it is used.
func (c *checker) policyDecl(d *syntax.PolicyDecl) {
	c.noteName(SortPolicy, d.Name, d.Name.Span, nil)
	for _, st := range d.Stmts {
		why := "a policy holds settings only"
		switch st := st.(type) {
		case *syntax.Retry, *syntax.Timeout, *syntax.Within, *syntax.Classify, *syntax.Breaker:
			continue
		case *syntax.Use:
			why = "a policy does not use another one"
		case *syntax.Limit:
			why = "it says how many steps of a workflow run at once"
			if st.Per != nil {
				why = perTime
			}
		}
		word, span := leading(st)
		c.add(diag.Errorf(CodeMisplaced, span, "%s has no meaning here: %s", word, why))
	}
}
