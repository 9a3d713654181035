package syntax

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"wf/lang/diag"
	"wf/lang/value"
)

// document reads the top-level mapping.
func (r *yamlReader) document(root *yvalue) []Decl {
	r.symbols(root)
	if !isWorkflow(root) {
		d := r.errorf(CodeYAMLType, root.span, "this YAML is not a workflow: it has neither name nor steps").Hintf("a workflow in YAML begins with `name:` and `steps:`")
		for _, f := range root.fields {
			if near := diag.DidYouMean(f.key.text, []string{"name", "steps", "step_templates", "task_handler_class"}); near != "" {
				d.Span, d.Hint = f.key.span, near
				break
			}
		}
		r.order = nil
		return nil
	}
	root = r.merged(root)
	r.collectNames(root)
	entries := r.entries(root, workflowKeys, "a workflow")
	var decls []Decl
	if e := find(entries, "imports"); e != nil {
		for _, v := range r.stringList(e.value, "imports") {
			decls = append(decls, &Import{Node: Node{Span: v.span}, Path: text(v)})
		}
	}
	return append(decls, r.workflow(root, entries))
}

// symbols takes the colons off the keys of a file whose top-level keys are Ruby symbols.
func (r *yamlReader) symbols(root *yvalue) {
	if len(root.fields) == 0 || !strings.HasPrefix(root.fields[0].key.text, ":") {
		return
	}
	n := 0
	seen := map[*yvalue]bool{}
	var strip func(v *yvalue)
	strip = func(v *yvalue) {
		if seen[v] {
			return
		}
		seen[v] = true
		for _, f := range v.fields {
			if name, symbol := strings.CutPrefix(f.key.text, ":"); symbol && identifier.MatchString(name) {
				f.key.text = name
				n++
			}
			strip(f.value)
		}
		for _, item := range v.items {
			strip(item)
		}
	}
	first := root.fields[0].key
	strip(root)
	r.warnf(CodeYAMLUnknown, first.span, "keys are Ruby symbols here (%s); they are read without the colon", plural(n, "key"))
}

// isWorkflow reports whether the mapping has a key only workflows have.
func isWorkflow(root *yvalue) bool {
	for _, f := range root.fields {
		key := f.key.text
		if key == "name" || key == "task_handler_class" || workflowKeys[key].to == "steps" || key == "steps" {
			return true
		}
	}
	return false
}

// collectNames notes the names that expressions may read.
func (r *yamlReader) collectNames(root *yvalue) {
	r.names = map[string]bool{"input": true, "run": true, "body": true, "headers": true, "error": true}
	for _, key := range []string{"steps", "step_templates"} {
		r.collectSteps(root.field(key))
	}
	r.collectLets(root)
}

func (r *yamlReader) collectSteps(steps *yvalue) {
	if steps == nil {
		return
	}
	for _, st := range steps.items {
		if n := st.field("name"); n != nil {
			r.names[n.text] = true
		}
		if loop := st.field("for"); loop != nil && len(loop.fields) > 0 {
			r.names[loop.fields[0].key.text] = true
		}
		r.collectSteps(st.field("steps"))
	}
}

func (r *yamlReader) collectLets(v *yvalue) {
	for _, f := range v.fields {
		if f.key.text == "let" {
			if f.value.kind == yMap {
				for _, l := range f.value.fields {
					r.names[l.key.text] = true
				}
			} else {
				r.names[f.value.text] = true
			}
		}
		if f.key.text == "cases" { // of a switch, whose arms may have steps
			for _, c := range f.value.items {
				r.collectSteps(c.field("steps"))
			}
		}
		r.collectLets(f.value)
	}
	for _, item := range v.items {
		r.collectLets(item)
	}
}

// workflow builds the definition. Its statements come in the order an author would
// write them in a .wf file, whatever the order of the keys.
func (r *yamlReader) workflow(root *yvalue, entries []yentry) *Workflow {
	w := &Workflow{Node: Node{Span: root.span}, Name: r.workflowName(root, entries)}
	add := func(st Stmt) { w.Stmts = append(w.Stmts, st) }
	for _, e := range entries {
		switch e.name {
		case "version":
			if v, ok := r.anyText(e); ok {
				add(&Version{e.at(), v})
			}
		case "concurrent":
			if b, ok := r.boolean(e.value, "concurrent"); ok && !b {
				r.noEffect(e.key, "steps run at once unless one needs the other, in Tasker too; limit: 1 runs one at a time")
			}
		}
	}
	if e := find(entries, "description"); e != nil {
		if v, ok := r.anyText(*e); ok {
			add(&Describe{e.at(), v})
		}
	}
	in := (*Input)(nil)
	if e := find(entries, "schema"); e != nil {
		if in = r.schema(e.value); in != nil {
			in.Node = e.at()
		}
	}
	if in == nil { // without a schema everything fits
		at := Node{Span: w.Name[len(w.Name)-1].Span}
		in = &Input{Node: at, Record: &Record{Node: at, Open: true}}
	}
	add(in)
	if e := find(entries, "signals"); e != nil {
		w.Stmts = append(w.Stmts, r.signals(*e)...)
	}
	if e := find(entries, "do"); e != nil {
		for _, st := range r.block(e.value, inWorkflow) {
			add(st)
		}
	}
	settings := r.settings(entries, "workflow")
	w.Stmts = append(w.Stmts, settings...)
	w.Stmts = append(w.Stmts, r.steps(root, entries, hasRetry(settings))...)
	if e := find(entries, "on_failed"); e != nil {
		failed := Outcome{Node: Node{Span: e.key.span}, Name: value.Failed}
		add(&On{Node: e.at(), Outcomes: []Outcome{failed}, Stmts: r.aside(*e)})
	}
	if e := find(entries, "finally"); e != nil {
		add(&Finally{e.at(), r.aside(*e)})
	}
	if e := find(entries, "output"); e != nil {
		add(&Output{e.at(), r.expr(e.value)})
	}
	return w
}

func (r *yamlReader) workflowName(root *yvalue, entries []yentry) []Name {
	var names []Name
	if e := find(entries, "namespace_name"); e != nil {
		if v, ok := r.anyText(*e); ok {
			at := e.value.span.Start
			for part := range strings.SplitSeq(v.Value, ".") {
				names = append(names, Name{Node{Span: r.span(at, min(at+len(part), e.value.span.End))}, part})
				at += len(part) + 1
			}
		}
	}
	e := find(entries, "name")
	if e == nil {
		r.errorf(CodeYAMLMissing, r.span(root.span.Start, root.span.Start), "the workflow has no name").Hintf("add: name: …")
		return append(names, Name{Node{Span: root.span}, "unnamed"})
	}
	if !r.isName(e.value) {
		return append(names, Name{Node{Span: e.value.span}, "unnamed"})
	}
	return append(names, name(e.value))
}

// isName reports whether a value can be a name: some text on one line.
func (r *yamlReader) isName(v *yvalue) bool {
	if !r.isString(v, "name") {
		return false
	}
	if strings.TrimSpace(v.text) != v.text || strings.ContainsFunc(v.text, unicode.IsControl) {
		r.errorf(CodeYAMLType, v.span, "a name has no blanks around it, and no line ends or control characters in it")
		return false
	}
	return true
}

var noLetters = regexp.MustCompile(`[^A-Za-z0-9_]+`)

// snake makes a name of any text.
func snake(s string) string {
	s = strings.Trim(noLetters.ReplaceAllString(s, "_"), "_")
	if s == "" || s[0] >= '0' && s[0] <= '9' {
		s = "step_" + s
	}
	return s
}

// steps reads the list of steps and checks it against named_steps.
func (r *yamlReader) steps(root *yvalue, entries []yentry, retries bool) []Stmt {
	e := find(entries, "steps")
	if e == nil {
		r.errorf(CodeYAMLMissing, r.span(root.span.Start, root.span.Start), "the workflow has no steps").Hintf("add: steps: or step_templates:")
		r.gaps = true
		return nil
	}
	if e.value.kind != yList {
		r.errorf(CodeYAMLType, e.value.span, "%s takes a list of steps, not %s", e.key.text, e.value.describe())
		r.gaps = true
		return nil
	}
	r.retries = retries
	var out []Stmt
	var steps []*Step
	for _, item := range e.value.items {
		if !r.isMap(item, "a step") {
			r.gaps = true
			continue
		}
		st := r.step(item, retries)
		if st.Name.Text == "" {
			st.Name.Text = fmt.Sprintf("unnamed step %d", len(steps)+1)
		}
		steps = append(steps, st)
		out = append(out, st)
	}
	if e := find(entries, "named_steps"); e != nil && e.value.kind == yList {
		r.namedSteps(e, steps)
	} else if e != nil {
		r.errorf(CodeYAMLType, e.value.span, "named_steps takes a list of strings, not %s", e.value.describe())
	}
	return out
}

// namedSteps checks the closed list of step names.
func (r *yamlReader) namedSteps(e *yentry, steps []*Step) {
	var names []string
	listed, unused := map[string]bool{}, map[string]*yvalue{}
	for _, v := range r.stringList(e.value, "named_steps") {
		names = append(names, v.text)
		listed[v.text], unused[v.text] = true, v
	}
	check := func(n Name) {
		if listed[n.Text] || n.Span.Start == n.Span.End { // it has no name
			return
		}
		d := r.errorf(CodeYAMLNamedSteps, n.Span, "%s is not in named_steps", n.Text).See(e.key.span, "the list")
		d.Hint = diag.DidYouMean(n.Text, names)
	}
	for _, st := range steps {
		check(st.Name)
		delete(unused, st.Name.Text)
		for _, n := range st.After {
			check(n)
		}
	}
	for _, name := range names {
		if v := unused[name]; v != nil {
			r.warnf(CodeYAMLNamedSteps, v.span, "named_steps lists %s, but there is no such step", name)
			delete(unused, name)
		}
	}
}

// step reads one step. retries tells that the workflow says how often calls are
// tried.
func (r *yamlReader) step(v *yvalue, retries bool) *Step {
	entries := r.entries(v, stepKeys, "a step")
	st := &Step{Node: Node{Span: v.span}}
	if e := find(entries, "name"); e == nil {
		r.errorf(CodeYAMLMissing, r.span(v.span.Start, v.span.Start), "the step has no name").Hintf("add: name: …")
	} else if r.isName(e.value) {
		st.Name = name(e.value)
		if !identifier.MatchString(st.Name.Text) && r.handlerClass(entries) == nil {
			r.errorf(CodeYAMLType, e.value.span, "no expression could read a step of the name %s", st.Name.Text).Hintf("use letters, digits and _: %s", snake(st.Name.Text))
		}
	}
	if st.Name.Span.IsZero() {
		r.gaps = true
		st.Name.Span = r.span(v.span.Start, v.span.Start)
	}
	st.After = r.parents(entries)
	if e := find(entries, "when"); e != nil {
		st.When = r.condition(e.value, "when")
	}
	if e := find(entries, "for"); e != nil {
		st.For = r.loop(*e)
	}
	if e := find(entries, "description"); e != nil {
		if v, ok := r.anyText(*e); ok {
			st.Stmts = append(st.Stmts, &Describe{e.at(), v})
		}
	}
	r.stepNotes(entries)
	settings := r.settings(entries, "step")
	if h := r.handlerClass(entries); h != nil && !retries && !hasRetry(settings) && !hasUse(settings) {
		settings = append(settings, &Retry{Node: Node{Span: st.Name.Span}, Attempts: generated("3", st.Name.Span)})
	}
	st.Stmts = append(st.Stmts, settings...)
	st.Stmts = append(st.Stmts, r.statements(entries, inStep)...)
	return st
}

// stepNotes reports values that have no effect, or that mean something this
// language does not have.
func (r *yamlReader) stepNotes(entries []yentry) {
	for _, e := range entries {
		switch e.name {
		case "skippable":
			if b, ok := r.boolean(e.value, "skippable"); ok && b {
				r.noEffect(e.key, "say what happens instead: on failed with degrade, or when")
			}
		case "type":
			if r.isString(e.value, "type") && e.value.text != "standard" {
				r.errorf(CodeYAMLUnsupported, e.value.span, "steps of type %s do not exist here", e.value.text).
					Hintf("a step with `when` runs or is skipped by what other steps returned")
			}
		case "handler_class", "handler":
			if other := find(entries, "handler"); other != nil && e.name == "handler_class" {
				r.errorf(CodeYAMLDuplicate, e.key.span, "handler_class and handler are the same").See(other.key.span, "the other one")
			}
			if call := find(entries, "call"); call != nil {
				r.noEffect(e.key, "the step says itself what it calls")
			}
		}
	}
}

// parents joins all ways to say what a step comes after.
func (r *yamlReader) parents(entries []yentry) []Name {
	var out []Name
	seen := map[string]bool{}
	for _, e := range entries {
		var list []*yvalue
		switch e.name {
		case "depends_on_step":
			if !e.value.isNull() && r.isString(e.value, "depends_on_step") {
				list = []*yvalue{e.value}
			}
		case "depends_on_steps", "depends_on":
			list = r.stringList(e.value, e.key.text)
		}
		for _, v := range list {
			if !seen[v.text] {
				seen[v.text] = true
				out = append(out, name(v))
			}
		}
	}
	return out
}

func hasRetry(stmts []Stmt) bool {
	return slices.ContainsFunc(stmts, func(st Stmt) bool { _, ok := st.(*Retry); return ok })
}

func hasUse(stmts []Stmt) bool {
	return slices.ContainsFunc(stmts, func(st Stmt) bool { _, ok := st.(*Use); return ok })
}

// settings reads the policy keys of a step or workflow.
func (r *yamlReader) settings(entries []yentry, level string) []Stmt {
	var out []Stmt
	retry := r.retrySetting(entries)
	for _, e := range entries {
		switch e.name {
		case "retry", "default_retry_limit", "default_retryable":
			if retry != nil {
				out = append(out, retry)
				retry = nil
			}
		case "timeout":
			if x := r.duration(e.value, "timeout"); x != nil {
				out = append(out, &Timeout{e.at(), x})
			}
		case "timeout_seconds":
			if x := r.unitDuration(e.value, "timeout_seconds", "s"); x != nil {
				out = append(out, &Timeout{e.at(), x})
			}
		case "within":
			if x := r.duration(e.value, "within"); x != nil {
				out = append(out, &Within{e.at(), x})
			}
		case "limit":
			if x := r.number(e.value, "limit"); x != nil {
				out = append(out, &Limit{Node: e.at(), Value: x})
			}
		case "breaker":
			if b := r.breaker(e); b != nil {
				out = append(out, b)
			}
		case "first":
			first := &First{Node: e.at()}
			if !e.value.isNull() && (e.value.tag != "!!bool" || e.value.text != "true") {
				first.Value = r.number(e.value, "first")
			}
			out = append(out, first)
		case "tolerate":
			if t := r.tolerate(e); t != nil {
				out = append(out, t)
			}
		case "use":
			if r.isString(e.value, "use") {
				out = append(out, &Use{e.at(), name(e.value)})
			}
		case "retryable", "permanent":
			if outcomes := r.outcomes(e.value); len(outcomes) > 0 {
				out = append(out, &Classify{e.at(), e.name == "retryable", outcomes})
			}
		}
	}
	return out
}

// breaker reads `breaker: {failures: 5, in: 1m, open: 30s}`.
func (r *yamlReader) breaker(e yentry) *Breaker {
	if !r.isMap(e.value, "breaker") {
		return nil
	}
	out := &Breaker{Node: e.at()}
	before := r.errors()
	for _, part := range r.entries(e.value, breakerKeys, "breaker") {
		switch part.name {
		case "failures":
			out.Failures = r.number(part.value, "failures")
		case "in":
			out.In = r.duration(part.value, "in")
		case "open":
			out.Open = r.duration(part.value, "open")
		}
	}
	if out.Failures != nil && out.In != nil && out.Open != nil {
		return out
	}
	if r.errors() == before {
		r.errorf(CodeYAMLMissing, e.key.span, "a breaker says all of failures, in and open").Hintf("write breaker: {failures: 5, in: 1m, open: 30s}")
	}
	return nil
}

// tolerate reads how many items of a loop may fail: a percentage or a number.
func (r *yamlReader) tolerate(e yentry) *Tolerate {
	out := &Tolerate{Node: e.at()}
	if e.value.kind == yScalar && strings.HasSuffix(e.value.text, "%") && !e.value.isExpr() {
		out.Share = r.percent(e.value, "tolerate")
	} else {
		out.Value = r.number(e.value, "tolerate")
	}
	if out.Share == nil && out.Value == nil {
		return nil
	}
	return out
}

// loop reads `for: {item: !expr list, by: !expr key}`, and `for: {items: !expr list, of: 10}`.
func (r *yamlReader) loop(e yentry) *For {
	if !r.isMap(e.value, "for") {
		r.gaps = true
		return nil
	}
	out := &For{Node: e.at()}
	for _, f := range e.value.fields {
		switch {
		case f.key.text == "by":
			out.By = r.expr(f.value)
		case f.key.text == "of":
			if of := r.number(f.value, "of"); of != nil {
				out.Of = &Operand{*of}
			}
		case out.In != nil:
			r.errorf(CodeYAMLType, f.key.span, "for takes one name, by and of").Hintf("write for: {item: !expr list, by: !expr key}")
		default:
			out.Var, out.In = name(f.key), r.expr(f.value)
		}
	}
	if out.In == nil {
		r.errorf(CodeYAMLMissing, e.key.span, "for names no item").Hintf("write for: {item: !expr list}")
		r.gaps = true
		return nil
	}
	return out
}

// inner reads the steps of a step.
func (r *yamlReader) inner(e yentry) []Stmt {
	if e.value.kind != yList {
		r.errorf(CodeYAMLType, e.value.span, "steps takes a list of steps, not %s", e.value.describe())
		r.gaps = true
		return nil
	}
	var out []Stmt
	for _, item := range e.value.items {
		if !r.isMap(item, "a step") {
			r.gaps = true
			continue
		}
		st := r.step(item, r.retries)
		if st.Name.Text == "" {
			st.Name.Text = fmt.Sprintf("unnamed step %d", len(out)+1)
		}
		out = append(out, st)
	}
	return out
}

// retrySetting joins `retry` with Tasker's default_retry_limit and
// default_retryable; nil if none is given.
func (r *yamlReader) retrySetting(entries []yentry) *Retry {
	var out *Retry
	if e := find(entries, "retry"); e != nil && !e.value.isNull() {
		out = r.retry(*e)
	}
	if e := find(entries, "default_retry_limit"); e != nil {
		if x := r.number(e.value, e.key.text); x != nil {
			if out == nil {
				out = &Retry{Node: e.at()}
			}
			if out.Attempts != nil {
				r.noEffect(e.key, "retry says it already")
			} else {
				out.Attempts = x
			}
		}
	}
	if e := find(entries, "default_retryable"); e != nil {
		if b, ok := r.boolean(e.value, "default_retryable"); ok && !b {
			if limit := find(entries, "default_retry_limit"); limit != nil && limit.value.text != "1" {
				r.noEffect(limit.key, "default_retryable: false makes one attempt")
			}
			if out == nil {
				out = &Retry{Node: e.at()}
			}
			out.Attempts = generated("1", e.value.span)
		}
	}
	return out
}

// retry reads the mapping behind `retry`; a bare number is the attempts.
func (r *yamlReader) retry(e yentry) *Retry {
	out := &Retry{Node: e.at()}
	before := r.errors()
	defer func() {
		if r.errors() > before && out.Attempts == nil && out.Backoff == nil && out.MaxBackoff == nil && out.Jitter == nil {
			out.Attempts = generated("1", e.value.span) // it was to set something
		}
	}()
	switch {
	case e.value.isNull(), e.value.kind == yScalar && e.value.tag == "!!bool" && strings.EqualFold(e.value.text, "true"):
		return out
	case e.value.kind == yScalar:
		out.Attempts = r.number(e.value, "retry")
		return out
	case !r.isMap(e.value, "retry"):
		return out
	}
	for _, part := range r.entries(e.value, retryKeys, "retry") {
		r.retryPart(out, part)
	}
	return out
}

func (r *yamlReader) retryPart(out *Retry, e yentry) {
	switch e.name {
	case "attempts":
		if x := r.number(e.value, e.key.text); x != nil && out.Attempts == nil {
			out.Attempts = x
		}
	case "retryable":
		if b, ok := r.boolean(e.value, "retryable"); ok && !b {
			out.Attempts = generated("1", e.value.span)
		}
	case "backoff":
		r.backoff(out, e)
	case "max_backoff":
		out.MaxBackoff = r.duration(e.value, "max_backoff")
	case "backoff_base_ms":
		out.Backoff = r.unitDuration(e.value, e.name, "ms")
	case "max_backoff_ms":
		out.MaxBackoff = r.unitDuration(e.value, e.name, "ms")
	case "initial_delay":
		out.Backoff = r.unitDuration(e.value, e.name, "s")
	case "max_delay":
		out.MaxBackoff = r.unitDuration(e.value, e.name, "s")
	case "jitter":
		out.Jitter = r.percent(e.value, "jitter")
	}
}

// backoff reads a duration, or the name of a curve as tasker-core has them.
func (r *yamlReader) backoff(out *Retry, e yentry) {
	switch e.value.text {
	case "exponential":
	case "none":
		out.Backoff = generated("0s", e.value.span)
	case "linear", "fibonacci":
		r.warnf(CodeYAMLInert, e.value.span, "backoff %s is not known; the pause doubles with each attempt", e.value.text).
			Hintf("write the first pause, and the longest as max_backoff")
	default:
		out.Backoff = r.duration(e.value, "backoff")
	}
}
