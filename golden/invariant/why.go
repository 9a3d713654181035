package invariant

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"wf/lang/expr"
	"wf/lang/suite"
	"wf/lang/value"
)

func statusText(status int) string { return strconv.Itoa(status) }

// counted lists the calls that are too many.
func (m *Monitor) counted(r *rule) string {
	op := &m.ops[r.op]
	if !r.Effects {
		return fmt.Sprintf("this is call %d of it", op.calls)
	}
	var all []string
	for _, e := range op.effects {
		all = append(all, e.told())
	}
	times := "times"
	if len(all) == 1 {
		times = "time"
	}
	return fmt.Sprintf("it took effect %d %s: %s", len(all), times, strings.Join(all, ", "))
}

// told is a call with its moment.
func (c made) told() string { return fmt.Sprintf("%s at +%s", c.id, value.FormatDuration(c.at)) }

// Because tells what broke the rule, in words.
func (v Violation) Because() string {
	switch {
	case v.Call == "":
		return v.Why
	case v.Rule.Kind == suite.AtMost:
		return v.Call + " was made, and " + v.Why
	}
	return fmt.Sprintf("%s called %s, and %s", v.Call, v.Rule.Sig.Name(), v.Why)
}

// why tells the values of slots in words.
func (m *Monitor) why(r *rule, slots []int) string {
	var out []string
	for _, i := range slots {
		if text := m.tell(r, &m.set.slots[i]); text != "" && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return strings.Join(out, "; ")
}

func (m *Monitor) tell(r *rule, sl *slot) string {
	v := m.env[sl.name]
	switch {
	case sl.function == "ending":
		return m.ending(sl.step, v.(string))
	case sl.function == expr.TookEffect && v == true:
		return fmt.Sprintf("%s took effect (%s)", m.set.ops[sl.op].name, m.ops[sl.op].effects[0].told())
	case sl.function == expr.TookEffect && m.ops[sl.op].calls > 0:
		return fmt.Sprintf("%s took no effect (%s)", m.set.ops[sl.op].name, m.ops[sl.op].last.told())
	case sl.function == expr.TookEffect:
		return fmt.Sprintf("%s was not called", m.set.ops[sl.op].name)
	case sl.function == expr.WasCalled && v == true:
		return fmt.Sprintf("%s was called", m.set.ops[sl.op].name)
	case sl.function == expr.WasCalled:
		return fmt.Sprintf("%s was not called", m.set.ops[sl.op].name)
	case sl.function == suite.Calls || sl.function == suite.Effects:
		return fmt.Sprintf("%s has %s", sl.name, elements(len(v.([]any))))
	case sl.name == "run" && r.Moments:
		return m.runEnding() + ", after " + value.FormatDuration(m.now)
	case sl.name == "run":
		return m.runEnding()
	}
	return fmt.Sprintf("%s is %s", sl.name, shown(sl.typ.Redact(v)))
}

func elements(n int) string {
	if n == 1 {
		return "1 element"
	}
	return fmt.Sprintf("%d elements", n)
}

// maxShown is how long a value is shown at most.
const maxShown = 120

func shown(v any) string {
	if v == nil {
		return "nil"
	}
	text, err := value.EncodeJSON(v, "")
	if err != nil {
		return fmt.Sprint(v)
	}
	if r := []rune(string(text)); len(r) > maxShown {
		return string(r[:maxShown-1]) + "…"
	}
	return string(text)
}

// ending tells how a step ended.
func (m *Monitor) ending(step *suite.Step, ending string) string {
	switch ending {
	case "":
		return step.Text + " has not ended"
	case "not_run":
		return step.Text + " did not run"
	case "skipped", "cancelled", "resolved":
		return step.Text + " was " + ending
	case "failed", "compensated":
		if e := m.errors[step.Text]; e != nil {
			return step.Text + " " + ending + " " + e.Code
		}
	}
	return step.Text + " " + ending
}

// runEnding tells how the run ended.
func (m *Monitor) runEnding() string {
	switch ending, _ := m.run["ending"].(string); ending {
	case "":
		return "the run goes on"
	case "cancelled":
		return "the run was cancelled"
	default:
		if e, ok := m.run["error"].(map[string]any); ok {
			return fmt.Sprintf("the run %s %s", ending, e["code"])
		}
		return "the run " + ending
	}
}
