package check

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/syntax"
	"wf/lang/value"
)

// flow is one workflow while it is checked.
type flow struct {
	*checker
	space *space
	tree  *syntax.Workflow
	graph *graph.Graph
	level
	early    *scope          // what stands before the first step may read
	read     map[string]bool // paths of the input that are read
	below    map[string]bool // paths of the input with a read path inside
	lets     []*binding      // of the workflow and its steps
	shared   []sharedLet     // of the files
	awaited  map[string]bool // signals that are waited for
	handlers bool            // some step passes its whole context on
}

// level is a set of steps that stand together: those of the workflow, or of a group.
type level struct {
	steps    map[string]*stepInfo
	order    []*stepInfo // in source order
	late     *scope      // what a step may read
	base     parts       // the policy around them
	calls    parts       // for the calls of workflows: without that of this workflow
	policies map[string]*graph.Policy
	made     []*graph.Step // by index
	caught   bool          // a failure in them is taken care of around them
	item     *scope        // of the item of the nearest loop around them; nil: there is none
	bounded  bool          // a within bounds what they do
	path     []string      // names of the steps around them, outermost first; nil: those of the workflow
	outer    *level        // that of the step around them; nil: they are those of the workflow
	of       *stepInfo     // the step around them, or the item of a loop
}

// stepInfo is what is known of a step.
type stepInfo struct {
	tree     *syntax.Step
	index    int
	edges    []edge
	result   *value.Type
	loop     *graph.Loop // nil: it is none, or not checked yet
	bind     *binding
	cyclic   bool
	returned []returned // ways in which it gets its result
	told     bool       // it returns something on purpose
	around   *stepInfo  // the loop whose item it is; nil for steps with a name
}

// edge is a reference to another step.
type edge struct {
	to    *stepInfo
	span  diag.Span
	after bool
}

var semver = regexp.MustCompile(`^\d+\.\d+\.\d+$`)

func (c *checker) workflow(s *space, w *syntax.Workflow) *graph.Graph {
	f := &flow{checker: c, space: s, tree: w, graph: &graph.Graph{Input: value.RecordOf()}, level: newLevel(), read: map[string]bool{}, below: map[string]bool{}}
	parts := make([]string, len(w.Name))
	for i, n := range w.Name {
		parts[i] = n.Text
	}
	f.graph.Name = parts[len(parts)-1]
	f.graph.Span = w.Name[len(w.Name)-1].Span
	f.graph.Namespace = strings.Join(parts[:len(parts)-1], ".")
	f.head()
	f.signals()
	f.collect(w.Stmts)
	if len(f.order) == 0 && !w.Partial {
		last := w.Name[len(w.Name)-1]
		f.add(diag.Errorf(CodeEmptyStep, last.Span, "workflow %s has no step", f.graph.Name).Hintf("add one: step NAME { call service.operation { … } }"))
	}
	f.scopes()
	f.prelude()
	f.base = f.settings(w.Stmts, "workflow", f.early)
	f.graph.Within, f.graph.Limit, f.graph.Breaker = f.base.within, f.base.limit, f.base.breaker
	f.bounded = f.graph.Within != nil
	f.sequence()
	f.graph.Steps = f.made
	f.closing()
	f.finish()
	f.graph.ReadsRun = f.early.names["run"].used
	return f.graph
}

func newLevel() level {
	return level{steps: map[string]*stepInfo{}, policies: map[string]*graph.Policy{}}
}

// sequence checks the steps of a level, each after those it needs.
func (f *flow) sequence() {
	f.connect()
	f.made = nil
	if len(f.order) > 0 {
		f.made = make([]*graph.Step, len(f.order))
	}
	for _, st := range f.sorted() {
		f.made[st.index] = f.step(st)
	}
}

// head reads what stands at most once: version, description, input.
func (f *flow) head() {
	seen := map[string]diag.Span{}
	once := func(word string, span diag.Span) bool {
		first, dup := seen[word]
		if dup {
			f.add(diag.Errorf(CodeDuplicateSet, span, "%s is given twice", word).See(first, "first here"))
		}
		seen[word] = span
		return !dup
	}
	for _, st := range f.tree.Stmts {
		switch st := st.(type) {
		case *syntax.Version:
			if once("version", st.Span) {
				f.graph.Version = st.Value.Value
				if !semver.MatchString(st.Value.Value) {
					f.add(wholeVersion(diag.Errorf(CodeVersion, st.Value.Span, "version %q is not MAJOR.MINOR.PATCH", st.Value.Value).Hintf(`write a version such as "1.0.0"`), st.Value))
				}
			}
		case *syntax.Describe:
			if once("describe", st.Span) {
				f.graph.Describe = st.Value.Value
			}
		case *syntax.Input:
			if once("input", st.Span) {
				f.graph.Input = f.record(f.space, st.Record)
				f.graph.Schema = st.Schema
				f.correlation(st.Record)
			}
		case *syntax.Output:
			once("output", st.Span)
		case *syntax.Finally:
			once("finally", st.Span)
		case *syntax.On: // see closing
		case *syntax.Call, *syntax.Wait, *syntax.Undo, *syntax.Switch, *syntax.Return, *syntax.Degrade, *syntax.Fail:
			f.misplaced(st, "it belongs into a step")
		}
	}
}

// shortVersion is one with a part or two too few, or a v before it.
var shortVersion = regexp.MustCompile(`^v?(\d+)(\.\d+)?(\.\d+)?$`)

// wholeVersion adds the fix of a version that lacks parts.
func wholeVersion(d *diag.Diagnostic, t syntax.Text) *diag.Diagnostic {
	m := shortVersion.FindStringSubmatch(t.Value)
	if m == nil || isYAML(t.Span) || t.Span.End-t.Span.Start != len(t.Value)+2 {
		return d
	}
	for i := range m[2:] {
		m[i+2] = cmp.Or(m[i+2], ".0")
	}
	whole := strings.Join(m[1:], "")
	return d.Fix("write "+whole, diag.Edit{Span: diag.Span{File: t.Span.File, Start: t.Span.Start + 1, End: t.Span.End - 1}, New: whole})
}

// correlation warns of a correlation id that is none: only a string is taken.
func (f *flow) correlation(r *syntax.Record) {
	id := f.graph.Input.Field("correlation_id")
	if id == nil || r == nil {
		return
	}
	if id.Type.Secret {
		f.add(diag.Errorf(CodeSecret, r.Fields[slices.IndexFunc(r.Fields, func(field *syntax.Field) bool { return field.Name.Text == "correlation_id" })].Name.Span,
			"correlation_id stands in traces and logs, so it is no secret").Hintf("give the secret another name"))
		return
	}
	if ok, _ := id.Type.Req().AssignableTo(value.TString); ok || id.Type.Kind == value.Any {
		return
	}
	for _, field := range r.Fields {
		if field.Name.Text == "correlation_id" {
			f.add(diag.Warnf(CodeRule, field.Name.Span, "correlation_id is %s, so it is not taken as the id that all calls of the run carry", article(id.Type)).
				Hintf("make it a string, or give it another name"))
		}
	}
}

// misplaced reports a statement that has no meaning where it stands.
func (f *flow) misplaced(st syntax.Stmt, why string) {
	word, span := leading(st)
	f.add(diag.Errorf(CodeMisplaced, span, "%s has no meaning here: %s", word, why))
}

// collect enters the steps of a level and their names.
func (f *flow) collect(stmts []syntax.Stmt) {
	for _, st := range stmts {
		step, ok := st.(*syntax.Step)
		if !ok {
			continue
		}
		name := step.Name
		if first := f.steps[name.Text]; first != nil {
			f.duplicate("step", name, first.tree.Name)
			continue
		}
		if isReserved(name.Text) && !callsAHandler(step) { // whose names come from elsewhere
			f.reservedName(name)
		}
		info := &stepInfo{tree: step, index: len(f.order), result: value.TUnknown}
		f.steps[name.Text] = info
		f.order = append(f.order, info)
	}
}

// callsAHandler reports whether a step calls a Tasker handler.
func callsAHandler(step *syntax.Step) bool {
	return slices.ContainsFunc(step.Stmts, func(st syntax.Stmt) bool {
		c, ok := st.(*syntax.Call)
		return ok && c.Target[0].Text == value.HandlerService
	})
}

// scopes builds what expressions before and in steps may read.
func (f *flow) scopes() {
	consts := &scope{flow: f, names: map[string]*binding{}, early: true}
	f.constants(consts)
	f.early = consts.child()
	f.early.later = &later{letsOf(f.tree.Stmts), "the let", "lets get their values from top to bottom", "put the let above this"}
	f.early.names["input"] = &binding{name: "input", place: f.inputPlace(), typ: f.graph.Input, used: true}
	f.early.names["run"] = &binding{name: "run", typ: runType}
	f.late = &scope{flow: f, parent: f.early, names: map[string]*binding{}}
	f.enter(f.late)
}

// enter makes the steps of a level known to a scope, each with a result of any type
// until it is checked.
func (f *flow) enter(sc *scope) {
	for _, st := range f.order {
		st.bind = &binding{name: st.tree.Name.Text, place: st.tree.Name.Span, typ: value.TUnknown, step: st}
		if isReadable(st.tree.Name.Text) {
			sc.names[st.tree.Name.Text] = st.bind
		}
	}
}

// sharedLet is a let of a file, part of the prelude if something reads it.
type sharedLet struct {
	bind *binding
	let  *graph.Let
}

// prelude compiles the lets and ensures that run before the first step.
func (f *flow) prelude() {
	for _, st := range f.tree.Stmts {
		switch st := st.(type) {
		case *syntax.Let:
			if b, let := f.let(st, f.early); let != nil {
				f.graph.Prelude = append(f.graph.Prelude, let)
				f.lets = append(f.lets, b)
			}
		case *syntax.Ensure:
			e := f.preludeEnsure(st)
			f.graph.Prelude = append(f.graph.Prelude, e)
			f.early.assume(e.Cond, true)
		}
	}
}

// constants compiles the lets of the files, which read nothing but one another.
func (f *flow) constants(sc *scope) {
	sc.later = &later{map[string]diag.Span{}, "the let", "it is made of itself", "break the circle"}
	for name, l := range f.space.lets.byName { // only looked up
		sc.later.names[name] = l.Name.Span
	}
	for _, l := range f.letOrder() {
		if b, let := f.let(l, sc); let != nil {
			f.shared = append(f.shared, sharedLet{b, let})
		}
	}
}

// constantsAlone checks the lets of files without a workflow that reads them.
func (c *checker) constantsAlone(s *space) {
	f := &flow{checker: c, space: s, graph: &graph.Graph{Input: value.RecordOf()}, read: map[string]bool{}, below: map[string]bool{}}
	f.constants(&scope{flow: f, names: map[string]*binding{}, early: true})
}

// letOrder is the lets of the files, each after those it reads, but for those that
// are made of themselves.
func (f *flow) letOrder() []*syntax.Let {
	type frame struct {
		let   *syntax.Let
		reads []chain
	}
	var out []*syntax.Let
	seen := map[*syntax.Let]bool{}
	var stack []frame
	enter := func(l *syntax.Let) {
		fr := frame{let: l}
		if l.Value != nil {
			fr.reads = chains(l.Value.Text)
		}
		seen[l] = true
		stack = append(stack, fr)
	}
	for _, l := range f.space.lets.list {
		if !seen[l] {
			enter(l)
		}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if len(top.reads) == 0 {
				out = append(out, top.let)
				stack = stack[:len(stack)-1]
				continue
			}
			other := f.space.lets.byName[top.reads[0].root]
			top.reads = top.reads[1:]
			if other != nil && !seen[other] {
				enter(other)
			}
		}
	}
	return out
}

func (f *flow) preludeEnsure(st *syntax.Ensure) *graph.Ensure {
	e := &graph.Ensure{Cond: f.expectIn(st.Cond, f.early, value.TBool, "the condition of ensure"), Span: st.Span}
	fail, ok := st.Else.(*syntax.Fail)
	if !ok {
		f.misplaced(st.Else, "before the first step a run can only fail")
		return e
	}
	otherwise := f.early.child()
	otherwise.assume(e.Cond, false)
	e.Else = f.fail(fail, otherwise)
	return e
}

// let compiles `let x = expr`; nil if it is a call, which needs a step.
func (f *flow) let(l *syntax.Let, sc *scope) (*binding, *graph.Let) {
	switch {
	case l.Call != nil:
		f.misplaced(l, "a call belongs into a step")
		return nil, nil
	case l.Wait != nil:
		f.misplaced(l, "a wait belongs into a step")
		return nil, nil
	case l.Put != nil:
		f.misplaced(l, "only a mock puts rows into tables")
		return nil, nil
	case l.Read != nil:
		if !sc.early && sc.parent != nil {
			f.misplaced(l, "files are read by test files only")
			return nil, nil
		}
		let := f.readLet(l)
		return sc.define(l.Name, let.Value.Type()), let
	}
	p := f.compile(l.Value, sc)
	alias := f.aliasOf(l.Value.Text, sc)
	if alias == nil {
		f.reads(l.Value.Text, sc)
	}
	b := sc.define(l.Name, p.Type())
	b.alias, b.input, b.gone = alias, f.early.find("input"), l.Span
	return b, &graph.Let{Name: l.Name.Text, Value: p, Span: l.Span}
}

// compileIn compiles an expression of this workflow and notes what it reads.
func (f *flow) compileIn(e *syntax.Expr, sc *scope) *expr.Program {
	p := f.compile(e, sc)
	f.reads(e.Text, sc)
	return p
}

func (f *flow) expectIn(e *syntax.Expr, sc *scope, want *value.Type, what string) *expr.Program {
	p := f.expect(e, sc, want, what)
	f.reads(e.Text, sc)
	return p
}

// reads notes the parts of the input an expression uses. A let that merely names
// a part of the input does not use it; who reads the let does.
func (f *flow) reads(text string, sc *scope) {
	for _, ch := range f.chains(text) {
		if path, ok := f.inputPath(ch, sc); ok {
			f.noteRead(path)
		}
	}
}

// noteRead marks a path of the input as read, and what contains it as read from.
func (f *flow) noteRead(path string) {
	f.read[path] = true
	for i, c := range path {
		if c == '.' {
			f.below[path[:i]] = true
		}
	}
}

// inputPath is where in the input a chain leads, "" for the whole of it.
func (f *flow) inputPath(ch chain, sc *scope) (string, bool) {
	fields := ch.fields
	if ch.root != "input" {
		b := sc.find(ch.root)
		if b == nil || b.alias == nil {
			return "", false
		}
		fields = append([]string{*b.alias}, fields...)
	}
	return strings.Join(fields, "."), true
}

// aliasOf is the input path an expression stands for, nil if it is more than that.
func (f *flow) aliasOf(text string, sc *scope) *string {
	all := f.chains(text)
	if len(all) != 1 || !all[0].whole || len(all[0].fields) == 0 && all[0].root == "input" {
		return nil
	}
	if path, ok := f.inputPath(all[0], sc); ok {
		return &path
	}
	return nil
}

// finish compiles the output and reports what nobody reads.
func (f *flow) finish() {
	for _, st := range f.tree.Stmts {
		if out, ok := st.(*syntax.Output); ok && f.graph.Output == nil {
			f.graph.Output = f.compileIn(out.Value, f.late)
			f.outputSecrets(f.graph.Output)
		}
	}
	for _, b := range f.lets {
		if b.used {
			continue
		}
		d := diag.Warnf(CodeUnused, b.place, "%s is never read", b.name).Hintf("remove it")
		if b.item {
			d.Hintf("all items do the same; if that is meant, call it _%s", b.name)
			d.Fix("call it _"+b.name, diag.Edit{Span: b.place, New: "_" + b.name})
		} else if b.gone != (diag.Span{}) {
			remove(d, b.gone, "remove it")
		}
		f.add(d)
	}
	for i := len(f.shared) - 1; i >= 0; i-- {
		if f.shared[i].bind.used {
			f.used[f.space.lets.byName[f.shared[i].let.Name]] = true
			f.graph.Prelude = slices.Insert(f.graph.Prelude, 0, graph.Stmt(f.shared[i].let))
		}
	}
	f.unusedResults()
	f.unusedSignals()
	f.oneSignal()
	if f.opts.Thorough {
		f.unbounded()
		f.lone()
	}
	if !f.handlers {
		f.unusedInputs(f.inputTree(), f.graph.Input, "")
	}
}

// unusedResults warns of steps that return something on purpose, for nobody.
func (f *flow) unusedResults() {
	for _, st := range f.order {
		if st.told && !st.bind.used && !f.handlers {
			f.add(diag.Warnf(CodeUnused, st.tree.Name.Span, "nobody reads the result of %s", st.tree.Name.Text).
				Hintf("use it in output or a later step, or remove its return"))
		}
	}
}

// inputPlace is where the word input stands; the zero Span if there is none.
func (f *flow) inputPlace() diag.Span {
	for _, st := range f.tree.Stmts {
		if in, ok := st.(*syntax.Input); ok {
			_, span := leading(in)
			return span
		}
	}
	return diag.Span{}
}

func (f *flow) inputTree() *syntax.Record {
	for _, st := range f.tree.Stmts {
		if in, ok := st.(*syntax.Input); ok {
			return in.Record
		}
	}
	return nil
}

// unusedInputs warns of the fields of r, at path, that no expression reads. The
// correlation id is read by every run.
func (f *flow) unusedInputs(r *syntax.Record, t *value.Type, path string) {
	if r == nil || f.read[path] {
		return
	}
	for _, field := range r.Fields {
		at := strings.TrimPrefix(path+"."+field.Name.Text, ".")
		switch {
		case f.read[at] || at == "correlation_id":
		case !f.below[at]:
			f.add(diag.Warnf(CodeUnused, field.Name.Span, "input %s is never read", at).Hintf("use it or remove it"))
		default:
			if inner, ok := field.Shape.(*syntax.Record); ok {
				f.unusedInputs(inner, t.Field(field.Name.Text).Type, at)
			}
		}
	}
}
