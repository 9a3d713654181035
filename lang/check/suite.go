package check

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/suite"
	"wf/lang/syntax"
	"wf/lang/value"
)

// suite compiles the mocks and tests a file has or imports; nil if it has no test.
func (c *checker) suite(f *syntax.File, files []*syntax.File) *suite.Suite {
	own := slices.ContainsFunc(f.Decls, isTesting)
	if !own {
		return nil
	}
	for _, d := range f.Decls {
		if w, ok := d.(*syntax.Workflow); ok {
			c.add(diag.Errorf(CodeMisplaced, w.Name[len(w.Name)-1].Span, "a workflow does not stand in a file with tests, mocks or invariants").
				Hintf("move it into a file of its own and import that"))
		}
	}
	t := c.tester(f)
	nearestLast := c.importsFirst(f)
	for _, file := range nearestLast {
		for _, d := range file.Decls {
			if m, ok := d.(*syntax.Mock); ok {
				t.out.Mocks = append(t.out.Mocks, t.mock(m, t.base)...)
			}
		}
	}
	for _, file := range nearestLast {
		for _, d := range file.Decls {
			if p, ok := d.(*syntax.Put); ok {
				if put := t.put(p, t.base, ""); put != nil {
					t.out.Puts = append(t.out.Puts, put)
				}
			}
		}
	}
	t.unusedHandlers(f, files)
	names := map[string]diag.Span{}
	for _, d := range f.Decls {
		test, ok := d.(*syntax.Test)
		if !ok {
			continue
		}
		t.named("a test", test.Name, names)
		t.out.Tests = append(t.out.Tests, t.test(test))
	}
	t.invariants(f, nearestLast)
	for _, l := range t.flow.shared {
		t.out.Prelude = append(t.out.Prelude, l.let)
		if !l.bind.used && l.bind.place.File == f.Name {
			c.add(diag.Warnf(CodeUnused, l.bind.place, "%s is never read", l.bind.name).Hintf("remove it"))
		}
	}
	return t.out
}

// named checks the name of a test or invariant, and that it is the only one.
func (t *tester) named(what string, name syntax.Text, names map[string]diag.Span) {
	switch text := name.Value; {
	case strings.TrimSpace(text) == "":
		t.add(diag.Errorf(CodeEmptyStep, name.Span, "%s needs a name", what).Hintf("say in a few words what must be true"))
	case strings.ContainsFunc(text, unicode.IsControl):
		t.add(diag.Errorf(CodeType, name.Span, "the name of %s is one line of text", what).Hintf("leave line ends and control characters out"))
	}
	if first, dup := names[name.Value]; dup {
		t.add(diag.Errorf(CodeDuplicate, name.Span, "%s of this name exists already", what).See(first, "first here"))
	}
	names[name.Value] = name.Span
}

// unusedHandlers reports mocks of handlers that no workflow of the file's imports calls.
// A file that imports no workflow only says how handlers answer.
func (t *tester) unusedHandlers(f *syntax.File, files []*syntax.File) {
	var called []string
	workflows := false
	for _, file := range files {
		for _, d := range file.Decls {
			w, ok := d.(*syntax.Workflow)
			workflows = workflows || ok
			if !ok {
				continue
			}
			syntax.Walk(w, func(n any) bool {
				if c, ok := n.(*syntax.Call); ok && len(c.Target) == 2 && c.Target[0].Text == value.HandlerService {
					called = append(called, c.Target[1].Text)
				}
				return true
			})
		}
	}
	if !workflows {
		return
	}
	for _, class := range mockedHandlers(f) {
		if slices.Contains(called, class.Value) {
			continue
		}
		d := diag.Errorf(CodeUnknownHandler, class.Span, "no step calls a handler %s", class.Value)
		if near := nearHandlers(class.Value, called); near != "" {
			d.Hint = near
		} else {
			d.Hintf("the text is the handler_class of a step, as it stands there")
		}
		t.add(d)
	}
}

// mockedHandlers lists the handlers that a file mocks, for all tests or in one.
func mockedHandlers(f *syntax.File) []*syntax.Text {
	var out []*syntax.Text
	note := func(m *syntax.Mock) {
		if m.Class != nil {
			out = append(out, m.Class)
		}
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *syntax.Mock:
			note(d)
		case *syntax.Test:
			for _, st := range d.Stmts {
				if m, ok := st.(*syntax.Mock); ok {
					note(m)
				}
			}
		}
	}
	return out
}

func isTesting(d syntax.Decl) bool {
	switch d.(type) {
	case *syntax.Test, *syntax.Mock, *syntax.Put, *syntax.Invariant:
		return true
	}
	return false
}

// tester compiles one test file.
type tester struct {
	*checker
	flow   *flow
	step   *stepFlow // resolves services and checks arguments
	base   *scope    // names of the file
	tables map[string]map[string]*suite.Table
	out    *suite.Suite
}

func (c *checker) tester(f *syntax.File) *tester {
	space := c.space(f)
	fl := &flow{checker: c, space: space, graph: &graph.Graph{Input: value.RecordOf()}, level: newLevel(),
		read: map[string]bool{}, below: map[string]bool{}}
	t := &tester{checker: c, flow: fl, step: &stepFlow{flow: fl}, tables: map[string]map[string]*suite.Table{},
		out: &suite.Suite{File: f.Name}}
	t.base = &scope{flow: fl, names: map[string]*binding{}}
	fl.constants(t.base)
	for _, file := range c.files(f) {
		for _, d := range file.Decls {
			if m, ok := d.(*syntax.Mock); ok {
				t.declareTables(m)
			}
		}
	}
	return t
}

// declareTables enters the tables of a mock, so that tests and other mocks know them.
func (t *tester) declareTables(m *syntax.Mock) {
	for _, item := range m.Items {
		tab, ok := item.(*syntax.Table)
		if !ok {
			continue
		}
		row := t.shape(t.flow.space, tab.Shape)
		if row.Unknown {
			row = &value.Type{Kind: value.Record, Open: true, Unknown: true, Fields: []*value.Field{{Name: "id", Type: value.TUnknown, Optional: true}}}
		}
		if row.Kind != value.Record || len(row.Fields) == 0 {
			t.add(diag.Errorf(CodeType, tab.Shape.Place(), "a table has rows of a record type, not %s", row).Hintf("its first field is the key"))
			continue
		}
		if t.tables[m.Service.Text] == nil {
			t.tables[m.Service.Text] = map[string]*suite.Table{}
		}
		if first := t.tables[m.Service.Text][tab.Name.Text]; first != nil {
			t.duplicate("table", tab.Name, syntax.Name{Node: syntax.Node{Span: first.Span}})
			continue
		}
		t.noteName(SortTable, tab.Name, tab.Name.Span, row)
		t.tables[m.Service.Text][tab.Name.Text] = &suite.Table{Service: m.Service.Text, Name: tab.Name.Text, Row: row, Span: tab.Name.Span}
	}
}

// mock compiles a mock; `mock a, b { … }` is one for each service.
func (t *tester) mock(m *syntax.Mock, sc *scope) []*suite.Mock {
	if m.Class != nil {
		sig := t.step.handler(syntax.Name{Node: m.Class.Node, Text: m.Class.Value})
		out := &suite.Mock{Service: sig.Service, Operation: sig.Operation, Span: m.Class.Span}
		out.Replies = map[string]*suite.Replies{sig.Operation: t.replies(sig, true, m.Node, m.Replies, sc, out.Span)}
		return []*suite.Mock{out}
	}
	if m.Operation != nil {
		sig := t.signature(m.Service, *m.Operation)
		out := &suite.Mock{Service: m.Service.Text, Operation: m.Operation.Text, Span: m.Service.Span.To(m.Operation.Span)}
		out.Replies = map[string]*suite.Replies{m.Operation.Text: t.replies(sig, true, m.Node, m.Replies, sc, out.Span)}
		return []*suite.Mock{out}
	}
	var all []*suite.Mock
	for _, name := range append([]syntax.Name{m.Service}, m.More...) {
		all = append(all, t.serviceMock(name, m, sc))
	}
	return all
}

func (t *tester) serviceMock(name syntax.Name, m *syntax.Mock, sc *scope) *suite.Mock {
	out := &suite.Mock{Service: name.Text, Replies: map[string]*suite.Replies{}, Span: name.Span}
	t.noteService(t.flow.space, name)
	signature := func(op syntax.Name) *value.Signature { return t.signature(name, op) }
	if t.flow.space.services.byName[name.Text] == nil && (t.opts.Catalog == nil || len(t.opts.Catalog.Operations(name.Text)) == 0) {
		t.step.unknownService(name)
		signature = func(op syntax.Name) *value.Signature { return unknownSignature(name.Text, op.Text) }
	}
	for _, tab := range m.Items {
		if tab, ok := tab.(*syntax.Table); ok {
			if known := t.tables[name.Text][tab.Name.Text]; known != nil {
				out.Tables = append(out.Tables, known)
			}
		}
	}
	for _, item := range m.Items {
		switch item := item.(type) {
		case *syntax.Pass:
			out.Pass = true
		case *syntax.MockOperation:
			sig := signature(item.Name)
			if first := out.Replies[item.Name.Text]; first != nil {
				t.duplicate("operation", item.Name, syntax.Name{Node: syntax.Node{Span: first.Span}})
				continue
			}
			out.Replies[item.Name.Text] = t.replies(sig, false, item.Node, item.Replies, sc, item.Name.Span)
		}
	}
	return out
}

func (t *tester) signature(service, operation syntax.Name) *value.Signature {
	sig := t.step.signature(&syntax.Call{Target: []syntax.Name{service, operation}})
	t.noteOperation(t.flow.space, service, operation, sig, nil)
	return sig
}

// callType is what expectations see of a call that was made.
func callType(sig *value.Signature) *value.Type {
	return value.RecordOf(
		atField, &value.Field{Name: "args", Type: sig.Input}, &value.Field{Name: "attempt", Type: value.TInt},
		&value.Field{Name: "key", Type: value.TString}, &value.Field{Name: "step", Type: value.TString}, &value.Field{Name: "correlation_id", Type: value.TString},
		&value.Field{Name: "outcome", Type: value.TString}, &value.Field{Name: "body", Type: value.TAny}, &value.Field{Name: "lost", Type: value.TBool},
	)
}

var mockRunType = value.RecordOf(&value.Field{Name: "id", Type: value.TString}, &value.Field{Name: "correlation_id", Type: value.TString}, &value.Field{Name: "now", Type: value.TTime})

// replies compiles what answers the calls of an operation.
func (t *tester) replies(sig *value.Signature, once bool, of syntax.Node, body []syntax.MockStmt, sc *scope, span diag.Span) *suite.Replies {
	out := &suite.Replies{Sig: sig, Once: once, Span: span}
	inner := sc.child()
	given := func(name string, typ *value.Type) {
		if first := sc.find(name); first != nil {
			t.add(diag.Errorf(CodeReserved, first.place, "%s means something else in a mock of %s", name, sig.Name()).See(span, "the mock"))
		}
		inner.names[name] = &binding{name: name, typ: typ, used: true}
	}
	input := sig.Input
	if sig.Handler {
		input = value.TAny
		given("config", value.TAny)
		given("results", value.TAny)
	}
	given("input", input)
	given("run", mockRunType)
	given("attempt", value.TInt)
	given("key", value.TString)
	given("place", value.TString)
	for name, tab := range t.tables[sig.Service] {
		given(name, value.ListOf(tab.Row))
		inner.names[name].place = tab.Span
	}
	index := 0
	out.Body = t.reactions(out, body, inner, &index)
	out.Reads = slices.Compact(slices.Sorted(slices.Values(readBy(out.Body, nil))))
	if index == 0 && !of.Partial {
		t.add(diag.Errorf(CodeEmptyStep, span, "this mock answers nothing").Hintf("give it a reply: 200 { … }, 503, timeout or pass"))
	}
	return out
}

// readBy lists the names that reactions read.
func readBy(body []suite.Reaction, out []string) []string {
	read := func(programs ...*expr.Program) {
		for _, p := range programs {
			if p != nil {
				out = append(out, p.Refs()...)
			}
		}
	}
	for _, r := range body {
		switch r := r.(type) {
		case *graph.Let:
			read(r.Value)
		case *suite.Put:
			read(r.Row)
		case *suite.When:
			read(r.Cond)
			out = readBy(r.Body, out)
		case *suite.Reply:
			read(r.Body, r.Headers, r.After, r.Times)
		}
	}
	return out
}

// reactions compiles what a mock does.
func (t *tester) reactions(r *suite.Replies, body []syntax.MockStmt, sc *scope, index *int) []suite.Reaction {
	var out []suite.Reaction
	answered := false
	for _, st := range body {
		if answered {
			t.add(diag.Errorf(CodeUnreachable, placeOfMock(st), "this is never reached: the reply above answers every call"))
			break
		}
		switch st := st.(type) {
		case *syntax.Let:
			if put := t.mockLet(st, r, sc); put != nil {
				out = append(out, put)
			}
		case *syntax.Put:
			if put := t.put(st, sc, r.Sig.Service); put != nil {
				out = append(out, put)
			}
		case *syntax.When:
			w := &suite.When{Cond: t.flow.expectIn(st.Cond, sc, value.TBool, "when"), Span: st.Span}
			inner := sc.child()
			inner.assume(w.Cond, true)
			w.Body = t.reactions(r, st.Replies, inner, index)
			out = append(out, w)
			if answers(w.Body, r.Once) {
				sc.assume(w.Cond, false)
			}
		case *syntax.Reply:
			reply := t.reply(st, r, sc)
			reply.Index = *index
			*index++
			out = append(out, reply)
			answered = reply.EveryCall(r.Once)
		}
	}
	return out
}

// answers reports whether a block always answers, so that nothing below it is reached.
func answers(body []suite.Reaction, once bool) bool {
	for _, r := range body {
		if reply, ok := r.(*suite.Reply); ok && reply.EveryCall(once) {
			return true
		}
	}
	return false
}

func placeOfMock(st syntax.MockStmt) diag.Span {
	switch st := st.(type) {
	case *syntax.Let:
		return st.Span
	case *syntax.Put:
		return st.Span
	case *syntax.When:
		return st.Span
	case *syntax.Reply:
		return st.Span
	}
	return diag.Span{}
}

func (t *tester) mockLet(l *syntax.Let, r *suite.Replies, sc *scope) suite.Reaction {
	switch {
	case l.Put != nil:
		put := t.put(l.Put, sc, r.Sig.Service)
		if put == nil {
			sc.define(l.Name, value.TUnknown)
			return nil
		}
		put.Name = l.Name.Text
		sc.define(l.Name, t.tables[put.Service][put.Table].Row)
		return put
	case l.Value != nil:
		_, let := t.flow.let(l, sc)
		return let
	}
	t.flow.misplaced(l, "a mock does not call services or read files")
	return nil
}

// put compiles a change of a table. service is the one whose mock it stands in; "" in
// a test, which names it.
func (t *tester) put(p *syntax.Put, sc *scope, service string) *suite.Put {
	name := p.Table[len(p.Table)-1]
	if len(p.Table) == 2 {
		service = p.Table[0].Text
	}
	row := t.flow.compileIn(p.Row, sc)
	tab := t.tables[service][name.Text]
	if tab == nil || len(p.Table) > 2 {
		var known []string
		for s, tabs := range t.tables {
			for n := range tabs {
				if service == s && len(p.Table) == 1 {
					known = append(known, n)
				} else {
					known = append(known, s+"."+n)
				}
			}
		}
		slices.Sort(known)
		d := diag.Errorf(CodeUnknownName, p.Table[0].Span.To(name.Span), "there is no table %s", written(p.Table))
		if !d.Suggest(d.Span, written(p.Table), known) {
			d.Hintf("a mock declares it: table %s { id int, … }", name.Text)
		}
		t.add(d)
		return nil
	}
	t.noteName(SortTable, name, tab.Span, tab.Row)
	if len(p.Table) == 2 {
		t.noteService(t.flow.space, p.Table[0])
	}
	t.flows(row.Type(), tab.Row)
	for _, f := range row.Fields() {
		want := tab.Row.Field(f.Name)
		if want == nil && tab.Row.Open { // the type of its rows is not known
			continue
		}
		if want == nil {
			d := diag.Errorf(CodeUnknownArgument, f.Key, "rows of %s have no field %s", tab.Name, f.Name)
			d.Suggest(f.Key, f.Name, tab.Row.FieldNames())
			t.add(d)
			continue
		}
		if ok, why := f.Type.AssignableTo(want.ReadType().Opt()); !ok {
			t.add(diag.Errorf(CodeType, f.Span, "field %s must be %s: %s", f.Name, article(want.Type), why))
		}
	}
	if row.Fields() == nil {
		if k := row.Type().Kind; k != value.Record && k != value.Any {
			t.add(diag.Errorf(CodeType, p.Row.Span, "a row is a record, not %s", article(row.Type())))
		}
	}
	return &suite.Put{Service: service, Table: name.Text, Row: row, Span: p.Span}
}

func written(names []syntax.Name) string {
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = n.Text
	}
	return strings.Join(parts, ".")
}

// reply compiles one answer and holds it against the signature.
func (t *tester) reply(st *syntax.Reply, r *suite.Replies, sc *scope) *suite.Reply {
	out := &suite.Reply{Pass: st.Pass, Always: st.Always, Lost: st.Lost, Broken: st.Undeclared || st.Malformed, Span: st.Span}
	if st.Headers != nil {
		out.Headers = t.flow.expectIn(st.Headers, sc, &value.Type{Kind: value.Record, Open: true}, "headers")
	}
	if st.After != nil {
		out.After = t.flow.expectIn(st.After, sc, value.TDuration, "after")
	}
	if st.Times != nil {
		out.Times = t.flow.expectIn(st.Times, sc, value.TInt, "times")
	}
	if st.Body != nil {
		out.Body = t.flow.compileIn(st.Body, sc)
	}
	if st.Pass {
		if st.Body != nil || st.Headers != nil || out.Broken {
			t.add(diag.Errorf(CodeMisplaced, st.Span, "pass answers what the mock below answers").Hintf("leave body and headers out"))
		}
		return out
	}
	out.Outcome = pattern(st.Outcome)
	t.noteOutcomes([]syntax.Outcome{st.Outcome}, func(p value.Pattern) *value.Type { body, _ := r.Sig.Body(p.Status, p.Name); return body }, r.Sig)
	t.fitsSignature(st, out, r.Sig)
	return out
}

func (t *tester) fitsSignature(st *syntax.Reply, out *suite.Reply, sig *value.Signature) {
	p, span := out.Outcome, st.Outcome.Span
	switch {
	case p.Class != 0:
		t.add(diag.Errorf(CodeType, span, "an answer has one status, not a class of them").Hintf("write %d00", p.Class))
		return
	case p.Name == value.Timeout, p.Name == value.Unreachable:
		if out.Body != nil {
			if ok, _ := out.Body.Type().AssignableTo(value.TString); !ok {
				t.add(diag.Errorf(CodeType, st.Body.Span, "%s has no body; a text may say what went wrong", p))
			}
		}
		return
	case p.Name == value.Malformed, sig.Handler:
		return
	case st.Undeclared: // the status, or a field of the body
		if want, _ := sig.Body(p.Status, p.Name); want != nil && out.Body != nil && sig.Possible(p) {
			if ok, _ := out.Body.Type().AssignableTo(want); ok {
				t.add(diag.Errorf(CodeType, span, "%s answers this as declared", sig.Name()).Hintf("remove undeclared"))
			}
		} else if sig.Possible(p) || p.Status == 0 {
			t.add(diag.Errorf(CodeType, span, "%s answers %s as declared", sig.Name(), p).Hintf("remove undeclared"))
		}
		return
	case !sig.Possible(p) || isVerdict(p):
		t.impossible(p, span, sig)
		return
	}
	t.fitsBody(st, out, sig)
}

func (t *tester) impossible(p value.Pattern, span diag.Span, sig *value.Signature) {
	var names []string
	for _, o := range sig.Outcomes {
		names = append(names, o.String())
	}
	names = append(names, value.Unconditional...)
	if p.Name == value.BreakerOpen {
		t.add(diag.Errorf(CodeImpossible, span, "%s is what a breaker makes of a call, not an answer", p).Hintf("let the service fail until its breaker opens: 503 always"))
		return
	}
	d := diag.Errorf(CodeImpossible, span, "%s never answers %s", sig.Name(), p)
	if p.Name == "" || !d.Suggest(span, p.Name, names) {
		d.Hintf("it answers %s", strings.Join(names, ", "))
		if p.Status != 0 {
			d.Hint += fmt.Sprintf("; if it shall do so all the same: %s undeclared", p)
		}
	}
	t.add(d)
}

func (t *tester) fitsBody(st *syntax.Reply, out *suite.Reply, sig *value.Signature) {
	p := out.Outcome
	want, _ := sig.Body(p.Status, p.Name)
	if out.Body != nil {
		t.flows(out.Body.Type(), want)
	}
	switch {
	case st.Malformed && want == nil:
		t.add(diag.Errorf(CodeType, st.Outcome.Span, "nothing is declared of the body of %s, so it is never malformed", p))
	case want == nil, st.Malformed:
	case out.Body == nil && !want.Omissible() && !want.Optional && want.Kind != value.Any:
		t.add(diag.Errorf(CodeType, st.Outcome.Span, "%s answers %s with a body: %s", sig.Name(), p, want).
			Hintf("write it behind the %s; an answer without one on purpose is %s malformed", p, p))
	case out.Body != nil:
		if ok, why := out.Body.Type().AssignableTo(want); !ok {
			t.add(diag.Errorf(CodeType, st.Body.Span, "the body of %s is %s: %s", p, want, why).
				Hintf("if it shall break the signature, write malformed behind it"))
		}
	}
}

// testFlow is one test while it is compiled.
type testFlow struct {
	*tester
	tree   *syntax.Test
	scope  *testScope
	deeds  []*syntax.Deed // of the next run
	ran    *graph.Graph   // the last run; nil before the first
	said   bool           // something was expected of it
	result *suite.Test
}

func (t *tester) test(tree *syntax.Test) *suite.Test {
	f := &testFlow{tester: t, tree: tree, result: &suite.Test{Name: tree.Name.Value, Span: tree.Name.Span}}
	own := t.base.child()
	f.scope = &testScope{scope: own.child(), own: own, tester: t, refs: map[string]*value.Type{}, named: map[string]*suite.Step{}}
	f.result.Steps = f.scope.named
	if tree.Var != nil {
		f.result.Var = tree.Var.Text
		f.result.Cases = t.flow.compileIn(tree.Cases, t.base)
		elem := value.TAny
		switch list := f.result.Cases.Type(); {
		case list.Kind == value.List:
			elem = list.Elem
		case list.Kind != value.Any:
			t.add(diag.Errorf(CodeType, tree.Cases.Span, "a test is repeated for the values of a list, not of %s", article(list)))
		}
		f.scope.define(*tree.Var, elem)
	}
	for i, st := range tree.Stmts {
		f.stmt(st, tree.Stmts[i+1:])
	}
	switch {
	case tree.Partial:
	case f.ran == nil:
		t.add(diag.Errorf(CodeEmptyStep, tree.Name.Span, "this test runs nothing").Hintf("add: run WORKFLOW { … }"))
	case !f.said:
		t.add(diag.Errorf(CodeEmptyStep, tree.Name.Span, "this test expects nothing of its last run, so it cannot fail").Hintf("add: expect completed"))
	}
	for _, d := range f.deeds {
		t.add(diag.Errorf(CodeMisplaced, d.Span, "no run follows to which this could happen").Hintf("write it before the run"))
	}
	return f.result
}

func (f *testFlow) emit(st suite.Stmt) { f.result.Body = append(f.result.Body, st) }

func (f *testFlow) stmt(st syntax.TestStmt, rest []syntax.TestStmt) {
	switch st := st.(type) {
	case *syntax.Let:
		f.let(st)
	case *syntax.Mock:
		for _, item := range st.Items {
			if tab, ok := item.(*syntax.Table); ok {
				f.add(diag.Errorf(CodeMisplaced, tab.Span, "a table is declared outside tests, where all of them know it"))
			}
		}
		for _, m := range f.mock(st, f.scope.own) {
			f.emit(m)
		}
	case *syntax.Put:
		if p := f.put(st, f.scope.scope, ""); p != nil {
			f.emit(p)
		}
	case *syntax.Call:
		f.emit(f.setup(st))
	case *syntax.Seed:
		f.emit(&suite.Seed{Value: f.expect(st.Value, f.scope, value.TInt, "seed")})
	case *syntax.Clock:
		f.emit(&suite.Clock{At: f.expect(st.At, f.scope, value.TTime, "clock")})
	case *syntax.Deed:
		f.deeds = append(f.deeds, st)
	case *syntax.Run:
		f.run(st, rest)
	case *syntax.Expect:
		f.expectation(st)
	}
}

func (f *testFlow) let(l *syntax.Let) {
	switch {
	case l.Value != nil:
		p := f.compile(l.Value, f.scope)
		b := f.scope.define(l.Name, p.Type())
		f.flow.lets = append(f.flow.lets, b)
		f.emit(&graph.Let{Name: l.Name.Text, Value: p, Span: l.Span})
	case l.Read != nil:
		let := f.readLet(l)
		f.scope.define(l.Name, let.Value.Type())
		f.emit(let)
	case l.Call != nil:
		setup := f.setup(l.Call)
		setup.Name = l.Name.Text
		body, any := f.step.successes(&graph.Call{Sig: setup.Sig, Policy: &graph.Policy{Rules: setup.Sig.Rules}})
		if !any || body == nil {
			body = value.TAny
		}
		f.scope.define(l.Name, body)
		f.emit(setup)
	default:
		f.flow.misplaced(l, "a test names values, files and answers")
	}
}

// setup compiles a call that a test itself makes.
func (f *testFlow) setup(call *syntax.Call) *suite.Setup {
	sig := f.step.signature(call)
	if len(call.Target) == 2 {
		f.noteOperation(f.flow.space, call.Target[0], call.Target[1], sig, nil)
	}
	setup := &suite.Setup{Sig: sig, Span: call.Span}
	if call.Args != nil {
		setup.Args = f.compile(call.Args, f.scope)
	}
	if !sig.Handler {
		f.step.arguments(call, sig, setup.Args, &scope{})
	}
	return setup
}

// readLet is a let with the content of a JSON file, which the loader has read.
func (c *checker) readLet(l *syntax.Let) *graph.Let {
	v, ok := c.unit.Data[l]
	p := expr.Constant(v, value.TypeOf(v), l.Read.Span)
	if !ok { // the loader has said why
		p = expr.Constant(nil, value.TAny, l.Read.Span)
	}
	return &graph.Let{Name: l.Name.Text, Value: p, Span: l.Span}
}

// workflowNamed finds a workflow of the imports by its full name, or without its
// namespace if there is no other of that name.
func (t *tester) workflowNamed(names []syntax.Name) *graph.Graph {
	want, span := written(names), names[0].Span.To(names[len(names)-1].Span)
	var known, full []string
	var found []func() *graph.Graph
	for _, file := range t.files(t.unit.Main) {
		for _, d := range file.Decls {
			w, ok := d.(*syntax.Workflow)
			if !ok {
				continue
			}
			get := func() *graph.Graph {
				made := t.compiled(definition{w, file}, diag.Span{})
				t.noteWorkflowAs(w.Name, w.Name, made.sig, nil)
				t.noteWorkflowAs(names, w.Name, made.sig, nil)
				return made.graph
			}
			short := w.Name[len(w.Name)-1].Text
			switch want {
			case written(w.Name):
				return get()
			case short:
				full, found = append(full, written(w.Name)), append(found, get)
			}
			known = append(known, short)
		}
	}
	if len(found) == 1 {
		return found[0]()
	}
	if len(found) > 1 {
		t.add(diag.Errorf(CodeUnknownName, span, "there are %d workflows %s", len(found), want).Hintf("say which: %s", strings.Join(full, " or ")))
		return nil
	}
	d := diag.Errorf(CodeUnknownName, span, "there is no workflow %s", want)
	if !d.Suggest(span, want, known) {
		d.Hintf(`import the file that defines it: import "….wf"`)
	}
	t.add(d)
	return nil
}

func (f *testFlow) run(st *syntax.Run, rest []syntax.TestStmt) {
	g := f.workflowNamed(st.Workflow)
	run := &suite.Run{Graph: g, Span: st.Span}
	if st.Input != nil {
		run.Input = f.compile(st.Input, f.scope)
	}
	if g == nil {
		g = &graph.Graph{Input: &value.Type{Kind: value.Record, Open: true}}
		f.scope.unknown = true
	} else if !refusalExpected(rest) {
		f.input(st, run, g)
	}
	for _, d := range f.deeds {
		f.emit(f.deed(d, g))
	}
	f.deeds = nil
	if f.ran != nil && !f.said {
		f.said = true // an earlier run prepares the one below
	}
	f.ran, f.said = g, false
	f.scope.after(g)
	if run.Graph != nil {
		f.emit(run)
	}
}

// refusalExpected reports whether the next run is expected to be refused for its
// input, which is then wrong on purpose.
func refusalExpected(rest []syntax.TestStmt) bool {
	for _, st := range rest {
		switch st := st.(type) {
		case *syntax.Run:
			return false
		case *syntax.Expect:
			if st.Ending != nil && st.Ending.Text == suite.Refused {
				return true
			}
		}
	}
	return false
}

func (f *testFlow) input(st *syntax.Run, run *suite.Run, g *graph.Graph) {
	given, span := value.RecordOf(), st.Workflow[0].Span.To(st.Workflow[len(st.Workflow)-1].Span)
	if run.Input != nil {
		given, span = run.Input.Type(), st.Input.Span
		f.flows(given, g.Input)
	}
	if ok, why := given.AssignableTo(g.Input); !ok {
		f.addOnce(diag.Errorf(CodeArgumentType, span, "this is no input of %s: %s", g.FullName(), why).
			Hintf("a run whose input is wrong on purpose says so: expect refused"))
	}
}

func (f *testFlow) deed(d *syntax.Deed, g *graph.Graph) *suite.Deed {
	out := &suite.Deed{At: f.expect(d.At, f.scope, value.TDuration, "after"), Crash: d.Crash, Span: d.Span}
	if d.Signal != nil {
		f.signalled(d, g, out)
		return out
	}
	if out.Retry = d.Retry; d.From != nil {
		out.Step = d.From.Text
		if s := stepNamed(g, out.Step); s != nil {
			f.noteName(SortStep, *d.From, s.Span, s.Result)
		} else {
			f.unknownStep(*d.From, g)
		}
	}
	if d.Step == nil {
		return out
	}
	out.Step = d.Step.Text
	out.Result = f.compile(d.Result, f.scope)
	s := stepNamed(g, d.Step.Text)
	if s == nil {
		f.unknownStep(*d.Step, g)
		return out
	}
	f.noteName(SortStep, *d.Step, s.Span, s.Result)
	f.flows(out.Result.Type(), s.Result)
	if ok, why := out.Result.Type().AssignableTo(s.Result); !ok {
		f.add(diag.Errorf(CodeType, d.Result.Span, "step %s returns %s: %s", s.Name, s.Result, why))
	}
	return out
}

func stepNamed(g *graph.Graph, name string) *graph.Step {
	for _, s := range g.Steps {
		if s != nil && s.Name == name {
			return s
		}
	}
	return nil
}

func (f *testFlow) unknownStep(name syntax.Name, g *graph.Graph) {
	if f.scope.unknown {
		return
	}
	d := diag.Errorf(CodeUnknownStep, name.Span, "%s has no step %s", g.FullName(), name.Text)
	if !d.Suggest(name.Span, name.Text, stepNamesOf(g.Steps)) {
		d.Hintf("it has %s", strings.Join(stepNamesOf(g.Steps), ", "))
	}
	f.add(d)
}

func stepNamesOf(steps []*graph.Step) []string {
	names := make([]string, 0, len(steps))
	for _, s := range steps {
		if s != nil {
			names = append(names, s.Name)
		}
	}
	return names
}

func (f *testFlow) expectation(st *syntax.Expect) {
	if f.ran == nil {
		f.add(diag.Errorf(CodeMisplaced, st.Span, "nothing has run of which this could be expected").Hintf("write the run first"))
		return
	}
	f.said = true
	if st.Golden {
		f.emit(&suite.Golden{Span: st.Span})
		return
	}
	if st.Ending != nil {
		f.endingExpected(st)
		return
	}
	if st.Cond == nil {
		return
	}
	conditions, problems := expr.CompileConditions(source(st.Cond), f.scope)
	f.problems = append(f.problems, problems...)
	if problems.HasErrors() {
		return
	}
	for _, c := range conditions {
		e := &suite.Expect{Cond: c.Program, Parts: c.Parts, Span: c.Span()}
		if c.Operator != "" {
			e.Sides = &suite.Sides{Operator: c.Operator, Left: c.Left, Right: c.Right}
		}
		f.emit(e)
	}
}

// endings of steps and of runs.
var (
	stepEndings     = []string{"completed", "degraded", "skipped", "failed", "cancelled", "not_run", "resolved"}
	workflowEndings = []string{"completed", "degraded", "failed", "cancelled", "compensated", "not_run"} // of one that is called
	runEndings      = []string{"completed", "degraded", "failed", "cancelled", "compensated", suite.Refused}
)

func (f *testFlow) endingExpected(st *syntax.Expect) {
	e := &suite.Expect{Ending: st.Ending.Text, Span: st.Span}
	known, what := runEndings, "a run"
	if st.Step != nil {
		known, what = stepEndings, "a step"
		var problem *diag.Diagnostic
		if e.Step, _, problem = f.scope.step(st.Step); problem != nil {
			f.add(problem)
		} else if e.Step.Workflow {
			known, what = workflowEndings, "a workflow that is called"
		}
	}
	if !slices.Contains(known, e.Ending) {
		f.add(diag.Errorf(CodeType, st.Ending.Span, "%s never ends %s", what, e.Ending).Hintf("it ends %s", strings.Join(known, ", ")))
	}
	if st.Code != nil {
		e.Code = st.Code.Text
		f.codeExpected(st)
	}
	if st.Path != nil {
		e.Path = f.expect(st.Path, f.scope, value.TString, "the path that an input is refused for")
	}
	if st.Attempts != nil {
		e.Attempts = f.expect(st.Attempts, f.scope, value.TInt, "attempts")
		if st.Step == nil {
			f.add(diag.Errorf(CodeMisplaced, st.Attempts.Span, "attempts are those of a step").Hintf("write expect STEP %s after … attempts", e.Ending))
		}
	}
	f.emit(e)
}

var statusCode = regexp.MustCompile(`^HTTP_[1-5]\d\d$`)

// commonCodes are codes of failures that no definition names.
var commonCodes = []string{"TIMEOUT", "UNREACHABLE", "MALFORMED", "DEADLINE_EXCEEDED", "EXPRESSION_ERROR", "INVALID_ARGUMENT", "CANCELLED",
	"TOO_FEW_COMPLETED", "TOO_MANY_ITEMS", "SAME_KEY", "UNDO_FAILED"}

// codeExpected reports a code with which nothing of the workflow can fail.
func (f *testFlow) codeExpected(st *syntax.Expect) {
	if st.Ending.Text != "failed" && st.Ending.Text != "compensated" {
		f.add(diag.Errorf(CodeMisplaced, st.Code.Span, "only a failure has a code").Hintf("write expect failed %s", st.Code.Text))
		return
	}
	code := st.Code.Text
	if callsHandler(f.ran) { // which may fail with any code
		return
	}
	known := slices.Clone(commonCodes)
	known = append(known, codesOf(f.ran.EachStmt)...)
	known = append(known, codesOf(func(visit func(graph.Stmt)) { graph.EachStmt(f.ran.Prelude, visit) })...)
	if f.scope.unknown || statusCode.MatchString(code) || slices.Contains(known, code) {
		return
	}
	d := diag.Errorf(CodeUnknownName, st.Code.Span, "%s never fails with %s", f.ran.FullName(), code)
	if !d.Suggest(st.Code.Span, code, known) {
		d.Hintf("a failed call has the code HTTP_nnn, or TIMEOUT, UNREACHABLE, MALFORMED")
	}
	f.add(d)
}

// callsHandler reports whether some step calls a handler.
func callsHandler(g *graph.Graph) bool {
	found := false
	g.EachCall(func(c *graph.Call) { found = found || c.Sig.Handler })
	return found
}

// codesOf lists the codes that statements, and the services they call, fail with.
func codesOf(each func(visit func(graph.Stmt))) []string {
	var out []string
	each(func(st graph.Stmt) {
		switch st := st.(type) {
		case *graph.Fail:
			out = append(out, st.Code)
		case *graph.Call:
			for _, o := range st.Sig.Outcomes {
				if o.Name != "" {
					out = append(out, o.Name)
				}
			}
		}
	})
	return out
}

// testScope is what the expressions of a test may read: its names, and after a run
// what came of it.
type testScope struct {
	*scope
	own     *scope // its parent: without what came of a run, which mocks do not read
	tester  *tester
	ran     *graph.Graph
	refs    map[string]*value.Type // functions of steps and operations met so far
	named   map[string]*suite.Step // those that the functions take, by their text
	unknown bool                   // the workflow is not known, so nothing of it is reported
}

var testRunType = value.RecordOf(
	&value.Field{Name: "id", Type: value.TString}, &value.Field{Name: "correlation_id", Type: value.TString}, &value.Field{Name: "started_at", Type: value.TTime},
	&value.Field{Name: "ending", Type: endingType(runEndings)}, &value.Field{Name: "took", Type: value.TDuration}, &value.Field{Name: "saved", Type: value.TDuration},
	&value.Field{Name: "services", Type: value.ListOf(value.RecordOf(&value.Field{Name: "service", Type: value.TString}, &value.Field{Name: "calls", Type: value.TInt}, &value.Field{Name: "time", Type: value.TDuration},
		&value.Field{Name: "held", Type: value.TDuration}, &value.Field{Name: "refused", Type: value.TInt}, &value.Field{Name: "breaker", Optional: true, Type: endingType([]string{"closed", "open", "half_open"})}))},
	&value.Field{Name: "error", Optional: true, Type: value.RecordOf(&value.Field{Name: "code", Type: value.TString}, &value.Field{Name: "message", Type: value.TString}, &value.Field{Name: "step", Type: value.TString, Optional: true})},
)

func endingType(names []string) *value.Type {
	values := make([]any, len(names))
	for i, n := range names {
		values[i] = n
	}
	return value.EnumOf(values...)
}

// after makes the results of a run readable.
func (s *testScope) after(g *graph.Graph) {
	if s.ran != nil {
		for _, name := range append(stepNamesOf(s.ran.Steps), "run", "output") {
			delete(s.names, name)
		}
	}
	s.ran = g
	s.names["run"] = &binding{name: "run", typ: testRunType, used: true}
	output := value.TNil
	if s.unknown {
		output = value.TUnknown
	}
	if g.Output != nil {
		output = g.Output.Type()
	}
	s.names["output"] = &binding{name: "output", typ: output, used: true}
	for _, st := range g.Steps {
		if st == nil || !isReadable(st.Name) || st.Name == "output" {
			continue
		}
		if first := s.find(st.Name); first != nil {
			s.tester.add(diag.Errorf(CodeDuplicate, first.place, "%s is a step of %s, so it cannot be another name in its tests", st.Name, g.FullName()).See(st.Span, "the step"))
		}
		// a step without a result fails the expectation when it is read
		s.names[st.Name] = &binding{name: st.Name, place: st.Span, typ: st.Result.Req(), used: true, ofRun: true}
	}
	for service, tables := range s.tester.tables {
		if s.find(service) != nil {
			continue
		}
		t := value.RecordOf()
		for _, name := range sortedNames(tables) {
			t.Fields = append(t.Fields, &value.Field{Name: name, Type: value.ListOf(tables[name].Row), Declared: []value.Place{value.Place(tables[name].Span)}})
		}
		s.names[service] = &binding{name: service, typ: t, used: true}
	}
}

func sortedNames[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// define enters a name of the test.
func (s *testScope) define(name syntax.Name, typ *value.Type) *binding {
	b := s.scope.define(name, typ)
	if s.names[name.Text] == b {
		delete(s.names, name.Text)
		s.own.names[name.Text] = b
	}
	return b
}

// Lookup also knows the functions of steps and operations that Refer has typed.
func (s *testScope) Lookup(name string) (*value.Type, bool) {
	if t := s.refs[name]; t != nil {
		return t, true
	}
	if t, ok := s.scope.Lookup(name); ok || !s.unknown {
		return t, ok
	}
	return value.TUnknown, true
}

// Probe keeps probes out of tests: it is workflows that are covered.
func (s *testScope) Probe() bool { return false }

// stepFunctions are the functions of steps.
var stepFunctions = map[string]*value.Type{
	"ending": endingType(stepEndings), "attempts": value.TInt, "started": value.TDuration, "ended": value.TDuration, "took": value.TDuration, "reason": value.TString, "code": value.TString,
}

// handlerOf is the signature of the handler a step calls; nil if it calls none.
func (s *testScope) handlerOf(step string) *value.Signature {
	if s.ran == nil {
		return nil
	}
	var sig *value.Signature
	if st := stepNamed(s.ran, step); st != nil {
		graph.EachCall(st.Body, func(c *graph.Call) {
			if c.Sig.Handler {
				sig = c.Sig
			}
		})
	}
	return sig
}

// Refer types functions of steps and operations.
// Functions are those that take steps and operations.
func (s *testScope) Functions() []string {
	return append([]string{suite.Calls, suite.Effects}, slices.Sorted(maps.Keys(stepFunctions))...)
}

func (s *testScope) Refer(function, path string, span diag.Span) (*value.Type, *diag.Diagnostic, bool) {
	text := function + "(" + path + ")"
	if t := stepFunctions[function]; t != nil {
		switch {
		case s.ran == nil:
			return nil, diag.Errorf(CodeTooLate, span, "nothing has run yet").Hintf("write the run first"), true
		case path == "" && !s.unknown:
			return nil, diag.Errorf(CodeUnknownStep, span, "%s takes a step of %s", function, s.ran.FullName()).Hintf("it has %s", strings.Join(stepNamesOf(s.ran.Steps), ", ")), true
		}
		ref, _, problem := s.step(&syntax.Expr{Node: syntax.Node{Span: span}, Text: path})
		if problem != nil {
			return nil, problem, true
		}
		s.named[path] = ref
		if ref.Workflow && function == "ending" {
			t = endingType(workflowEndings)
		}
		s.refs[text] = t
		return t, nil, true
	}
	fact := function == expr.TookEffect || function == expr.WasCalled
	if !fact && function != suite.Calls && function != suite.Effects {
		return nil, nil, false
	}
	service, operation, ok := strings.Cut(path, ".")
	if fact && (!ok || strings.ContainsAny(operation, ".[")) {
		return nil, diag.Errorf(CodeUnknownOp, span, "it is an operation that is called and takes effect, not %s", path).Hintf("write SERVICE.OPERATION took effect"), true
	}
	if !ok {
		sig := s.handlerOf(path)
		if sig == nil {
			return nil, diag.Errorf(CodeUnknownOp, span, "%s takes an operation, or a step that calls a handler", function).Hintf("write %s(service.operation)", function), true
		}
		s.refs[text] = value.ListOf(callType(sig))
		return s.refs[text], nil, true
	}
	first, second := syntax.Name{Node: syntax.Node{Span: span}, Text: service}, syntax.Name{Node: syntax.Node{Span: span}, Text: operation}
	if span.End-span.Start == len(path) { // it stands there as it is
		first.Span.End = span.Start + len(service)
		second.Span.Start = span.End - len(operation)
	}
	sig := s.tester.signature(first, second)
	if s.refs[text] = value.ListOf(callType(sig)); fact {
		s.refs[text] = value.TBool
	}
	return s.refs[text], nil, true
}

// Facts makes `STEP completed` and `SERVICE.OPERATION took effect` conditions.
func (s *testScope) Facts() bool { return s.ran != nil }
