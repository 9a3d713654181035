package check

import (
	"cmp"
	"slices"

	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/syntax"
	"wf/lang/value"
)

// Index is what the checker found out about the names of a unit, for editors. It is
// complete as far as the unit is correct: a name that means nothing is not in it.
type Index struct {
	Uses  []Use           // by place, each once
	Links [][2]diag.Span  // two places that declare one field: it is passed on from one to the other
	Fixed []diag.Span     // places that declare a field which is also declared in Go
	Want  *value.Type     // of the record that the field at Typed becomes one of; nil if that is not known
	Given []string        // the fields that the record has
	typed diag.Span       // see Options
	uses  map[useKey]bool // met so far
}

// Sort is what a name names.
type Sort int

// The sorts of names.
const (
	SortStep Sort = iota
	SortLet       // or another name that is given to a value
	SortField
	SortType
	SortService
	SortOperation
	SortPolicy
	SortWorkflow
	SortTable
	SortOutcome
	SortLanguage // input, run, body and other names that are there by themselves
)

var sorts = [...]string{"step", "let", "field", "type", "service", "operation", "policy", "workflow", "table", "outcome", ""}

// String is the word for a sort; "" for what needs none.
func (s Sort) String() string { return sorts[s] }

// Use is a name where it stands, in its declaration too.
type Use struct {
	Name      string
	Sort      Sort
	Span      diag.Span
	Declared  []diag.Span      // the places that declare it; none: the language or Go does. A field may have several
	Type      *value.Type      // of its value, or of the type it names; nil if it is no value
	Signature *value.Signature // of an operation; nil for others
	Call      *graph.Call      // of which it is the operation; nil if it is not called here
}

type useKey struct {
	span diag.Span
	sort Sort
}

// note adds a use to the index, if there is one.
func (c *checker) note(u Use) {
	if c.index == nil || u.Span.IsZero() {
		return
	}
	key := useKey{u.Span, u.Sort}
	if c.index.uses[key] {
		return
	}
	c.index.uses[key] = true
	c.index.Uses = append(c.index.Uses, u)
}

// noteName notes a name that is declared at a place.
func (c *checker) noteName(sort Sort, name syntax.Name, declared diag.Span, t *value.Type) {
	u := Use{Name: name.Text, Sort: sort, Span: name.Span, Type: t}
	if !declared.IsZero() {
		u.Declared = []diag.Span{declared}
	}
	c.note(u)
}

// noteOperation notes the target of a call or mock.
func (c *checker) noteOperation(s *space, service, operation syntax.Name, sig *value.Signature, call *graph.Call) {
	if c.index == nil {
		return
	}
	u := Use{Name: operation.Text, Sort: SortOperation, Span: operation.Span, Signature: sig, Call: call}
	if d := s.services.byName[service.Text]; d != nil {
		for _, item := range d.Items {
			if op, ok := item.(*syntax.Operation); ok && op.Name.Text == operation.Text {
				u.Declared = []diag.Span{op.Name.Span}
				break
			}
		}
	}
	c.noteService(s, service)
	c.note(u)
}

// noteWorkflow notes the name of a workflow that is called, with what it is called with and
// how it ends.
func (c *checker) noteWorkflow(s *space, target []syntax.Name, sig *value.Signature, call *graph.Call) {
	if found := s.workflows[written(target)]; len(found) == 1 {
		c.noteWorkflowAs(target, found[0].tree.Name, sig, call)
	}
}

// noteWorkflowAs notes one that is named somewhere, by all of its name or its last part.
func (c *checker) noteWorkflowAs(at, declared []syntax.Name, sig *value.Signature, call *graph.Call) {
	last := at[len(at)-1]
	c.note(Use{Name: last.Text, Sort: SortWorkflow, Span: last.Span, Declared: []diag.Span{declared[len(declared)-1].Span}, Signature: sig, Call: call})
}

func (c *checker) noteService(s *space, name syntax.Name) {
	var at diag.Span
	if d := s.services.byName[name.Text]; d != nil {
		at = d.Name.Span
	}
	c.noteName(SortService, name, at, nil)
}

// noteOutcomes notes the outcomes that a clause names.
func (c *checker) noteOutcomes(list []syntax.Outcome, body func(value.Pattern) *value.Type, sig *value.Signature) {
	if c.index == nil {
		return
	}
	for _, o := range list {
		p := pattern(o)
		c.note(Use{Name: p.String(), Sort: SortOutcome, Span: o.Span, Type: body(p), Signature: sig})
	}
}

// flows notes that a value of one type becomes one of another: their fields are the same.
func (c *checker) flows(from, to *value.Type) {
	if c.index == nil || from == nil || to == nil || from == to {
		return
	}
	if from.Kind == value.List && to.Kind == value.List {
		c.flows(from.Elem, to.Elem)
		return
	}
	if from.Kind != value.Record || to.Kind != value.Record {
		return
	}
	for _, f := range from.Fields {
		if len(f.Declared) == 1 && diag.Span(f.Declared[0]) == c.index.typed {
			c.index.Want, c.index.Given = to, from.FieldNames()
		}
		g := to.Field(f.Name)
		if g == nil || len(f.Declared) == 0 {
			continue
		}
		a := diag.Span(f.Declared[0])
		if len(g.Declared) == 0 {
			c.index.Fixed = append(c.index.Fixed, a)
		} else if b := diag.Span(g.Declared[0]); a != b {
			c.index.Links = append(c.index.Links, [2]diag.Span{a, b})
		}
		c.flows(f.Type, g.Type)
	}
}

// spans are places of a field's declarations.
func spans(places []value.Place) []diag.Span {
	out := make([]diag.Span, len(places))
	for i, p := range places {
		out[i] = diag.Span(p)
	}
	return out
}

// sorted is the index by place.
func (x *Index) sorted() *Index {
	if x == nil {
		return nil
	}
	slices.SortFunc(x.Uses, func(a, b Use) int {
		return cmp.Or(cmp.Compare(a.Span.File, b.Span.File), a.Span.Start-b.Span.Start, a.Span.End-b.Span.End, int(a.Sort)-int(b.Sort))
	})
	return x
}

// Named notes a name that an expression reads.
func (s *scope) Named(name string, t *value.Type, span diag.Span) {
	b := s.find(name)
	if b == nil {
		return
	}
	u := Use{Name: name, Sort: SortLet, Span: span, Type: t}
	switch {
	case b.step != nil || b.ofRun:
		u.Sort = SortStep
	case b.place.IsZero() || isReserved(name):
		u.Sort = SortLanguage
	}
	if !b.place.IsZero() {
		u.Declared = []diag.Span{b.place}
	}
	s.flow.note(u)
}

// Read notes a field that an expression reads, or gives a value to.
func (s *scope) Read(f *value.Field, span diag.Span) {
	s.flow.note(Use{Name: f.Name, Sort: SortField, Span: span, Declared: spans(f.Declared), Type: f.ReadType()})
}

// Witness is the scope itself, if an index is made.
func (s *scope) Witness() bool { return s.flow.index != nil }
