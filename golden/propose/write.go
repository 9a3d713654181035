package propose

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"wf/interpreter/machine"
	"wf/lang/graph"
	"wf/lang/value"
)

// write says a scenario as a test file does.
func (s *search) write(f found) Test {
	t := Test{Name: s.name(f)}
	for _, i := range f.covers {
		t.Covers = append(t.Covers, s.points[i])
	}
	t.Text = fmt.Sprintf("test %s {\n%s}\n", text(t.Name), s.scenario(f, s.expectations(f.run.result)))
	return t
}

// scenario is what stands in a test: mocks, the run, and what is expected of it.
func (s *search) scenario(f found, expectations []string) string {
	var b strings.Builder
	for _, m := range s.mocks(f.run) {
		b.WriteString(m)
	}
	for i, line := range f.plan.lead {
		if name, is := strings.CutPrefix(line, "let "); is {
			name, _, _ = strings.Cut(name, " ")
			if below := strings.Join(append(f.plan.lead[i+1:len(f.plan.lead):len(f.plan.lead)], f.plan.named), "\n"); !regexp.MustCompile(`\b` + name + `\b`).MatchString(below) {
				continue // another input has come
			}
		}
		b.WriteString("  " + line + "\n")
	}
	name := s.graph.Name
	if s.opts.FullName {
		name = s.graph.FullName()
	}
	b.WriteString("  run " + name)
	if f.plan.named != "" {
		b.WriteString(" " + f.plan.named)
	} else if in := source(s.graph.Input, f.plan.input); in != "{ }" {
		b.WriteString(" " + in)
	}
	b.WriteString("\n")
	for _, e := range expectations {
		b.WriteString("  expect " + e + "\n")
	}
	return b.String()
}

// name says what is special about a scenario. No other test has it.
func (s *search) name(f found) string {
	name := s.title(f)
	if s.names[name] {
		name = s.graph.Name + ": " + name
	}
	base := name
	for n := 2; s.names[name]; n++ {
		name = fmt.Sprintf("%s (%d)", base, n)
	}
	s.names[name] = true
	return name
}

// title says what is special about a scenario.
func (s *search) title(f found) string {
	texts := make([]string, len(f.plan.labels))
	for i, l := range f.plan.labels {
		texts[i] = l.text
	}
	name := strings.Join(texts, ", ")
	if name == "" {
		name = "all is well"
	}
	if r := []rune(name); len(r) > maxName {
		name = string(r[:maxName-1]) + "…"
	}
	return name
}

// maxName is the longest name of a test.
const maxName = 120

// expectations say how the run and its steps ended.
func (s *search) expectations(r *machine.Result) []string {
	ending := string(r.Ending)
	if r.Error != nil && (r.Ending == machine.Failed || r.Ending == machine.Compensated) {
		ending += " " + r.Error.Code
	}
	out := []string{ending}
	for _, st := range r.Steps {
		if !word.MatchString(st.Name) { // a step of YAML that expressions cannot name
			continue
		}
		switch {
		case st.Ending == machine.Completed && st.Attempts <= 1:
		case slices.Contains(endingWords, st.Name): // there the word would be taken for an ending
			out = append(out, fmt.Sprintf("ending(%s) == %q and attempts(%s) == %d", st.Name, st.Ending, st.Name, st.Attempts))
		default:
			out = append(out, s.ended(&st, st.Name)...)
		}
		out = s.inside(&st, st.Name, out)
	}
	if g := s.graph; g.Output != nil && r.Output != nil && plainly(g.Output.Type()) {
		if text := source(g.Output.Type(), r.Output); len(text) < maxValue {
			out = append(out, "output == "+text)
		}
	}
	return out
}

// ended says how a step ended that a test knows by a name.
func (s *search) ended(st *machine.StepResult, name string) []string {
	line := name + " " + string(st.Ending)
	if st.Ending == machine.Failed && st.Error != nil {
		line += " " + st.Error.Code
	}
	if st.Attempts > 0 && st.Ending != machine.NotRun {
		line += " after 1 attempt"
		if st.Attempts != 1 {
			line = strings.TrimSuffix(line, "1 attempt") + fmt.Sprintf("%d attempts", st.Attempts)
		}
	}
	out := []string{line}
	if t := st.Def.Result; st.Ending == machine.Degraded && plainly(t) && st.Result != nil && !strings.Contains(name, ".") && !strings.Contains(name, "[") {
		if text := source(t, st.Result); len(text) < maxValue {
			out = append(out, name+" == "+text)
		}
	}
	return out
}

// inside says of the steps inside a step, or of its items, which did not simply complete: what
// failed, what a fallback stood in for, what was tried again.
func (s *search) inside(of *machine.StepResult, name string, out []string) []string {
	for i := range of.Steps {
		st := &of.Steps[i]
		known, ok := innerName(of, st, name)
		if !ok || strings.Contains(known, "#") || len(out) > maxExpectations {
			continue
		}
		if st.Ending == machine.Failed || st.Ending == machine.Degraded || st.Attempts > 1 {
			out = append(out, s.ended(st, known)...)
		}
		out = s.inside(st, known, out)
	}
	return out
}

// maxExpectations is how many expectations are proposed before the rest is left out.
const maxExpectations = 12

// innerName is how a test calls a step of a group, or an item of a loop.
func innerName(of, st *machine.StepResult, name string) (string, bool) {
	rest := strings.TrimPrefix(st.Name, of.Name)
	if !strings.HasPrefix(rest, "[") {
		return name + rest, true
	}
	if byNumber(of) {
		return name + rest, true
	}
	return name + "[" + text(machine.KeyOf(rest[1:len(rest)-1])) + "]", true
}

// StepName is how a test names a step of a run by its name in the trace, items of loops by
// their keys. steps are those of the run; ok is false for one that tests have no name for.
func StepName(steps []machine.StepResult, place string) (name string, ok bool) {
	traced := "" // how far name has come, as the trace has it
	for rest := place; ; {
		i := strings.IndexByte(rest, '[')
		if i < 0 {
			i = len(rest)
		}
		for word := range strings.SplitSeq(strings.TrimPrefix(rest[:i], "."), ".") {
			ok = namable(word)
			if !ok {
				return "", false
			}
		}
		name, traced, rest = name+rest[:i], traced+rest[:i], rest[i:]
		if rest == "" {
			return name, !slices.Contains(endingWords, name)
		}
		j := strings.IndexByte(rest, ']')
		loop := stepNamed(steps, traced)
		if j < 0 || loop == nil {
			return "", false
		}
		key := machine.KeyOf(rest[1:j])
		if !byNumber(loop) {
			key = text(key)
		}
		name, traced, rest = name+"["+key+"]", traced+rest[:j+1], rest[j+1:]
		if rest == "" {
			return name, true
		}
	}
}

func namable(s string) bool {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return false
		}
	}
	return s != ""
}

// byNumber reports whether the items of a loop have numbers as keys.
func byNumber(loop *machine.StepResult) bool {
	if loop.Def == nil {
		return false
	}
	return slices.ContainsFunc(loop.Def.Body, func(st graph.Stmt) bool {
		l, ok := st.(*graph.Loop)
		return ok && (l.By == nil || l.By.Type().Kind == value.Int)
	})
}

// stepNamed finds a step, wherever it stands.
func stepNamed(steps []machine.StepResult, name string) *machine.StepResult {
	for i := range steps {
		if steps[i].Name == name {
			return &steps[i]
		}
		if st := stepNamed(steps[i].Steps, name); st != nil {
			return st
		}
	}
	return nil
}

// maxValue is the longest value that an expectation writes out.
const maxValue = 100

// plainly reports whether a value of the type may be written into a test: it holds no
// secret.
func plainly(t *value.Type) bool { return !t.HasSecret() }

// mocks writes the answers of a run, those of the file's own mocks left out.
func (s *search) mocks(o *outcome) []string {
	var order []string
	byOp := map[string][]made{}
	for _, m := range o.calls {
		name := m.sig.Name()
		if byOp[name] == nil {
			order = append(order, name)
		}
		byOp[name] = append(byOp[name], m)
	}
	var out []string
	for _, name := range order {
		calls := byOp[name]
		if !slices.ContainsFunc(calls, func(m made) bool { return m.written }) {
			continue
		}
		out = append(out, s.mock(mockName(calls[0].sig), calls))
	}
	return out
}

// mockName is how a mock names an operation.
func mockName(sig *value.Signature) string {
	if sig.Handler {
		return "handler " + text(sig.Operation)
	}
	return sig.Name()
}

func (s *search) mock(name string, calls []made) string {
	var places []string
	at := map[string][]string{}
	for _, m := range calls {
		if at[m.place] == nil {
			places = append(places, m.place)
		}
		at[m.place] = append(at[m.place], s.reply(m))
	}
	return scripted(name, places, at)
}

// scripted writes the mock of an operation with its replies at each place.
func scripted(name string, places []string, at map[string][]string) string {
	var lines []string
	for _, place := range places {
		replies := folded(at[place])
		if len(places) == 1 {
			lines = append(lines, replies...)
			continue
		}
		lines = append(lines, "when place == "+text(place)+" { "+strings.Join(replies, ", ")+" }")
	}
	if one := strings.Join(lines, ", "); len(places) == 1 && len(one) < maxLine && !strings.Contains(one, "\n") {
		return "  mock " + name + " { " + one + " }\n"
	}
	return "  mock " + name + " {\n    " + strings.Join(lines, "\n    ") + "\n  }\n"
}

// maxLine is how long a line may get before it is broken.
const maxLine = 110

// folded are the replies at one place, equal ones in one.
func folded(replies []string) []string {
	var out []string
	for i := 0; i < len(replies); {
		text := replies[i]
		n := 1
		for i+n < len(replies) && replies[i+n] == text {
			n++
		}
		i += n
		if n > 1 {
			text += fmt.Sprintf(" times %d", n)
		}
		out = append(out, text)
	}
	return out
}

func (s *search) reply(m made) string {
	if !m.written {
		return "pass"
	}
	r := m.reply
	text := r.outcome.String()
	if t, _ := m.sig.Body(r.outcome.Status, r.outcome.Name); t != nil && r.body != nil {
		text += " " + source(t, r.body)
	}
	if len(r.headers) > 0 {
		text += " headers " + source(value.TAny, r.headers)
	}
	if r.after != "" {
		text += " after " + r.after
	}
	return text
}

var word = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// text is a string literal.
func text(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\' || r == '$' && strings.HasPrefix(s[i:], "${"):
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < 0x10000 && !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// source writes a value of a type as an expression that has the type.
func source(t *value.Type, v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case string:
		switch t.Kind {
		case value.Time:
			return "time(" + text(v) + ")"
		case value.Duration:
			if d, err := value.ParseDuration(v); err == nil {
				return value.FormatDuration(d)
			}
			return "duration(" + text(v) + ")"
		}
		return text(v)
	case float64:
		b := strconv.FormatFloat(v, 'f', -1, 64)
		if !strings.Contains(b, ".") {
			b += ".0" // 1 is not 1.0 where records are compared
		}
		return b
	case []any:
		elem := value.TAny
		if t.Kind == value.List {
			elem = t.Elem
		}
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = source(elem, e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		return object(t, v)
	}
	return value.Literal(v)
}

func object(t *value.Type, v map[string]any) string {
	names := make([]string, 0, len(v))
	for _, f := range t.Fields { // in declared order
		if _, ok := v[f.Name]; ok {
			names = append(names, f.Name)
		}
	}
	for _, name := range sorted(v) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "{ }"
	}
	parts := make([]string, len(names))
	for i, name := range names {
		ft := value.TAny
		if f := t.Field(name); f != nil {
			ft = f.Type
		}
		key := name
		if !word.MatchString(key) {
			key = text(key)
		}
		parts[i] = key + ": " + source(ft, v[name])
	}
	one := "{ " + strings.Join(parts, ", ") + " }"
	if len(one) < maxLine {
		return one
	}
	return "{\n" + strings.Join(parts, "\n") + "\n}"
}

// endingWords are what may follow expect: a step that is called so is no step there.
var endingWords = []string{"completed", "degraded", "skipped", "failed", "cancelled", "compensated", "not_run", "resolved", "refused", "golden"}
