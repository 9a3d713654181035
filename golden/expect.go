package golden

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"wf/golden/invariant"
	"wf/interpreter/machine"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/suite"
	"wf/lang/value"
)

// expect judges one expectation.
func (s *scenario) expect(e *suite.Expect) {
	if s.last == nil { // the run before it could not be made
		return
	}
	if e.Cond != nil {
		s.condition(e)
		return
	}
	if e.Step != nil {
		s.stepEnding(e)
		return
	}
	s.runEnding(e)
}

func (s *scenario) runEnding(e *suite.Expect) {
	actual, code := s.endingOf()
	want, is := words(e.Ending, e.Code), words(actual, code)
	if actual != e.Ending || e.Code != "" && code != e.Code {
		f := s.result.fail(CodeExpect, e.Span, "the run should be %s, and is %s", want, is)
		f.Expected, f.Actual = want, is
		f.Detail, f.Trace = s.because(), s.traceText(nil)
		return
	}
	if e.Path == nil {
		return
	}
	path, err := e.Path.Eval(s.eval, s.names(e.Path))
	if err != nil {
		s.result.fail(CodeExpect, e.Path.Span(), "%s cannot be computed: %v", e.Path, err)
		return
	}
	if slices.ContainsFunc(s.last.refused, func(v value.Violation) bool { return v.Path == path }) {
		return
	}
	f := s.result.fail(CodeExpect, e.Span, "the input should be refused for %v, and is for something else", path)
	f.Expected, f.Actual = fmt.Sprint(path), s.last.refused.Error()
}

func words(ending, code string) string { return strings.TrimSpace(ending + " " + code) }

// because says why the last run ended as it did; "" if there is nothing to say.
func (s *scenario) because() string {
	switch r := s.last.result; {
	case r == nil:
		return "refused because: " + s.last.refused.Error()
	case r.Error != nil && r.Error.Step != "":
		return fmt.Sprintf("failed because: step %s: %s", r.Error.Step, message(r.Error))
	case r.Error != nil:
		return "failed because: " + message(r.Error)
	case r.Ending == machine.Degraded:
		var steps []string
		for _, st := range r.Steps {
			if st.Ending == machine.Degraded {
				steps = append(steps, fmt.Sprintf("step %s: %s", st.Name, st.Reason))
			}
		}
		return "degraded because: " + strings.Join(steps, "; ")
	}
	return ""
}

func message(e *machine.RunError) string {
	if e.Message == "" {
		return e.Code
	}
	return e.Message
}

// endingOf is how the last run ended, and the code of its failure.
func (s *scenario) endingOf() (ending, code string) {
	if s.last.result == nil {
		return suite.Refused, ""
	}
	if e := s.last.result.Error; e != nil {
		code = e.Code
	}
	return string(s.last.result.Ending), code
}

// step finds a step of the last run; nil if nothing ran.
func (s *scenario) step(name string) *machine.StepResult {
	if s.last.result == nil {
		return nil
	}
	return find(s.last.result.Steps, name)
}

// named finds the step, or item, that a test names. If there is none it says why.
func (s *scenario) named(ref *suite.Step) (st *machine.StepResult, why string) {
	if s.last.result == nil {
		return nil, "nothing ran: the input was refused"
	}
	for _, part := range ref.Parts {
		st, why = s.part(st, part)
		if st == nil {
			return nil, why
		}
	}
	return st, ""
}

// part finds a step in a group, or an item of a loop; of nil in the run.
func (s *scenario) part(of *machine.StepResult, part suite.Part) (st *machine.StepResult, why string) {
	closing := s.last.result.Closing
	switch {
	case part.Name == "run" && of != nil: // of a called workflow
		return &machine.StepResult{Name: of.Name + ".run", Ending: of.Ending, Steps: closing}, ""
	case part.Name == "run":
		return &machine.StepResult{Name: part.Name, Ending: s.last.result.Ending, Steps: closing}, ""
	case of == nil:
		return find(s.last.result.Steps, part.Name), ""
	}
	name := of.Name + "." + part.Name
	if st = find(closing, name); st != nil {
		return st, ""
	}
	if part.Name == "undo" || part.Name == "finally" || of.Name == "run" || strings.HasSuffix(of.Name, ".run") {
		return &machine.StepResult{Name: name, Ending: machine.NotRun, Reason: "there was no need"}, ""
	}
	if part.Key != nil {
		key, err := part.Key.Eval(s.eval, s.names(part.Key))
		if err != nil {
			return nil, fmt.Sprintf("its key cannot be computed: %v", err)
		}
		name = of.Name + "[" + machine.KeyText(key) + "]"
	}
	switch st = latest(of.Steps, name); {
	case st != nil:
		return st, ""
	case of.Def != nil && slices.ContainsFunc(graph.Inside(of.Def.Body), func(d *graph.Step) bool { return d.Name == part.Name }) && (len(of.Steps) > 0 || of.Ending == machine.Completed || of.Ending == machine.Degraded):
		return &machine.StepResult{Name: name, Ending: machine.NotRun, Reason: "its arm was not taken"}, ""
	case len(of.Steps) == 0 && of.Ending != machine.Completed && of.Ending != machine.Degraded: // and so what is in it
		return &machine.StepResult{Name: name, Ending: machine.NotRun, Reason: of.Name + " " + string(of.Ending)}, ""
	case part.Key == nil: // a workflow
		return &machine.StepResult{Name: name, Ending: machine.NotRun, Reason: "it was not called"}, ""
	case len(of.Steps) == 0:
		return nil, "the list of " + of.Name + " was empty"
	}
	names := make([]string, len(of.Steps))
	for i := range of.Steps {
		names[i] = of.Steps[i].Name
	}
	if len(names) > maxNames {
		names = append(names[:maxNames], "…")
	}
	are := "are"
	if len(names) == 1 {
		are = "is only"
	}
	return nil, fmt.Sprintf("there is no %s; there %s %s", name, are, strings.Join(names, ", "))
}

// maxNames is how many items a failure names.
const maxNames = 10

// latest finds a step by its name, or a workflow by its place: the last time it was called.
func latest(steps []machine.StepResult, name string) *machine.StepResult {
	for i := len(steps) - 1; i >= 0; i-- {
		if is := steps[i].Name; is == name || strings.HasPrefix(is, name+"#") || strings.HasPrefix(is, name+"[") {
			return &steps[i]
		}
	}
	return nil
}

func find(steps []machine.StepResult, name string) *machine.StepResult {
	for i := range steps {
		if steps[i].Name == name {
			return &steps[i]
		}
	}
	return nil
}

func (s *scenario) stepEnding(e *suite.Expect) {
	st, why := s.named(e.Step)
	if st == nil {
		f := s.result.fail(CodeExpect, e.Span, "step %s should be %s, and %s", e.Step.Text, e.Ending, why)
		f.Detail = s.because()
		return
	}
	code := ""
	if st.Error != nil {
		code = st.Error.Code
	}
	want, is := words(e.Ending, e.Code), words(string(st.Ending), code)
	bad := string(st.Ending) != e.Ending || e.Code != "" && code != e.Code
	if e.Attempts != nil {
		n, err := e.Attempts.Int(s.eval, s.names(e.Attempts))
		if err != nil {
			s.result.fail(CodeBroken, spanOf(err, e.Span), "%v", err)
			return
		}
		want += fmt.Sprintf(" after %s", plural(n, "attempt"))
		is += fmt.Sprintf(" after %s", plural(st.Attempts, "attempt"))
		bad = bad || st.Attempts != n
	}
	if !bad {
		return
	}
	f := s.result.fail(CodeExpect, e.Span, "step %s should be %s, and is %s", st.Name, want, is)
	f.Expected, f.Actual = want, is
	f.Detail, f.Trace = stepBecause(st), s.traceText(aboutStep(st.Name))
}

// stepBecause says why a step ended as it did; "" if there is nothing to say.
func stepBecause(st *machine.StepResult) string {
	switch {
	case st.Error != nil:
		return fmt.Sprintf("%s because: %s", st.Ending, message(st.Error))
	case st.Reason != "":
		return fmt.Sprintf("%s because: %s", st.Ending, st.Reason)
	}
	return ""
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// condition judges an expression, and shows what it is made of.
func (s *scenario) condition(e *suite.Expect) {
	if why := s.absent(e.Cond.Refs()); why != "" {
		s.result.fail(CodeExpect, e.Span, "%s cannot be judged: %s", e.Cond, why)
		return
	}
	env := s.names(e.Cond)
	ok, err := e.Cond.Bool(s.eval, env)
	if err == nil && ok {
		return
	}
	var f *Failure
	if err != nil {
		f = s.result.fail(CodeExpect, spanOf(err, e.Span), "%s cannot be judged: %v", e.Cond, err)
		f.Detail = s.missing(e.Cond.Refs())
	} else {
		f = s.result.fail(CodeExpect, e.Span, "%s does not hold", e.Cond)
		if e.Sides != nil {
			s.compare(f, e.Sides, env)
		} else {
			f.Detail = s.values(e.Parts, env)
		}
	}
	f.Trace = s.traceText(s.about(e.Cond.Refs()))
}

// compare shows what the condition is about: of == and in both sides, records and lists
// as a difference; of all and none the element that breaks it.
func (s *scenario) compare(f *Failure, sides *suite.Sides, env map[string]any) {
	left, err1 := sides.Left.Eval(s.eval, env)
	right, err2 := sides.Right.Eval(s.eval, env)
	if err1 != nil || err2 != nil {
		return
	}
	text := show
	if isDuration(left) && isDuration(right) {
		text = func(v any) string { return v.(string) }
	}
	switch {
	case sides.Operator == "all" || sides.Operator == "none":
		i, isIndex := right.(int)
		list, isList := left.([]any)
		if isIndex && isList && i >= 0 && i < len(list) {
			f.Detail = fmt.Sprintf("%s[%d] breaks it:\n%s", sides.Left, i, show(list[i]))
		}
	case sides.Operator == "==" && isComposite(left) && isComposite(right):
		f.Detail = unified("expected", lines(right), "actual", lines(left))
	case sides.Operator == "==":
		f.Expected, f.Actual = text(right), text(left)
	default:
		f.Detail = named(sides.Left.String(), text(left), sides.Right.String(), text(right))
	}
}

// values shows what a condition reads.
func (s *scenario) values(parts []*expr.Program, env map[string]any) string {
	var pairs []string
	for _, p := range parts {
		if v, err := p.Eval(s.eval, env); err == nil {
			pairs = append(pairs, p.String(), show(v))
		}
	}
	return named(pairs...)
}

// bare leaves out what two spellings of a value may differ in.
var bare = strings.NewReplacer(" ", "", `"`, "")

// named writes expressions beside their values, one a line, without those that are
// values themselves.
func named(pairs ...string) string {
	width := 0
	var shown []string
	for i := 0; i < len(pairs); i += 2 {
		if bare.Replace(pairs[i]) != bare.Replace(pairs[i+1]) {
			shown = append(shown, pairs[i:i+2]...)
			width = max(width, len(pairs[i]))
		}
	}
	var lines []string
	for i := 0; i < len(shown); i += 2 {
		lines = append(lines, fmt.Sprintf("%-*s is %s", width, shown[i], shown[i+1]))
	}
	return strings.Join(lines, "\n")
}

func isDuration(v any) bool {
	s, ok := v.(string)
	if !ok {
		return false
	}
	_, err := value.ParseDuration(s)
	return err == nil
}

// unified is the difference of two texts in the form that diff -u has.
func unified(oldName string, before []byte, newName string, after []byte) string {
	_, text, _ := strings.Cut(string(diff.Diff(oldName, before, newName, after)), "\n") // without the command
	return text
}

// lines writes a value over several lines, so that it can be compared by line.
func lines(v any) []byte {
	text, err := value.EncodeJSON(v, "  ")
	if err != nil {
		text = fmt.Append(nil, v)
	}
	return append(text, '\n')
}

func isComposite(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// show writes a value as the language does, cut where it is long.
func show(v any) string {
	text, err := value.EncodeJSON(v, "")
	if err != nil {
		return fmt.Sprint(v)
	}
	if v == nil {
		return "nil"
	}
	if r := []rune(string(text)); len(r) > 400 {
		return string(r[:399]) + "…"
	}
	return string(text)
}

// about tells the entries of a trace that matter to an expression: those of the only
// step or operation that it reads; nil for all.
func (s *scenario) about(refs []string) func(machine.Entry) bool {
	steps, operations := map[string]bool{}, map[string]bool{}
	for _, ref := range refs {
		name := ref
		if _, arg, ok := reference(ref); ok {
			name = arg
		}
		switch {
		case s.test.Steps[name] != nil:
			if st, _ := s.named(s.test.Steps[name]); st != nil {
				steps[st.Name] = true
			}
		case s.step(name) != nil:
			steps[name] = true
		case strings.HasPrefix(ref, "calls("):
			operations[name] = true
		}
	}
	if len(steps) == 1 && len(operations) == 0 {
		return aboutStep(slices.Collect(maps.Keys(steps))[0])
	}
	if len(steps) > 0 || len(operations) != 1 || s.last == nil {
		return nil
	}
	places := map[string]bool{}
	for _, e := range s.last.entries {
		if operations[e.Operation] {
			places[e.Place] = true
		}
	}
	if len(places) == 0 {
		return nil
	}
	return func(e machine.Entry) bool { return places[e.Place] }
}

// reference takes the name of a function of steps or operations apart: attempts(send["a"]).
func reference(ref string) (function, of string, ok bool) {
	return strings.Cut(strings.TrimSuffix(ref, ")"), "(")
}

// aboutStep tells the entries of a step, and of those inside.
func aboutStep(name string) func(machine.Entry) bool {
	return func(e machine.Entry) bool { return within(name, e.Step) }
}

// within reports whether a step or place is the step of a name, or inside of it.
func within(name, place string) bool {
	rest, ok := strings.CutPrefix(place, name)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// absent says which item that an expression is about there is not.
func (s *scenario) absent(refs []string) string {
	for _, ref := range refs {
		if _, of, ok := reference(ref); ok && s.test.Steps[of] != nil {
			if st, why := s.named(s.test.Steps[of]); st == nil {
				return why
			}
		}
	}
	return ""
}

// missing says which step that an expression reads has no result.
func (s *scenario) missing(refs []string) string {
	for _, name := range refs {
		if st := s.step(name); st != nil && st.Result == nil {
			return fmt.Sprintf("step %s has no result: %s", name, strings.Replace(stepBecause(st), " because:", " because", 1))
		}
	}
	return ""
}

// names is what an expression of the test may read: its names, and what came of the
// last run.
func (s *scenario) names(p *expr.Program) map[string]any {
	if s.last == nil {
		return s.env
	}
	refs := p.Refs()
	env := clone(s.env, len(refs))
	for _, ref := range refs {
		if function, path, ok := reference(ref); ok {
			env[ref] = s.function(function, path)
			continue
		}
		switch st := s.step(ref); {
		case st != nil:
			env[ref] = st.Result
		case ref == "run":
			env[ref] = s.runValue()
		case ref == "output":
			if s.last.result != nil {
				env[ref] = s.last.result.Output
			}
		default:
			if tables := s.stage.Tables(ref); len(tables) > 0 {
				env[ref] = tables
			}
		}
	}
	return env
}

func (s *scenario) runValue() map[string]any {
	ending, _ := s.endingOf()
	run := map[string]any{"ending": ending, "started_at": s.last.start.Format("2006-01-02T15:04:05.999999999Z07:00"), "took": "0s", "saved": "0s", "id": "", "correlation_id": "", "services": []any{}}
	if r := s.last.result; r != nil {
		run["id"], run["correlation_id"] = r.RunID, r.CorrelationID
		run["took"], run["saved"] = value.FormatDuration(r.Summary.Total), value.FormatDuration(r.Summary.Saved)
		services := make([]any, len(r.Summary.Services))
		for i, t := range r.Summary.Services {
			one := map[string]any{"service": t.Service, "calls": t.Calls, "time": value.FormatDuration(t.Time), "held": value.FormatDuration(t.Held), "refused": t.Refused}
			if t.Breaker != "" {
				one["breaker"] = string(t.Breaker)
			}
			services[i] = one
		}
		run["services"] = services
		if r.Error != nil {
			e := map[string]any{"code": r.Error.Code, "message": r.Error.Message}
			if r.Error.Step != "" {
				e["step"] = r.Error.Step
			}
			run["error"] = e
		}
	}
	return run
}

// function is the value of a function of a step or operation.
func (s *scenario) function(name, path string) any {
	switch name {
	case suite.Calls:
		return s.calls(path)
	case suite.Effects:
		return s.effects(path)
	case expr.WasCalled:
		return len(s.calls(path)) > 0
	case expr.TookEffect:
		return len(s.effects(path)) > 0
	}
	st, _ := s.named(s.test.Steps[path])
	switch {
	case st != nil:
	case s.last.result != nil: // an item that there is not
		return nil
	default:
		st = &machine.StepResult{Ending: machine.NotRun}
	}
	return invariant.OfStep(name, st)
}

// calls lists the calls of an operation, or those a step made to its handler, during
// the last run.
func (s *scenario) calls(of string) []any {
	out := []any{}
	if s.last.result == nil {
		return out
	}
	for _, c := range s.stage.Calls() {
		step := s.stepAt(c.Place)
		body, err := value.Normalize(c.Body)
		if err != nil {
			body = nil
		}
		args := any(c.Args)
		if c.Service+"."+c.Operation != of {
			if c.Context == nil || !within(of, step) {
				continue
			}
			args = map[string]any{"input": c.Context.Input, "config": c.Context.Config, "results": c.Context.Results.All()}
		}
		out = append(out, map[string]any{"at": value.FormatDuration(c.Offset), "args": args, "attempt": c.Attempt, "key": c.Key, "step": step,
			"correlation_id": c.CorrelationID, "outcome": c.Outcome, "body": body, "lost": c.Lost})
	}
	return out
}

// stepAt is the name of the innermost step that a place is in.
func (s *scenario) stepAt(place string) string {
	name := ""
	for steps := s.last.result.Steps; ; {
		i := slices.IndexFunc(steps, func(st machine.StepResult) bool { return within(st.Name, place) })
		if i < 0 {
			return name
		}
		name, steps = steps[i].Name, steps[i].Steps
	}
}

// maxTrace is how many lines of a trace a failure shows.
const maxTrace = 12

// traceText is the end of the last run's trace, or of the part of it that matters.
func (s *scenario) traceText(matters func(machine.Entry) bool) string {
	if s.last == nil || len(s.last.entries) == 0 {
		return ""
	}
	entries := s.last.entries
	if matters != nil {
		entries = nil
		for _, e := range s.last.entries {
			if matters(e) {
				entries = append(entries, e)
			}
		}
	}
	before := max(0, len(entries)-maxTrace)
	var b bytes.Buffer
	if err := machine.WriteText(&b, entries[before:]); err != nil {
		return ""
	}
	_, lines, _ := strings.Cut(b.String(), "\n") // without the version
	if before > 0 {
		lines = fmt.Sprintf("… %s before\n", plural(before, "line")) + lines
	}
	return lines
}
