package check

import (
	"regexp"
	"slices"
	"strings"

	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/suite"
	"wf/lang/syntax"
	"wf/lang/token"
	"wf/lang/value"
)

// step resolves the name of a step of the last run, written as its trace has it: a.b is
// a step of a group, a["key"] an item of a loop.
func (s *testScope) step(e *syntax.Expr) (*suite.Step, *graph.Step, *diag.Diagnostic) {
	ref := &suite.Step{Text: e.Text}
	r := &stepReader{testScope: s, expr: source(e), steps: s.ran.Steps}
	r.Tokens, _, _ = token.Scan(e.Span.File, e.Text)
	r.Source = e.Text
	for r.at < len(r.Tokens)-1 {
		part, problem := r.part()
		if problem != nil {
			return ref, nil, problem
		}
		ref.Parts = append(ref.Parts, part)
	}
	if r.named {
		return ref, nil, diag.Errorf(CodeUnknownStep, e.Span, "%s is a call, and has no ending of its own", r.name).Hintf("what takes it back has one: %s.undo", r.name)
	}
	ref.Workflow = r.call != nil
	return ref, r.found, nil
}

// Unknown explains a name that is not in scope, perhaps that of a step inside another one.
func (s *testScope) Unknown(name string, span diag.Span) *diag.Diagnostic {
	d := s.scope.Unknown(name, span)
	if s.ran == nil {
		return d
	}
	if deep := places(s.ran.Steps, "", name, nil); len(deep) > 0 {
		d.Hintf("%s is a step inside another one, whose result has what it returned; how it ended is ending(%s)", name, deep[0])
	}
	return d
}

// stepReader follows the name of a step through a graph.
type stepReader struct {
	*testScope
	token.Text
	expr  expr.Source
	at    int                         // of the next token
	call  *graph.Call                 // the one that called the workflow found last; nil: it is no workflow
	found *graph.Step                 // so far; nil at the beginning, and in a workflow that is not known
	name  string                      // of it
	named bool                        // found is no step, but a named call, through which its undo is reached
	steps []*graph.Step               // among which the next name is
	calls map[*graph.Step]*graph.Call // among them: of workflows, and named ones that are undone
}

// part reads a name or a key.
func (r *stepReader) part() (suite.Part, *diag.Diagnostic) {
	if r.Word(r.at) == "[" {
		return r.key()
	}
	if r.found != nil || r.name != "" {
		r.at++ // the dot
	}
	t := r.Tokens[r.at]
	word := r.Word(r.at)
	r.at++
	span := r.expr.At(t.Start, t.End)
	if t.Kind != token.Ident {
		return suite.Part{}, diag.Errorf(CodeUnknownStep, r.expr.At(t.Start, max(t.End, t.Start+1)), "the name of a step stands behind the dot")
	}
	if r.unknown {
		r.name = word
		return suite.Part{Name: word}, nil
	}
	if asides := r.asides(); word == "run" && len(asides) > 0 {
		r.name, r.steps = strings.TrimPrefix(r.name+"."+word, "."), asides
		return suite.Part{Name: word}, nil
	}
	if r.found != nil && r.steps == nil {
		return suite.Part{}, r.nothingInside(word, span)
	}
	i := slices.IndexFunc(r.steps, func(s *graph.Step) bool { return s != nil && s.Name == word })
	if i < 0 {
		return suite.Part{}, r.noStep(word, span)
	}
	r.enter(r.steps[i], strings.TrimPrefix(r.name+"."+word, "."))
	r.tester.noteName(SortStep, syntax.Name{Node: syntax.Node{Span: span}, Text: word}, r.found.Span, r.found.Result)
	return suite.Part{Name: word}, nil
}

func (r *stepReader) enter(s *graph.Step, name string) {
	r.call = r.calls[s]
	r.found, r.name, r.named, r.steps, r.calls = s, name, false, slices.Clip(graph.Inside(s.Body)), map[*graph.Step]*graph.Call{}
	if c := r.call; c != nil {
		if r.named = c.Runs == nil; r.named {
			r.call = nil
		} else {
			r.steps = slices.Clone(c.Runs.Steps)
		}
		if c.Undo != nil {
			r.steps = append(r.steps, c.Undo.Steps...)
		}
		return
	}
	for _, st := range s.Body {
		if g, ok := st.(*graph.Group); ok && g.Finally != nil {
			r.steps = slices.Concat(r.steps, g.Finally.Steps)
		}
	}
	for _, c := range s.Calls() {
		bind, isNamed := strings.CutPrefix(c.Place, s.Name+".")
		switch {
		case c.Runs != nil:
			r.steps, r.calls[c.As] = append(r.steps, c.As), c
		case c.Undo != nil && isNamed:
			of := &graph.Step{Name: bind, Span: c.Span}
			r.steps, r.calls[of] = append(r.steps, of), c
		case c.Undo != nil:
			r.steps = slices.Concat(r.steps, c.Undo.Steps)
		}
	}
}

// asides is what the run, or the called workflow that was entered, does at its end.
func (r *stepReader) asides() []*graph.Step {
	switch {
	case r.call != nil:
		return asidesOf(r.call.Runs)
	case r.found == nil && r.name == "":
		return asidesOf(r.ran)
	}
	return nil
}

// asidesOf is what a run does at its end: run.on_failed and run.finally.
func asidesOf(g *graph.Graph) (out []*graph.Step) {
	for _, b := range []*graph.Block{g.OnFailed, g.Finally} {
		if b != nil {
			out = append(out, b.Steps...)
		}
	}
	return out
}

// loopOf is the loop that a step is; nil if it is none.
func loopOf(s *graph.Step) *graph.Loop {
	if len(s.Body) > 0 {
		loop, _ := s.Body[0].(*graph.Loop)
		return loop
	}
	return nil
}

// key reads the key of an item. Which items there are is known when it has run.
func (r *stepReader) key() (suite.Part, *diag.Diagnostic) {
	open := r.Tokens[r.at]
	end := r.Closing(r.at)
	from, to := open.End, r.Tokens[end].Start
	r.at = end + 1
	span := r.expr.At(open.Start, r.Tokens[end].End)
	text := r.Source[from:to]
	if strings.TrimSpace(text) == "" {
		return suite.Part{}, diag.Errorf(CodeUnknownStep, span, "the key of the item is missing").Hintf(`write it as in the trace, a text in quotes: %s["key"]`, r.name)
	}
	if strings.Contains(text, "#") && !strings.Contains(text, `"`) {
		return suite.Part{}, diag.Errorf(CodeUnknownStep, span, "the key of an item cannot be an element of a list").Hintf("name the items one by one, or make a test of each: test … for x in list")
	}
	p, problems := expr.Compile(expr.Source{Text: text, Span: r.expr.At(from, to)}, r.testScope)
	if problems.HasErrors() {
		return suite.Part{}, r.keyHint(problems[0], text)
	}
	if r.unknown {
		return suite.Part{Key: p}, nil
	}
	loop := loopOf(r.found)
	if loop == nil {
		return suite.Part{}, diag.Errorf(CodeUnknownStep, span, "%s has no items: it is no loop", r.name)
	}
	want := value.TInt
	if loop.By != nil {
		want = loop.By.Type()
	}
	if k := p.Type(); isTextKey(k) != isTextKey(want) && k.Kind != value.Any && want.Kind != value.Any {
		d := diag.Errorf(CodeType, p.Span(), "the items of %s have keys of type %s, not %s", r.name, want, k)
		if loop.By == nil {
			d.Hintf("without `by` the key is the index, from 0")
		}
		return suite.Part{}, d
	}
	r.enter(loop.Steps[0], r.name+"["+text+"]")
	return suite.Part{Key: p}, nil
}

func isTextKey(t *value.Type) bool {
	if t.Kind == value.Enum {
		_, isInt := t.Values[0].(int)
		return !isInt
	}
	return t.Kind == value.String
}

var bareWord = regexp.MustCompile(`^[A-Za-z_][\w-]*$`)

// keyHint says of a key that is no expression how a text is written.
func (r *stepReader) keyHint(d *diag.Diagnostic, text string) *diag.Diagnostic {
	if bareWord.MatchString(text) {
		d.Hintf("the key of an item is a value; a text stands in quotes: %s[%q]", r.name, text)
	}
	return d
}

func (r *stepReader) nothingInside(word string, span diag.Span) *diag.Diagnostic {
	loop := loopOf(r.found)
	if word == "undo" {
		return diag.Errorf(CodeUnknownStep, span, "the call of %s has no undo", r.name)
	}
	if loop == nil {
		return diag.Errorf(CodeUnknownStep, span, "%s has no steps inside", r.name)
	}
	d := diag.Errorf(CodeUnknownStep, span, "%s is a loop: %s belongs to one of its items", r.name, word)
	return d.Hintf("say which, by its key: %s[…].%s", r.name, word)
}

func (r *stepReader) noStep(word string, span diag.Span) *diag.Diagnostic {
	of, known := r.ran.FullName(), stepNamesOf(r.steps)
	if r.name != "" {
		of = r.name
	}
	if word == "undo" {
		var undos []string
		for _, s := range r.steps {
			if c := r.calls[s]; c != nil && c.Undo != nil {
				undos = append(undos, r.name+"."+s.Name+".undo")
			}
		}
		if len(undos) > 0 {
			return diag.Errorf(CodeUnknownStep, span, "what is undone in %s has a name of its own", of).Hintf("write %s", strings.Join(undos, " or "))
		}
	}
	d := diag.Errorf(CodeUnknownStep, span, "%s has no step %s", of, word)
	if d.Suggest(span, word, known) {
		return d
	}
	if deep := places(r.ran.Steps, "", word, nil); len(deep) > 0 {
		return d.Hintf("did you mean %s?", strings.Join(deep, " or "))
	}
	return d.Hintf("it has %s", strings.Join(known, ", "))
}

// places lists the full names of the steps inside others that have a name.
func places(steps []*graph.Step, prefix, word string, out []string) []string {
	for _, s := range steps {
		if s == nil {
			continue
		}
		if s.Name == word && prefix != "" && word != "" {
			out = append(out, prefix+word)
		}
		out = places(graph.Inside(s.Body), prefix+s.Name+".", word, out)
		if loop := loopOf(s); loop != nil {
			out = places(loop.Steps, prefix+s.Name+"[…]", word, out)
		}
		for _, c := range s.Calls() {
			if c.Runs != nil {
				out = places([]*graph.Step{c.As}, prefix+s.Name+".", word, out)
			}
		}
	}
	return out
}
