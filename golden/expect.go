package golden

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"wf/interpreter/machine"
	"wf/lang/expr"
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
	if e.Step != "" {
		s.stepEnding(e)
		return
	}
	s.runEnding(e)
}

func (s *scenario) runEnding(e *suite.Expect) {
	actual, code := s.endingOf()
	want := e.Ending
	if e.Code != "" {
		want += " " + e.Code
	}
	if actual != e.Ending || e.Code != "" && code != e.Code {
		f := s.result.fail(CodeExpect, e.Span, "the run should be %s, and is %s", want, s.describe())
		f.Trace = s.traceText("")
		return
	}
	if e.Path == "" {
		return
	}
	var paths []string
	for _, v := range s.last.refused {
		if v.Path == e.Path {
			return
		}
		paths = append(paths, v.String())
	}
	s.result.fail(CodeExpect, e.Span, "the input should be refused for %s, and is for: %s", e.Path, strings.Join(paths, "; "))
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

func (s *scenario) describe() string {
	if s.last.result == nil {
		return "refused: " + s.last.refused.Error()
	}
	text := string(s.last.result.Ending)
	if e := s.last.result.Error; e != nil {
		text += " " + e.Error()
	}
	return text
}

// step finds a step of the last run; nil if nothing ran.
func (s *scenario) step(name string) *machine.StepResult {
	if s.last.result == nil {
		return nil
	}
	for i := range s.last.result.Steps {
		if st := &s.last.result.Steps[i]; st.Name == name {
			return st
		}
	}
	return nil
}

func (s *scenario) stepEnding(e *suite.Expect) {
	st := s.step(e.Step)
	if st == nil {
		s.result.fail(CodeExpect, e.Span, "step %s should be %s, and nothing ran: the input was refused: %s", e.Step, e.Ending, s.last.refused)
		return
	}
	want, is := e.Ending, describeStep(st)
	if e.Code != "" {
		want += " " + e.Code
	}
	bad := string(st.Ending) != e.Ending || e.Code != "" && (st.Error == nil || st.Error.Code != e.Code)
	if e.Attempts != nil {
		n, err := e.Attempts.Int(s.eval, s.names(e.Attempts))
		if err != nil {
			s.result.fail(CodeBroken, spanOf(err, e.Span), "%v", err)
			return
		}
		want += fmt.Sprintf(" after %s", plural(n, "attempt"))
		is += fmt.Sprintf(", after %s", plural(st.Attempts, "attempt"))
		bad = bad || st.Attempts != n
	}
	if bad {
		f := s.result.fail(CodeExpect, e.Span, "step %s should be %s, and is %s", e.Step, want, is)
		f.Trace = s.traceText(e.Step)
	}
}

func describeStep(st *machine.StepResult) string {
	text := string(st.Ending)
	switch {
	case st.Error != nil && st.Error.Message != "":
		text += " " + st.Error.Code + ": " + st.Error.Message
	case st.Error != nil:
		text += " " + st.Error.Code
	case st.Reason != "":
		text += ": " + st.Reason
	}
	return text
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// condition judges an expression, and shows both sides of a comparison.
func (s *scenario) condition(e *suite.Expect) {
	env := s.names(e.Cond)
	ok, err := e.Cond.Bool(s.eval, env)
	if err != nil {
		f := s.result.fail(CodeExpect, spanOf(err, e.Span), "%s cannot be judged: %v%s", e.Cond, err, s.missing(e.Cond.Refs()))
		f.Trace = s.traceText(s.stepIn(e.Cond.Refs()))
		return
	}
	if ok {
		return
	}
	f := s.result.fail(CodeExpect, e.Span, "%s does not hold", e.Cond)
	f.Trace = s.traceText(s.stepIn(e.Cond.Refs()))
	if e.Sides == nil {
		return
	}
	left, err1 := e.Sides.Left.Eval(s.eval, env)
	right, err2 := e.Sides.Right.Eval(s.eval, env)
	if err1 == nil && err2 == nil {
		f.Detail = difference(e.Sides, left, right)
	}
}

// difference shows the sides of a comparison: small ones on a line each, records and
// lists that should be equal as a diff.
func difference(sides *suite.Sides, left, right any) string {
	if sides.Operator == "==" && isComposite(left) && isComposite(right) {
		return unified("expected", lines(right), "actual", lines(left))
	}
	if _, constant := sides.Right.Const(); constant {
		return fmt.Sprintf("%s is %s", sides.Left, show(left))
	}
	width := max(len(sides.Left.String()), len(sides.Right.String()))
	if width > 60 {
		return fmt.Sprintf(" left is %s\nright is %s", show(left), show(right))
	}
	return fmt.Sprintf("%*s is %s\n%*s is %s", width, sides.Left, show(left), width, sides.Right, show(right))
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

// stepIn is the step an expression is about; "" if it is about none or several.
func (s *scenario) stepIn(refs []string) string {
	found := ""
	for _, ref := range refs {
		name := ref
		if _, arg, ok := strings.Cut(strings.TrimSuffix(ref, ")"), "("); ok {
			name = arg
		}
		if s.step(name) != nil {
			if found != "" && found != name {
				return ""
			}
			found = name
		}
	}
	return found
}

// missing says which step that an expression reads has no result.
func (s *scenario) missing(refs []string) string {
	for _, name := range refs {
		if st := s.step(name); st != nil && st.Result == nil {
			return fmt.Sprintf("; step %s has no result, it is %s", name, describeStep(st))
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
		if function, path, ok := strings.Cut(strings.TrimSuffix(ref, ")"), "("); ok {
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
			services[i] = map[string]any{"service": t.Service, "calls": t.Calls, "time": value.FormatDuration(t.Time)}
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
	if name == "calls" {
		return s.calls(path)
	}
	st := s.step(path)
	if st == nil {
		st = &machine.StepResult{Ending: machine.NotRun}
	}
	switch name {
	case "ending":
		return string(st.Ending)
	case "attempts":
		return st.Attempts
	case "started":
		return value.FormatDuration(st.Started)
	case "ended":
		return value.FormatDuration(st.Ended)
	case "took":
		return value.FormatDuration(st.Ended - st.Started)
	case "reason":
		return st.Reason
	case "code":
		if st.Error != nil {
			return st.Error.Code
		}
	}
	return ""
}

// calls lists the calls of an operation during the last run.
func (s *scenario) calls(operation string) []any {
	out := []any{}
	for _, c := range s.stage.Calls() {
		if c.Service+"."+c.Operation != operation {
			continue
		}
		step, _, _ := strings.Cut(c.Place, ".")
		out = append(out, map[string]any{"at": value.FormatDuration(c.Offset), "args": any(c.Args), "attempt": c.Attempt, "key": c.Key, "step": step,
			"correlation_id": c.CorrelationID, "outcome": c.Outcome, "lost": c.Lost})
	}
	return out
}

// maxTrace is how many lines of a trace a failure shows.
const maxTrace = 12

// traceText is the trace of the last run around a step, or its end.
func (s *scenario) traceText(step string) string {
	if s.last == nil || len(s.last.entries) == 0 {
		return ""
	}
	entries := s.last.entries
	if step != "" {
		var about []machine.Entry
		for _, e := range entries {
			if e.Step == step {
				about = append(about, e)
			}
		}
		entries = about
	}
	cut := 0
	if len(entries) > maxTrace {
		cut = len(entries) - maxTrace
		entries = entries[cut:]
	}
	var b bytes.Buffer
	if err := machine.WriteText(&b, entries); err != nil {
		return ""
	}
	_, lines, _ := strings.Cut(b.String(), "\n") // without the version
	if cut > 0 {
		lines = fmt.Sprintf("… %s before\n", plural(cut, "line")) + lines
	}
	return lines
}
