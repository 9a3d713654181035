package machine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"wf/lang/value"
)

// TraceVersion is the version of both trace formats.
const TraceVersion = 1

// WriteText writes a trace for people and golden files: one line an entry, offset
// first. Equal traces give equal bytes.
func WriteText(w io.Writer, entries []Entry) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "trace %d\n", TraceVersion)
	width := 0
	for _, e := range entries {
		width = max(width, len(e.where()))
	}
	for _, e := range entries {
		fmt.Fprintf(&b, "%9s  %-*s  %s\n", "+"+offset(e.At), width, e.where(), e.what())
	}
	_, err := w.Write(b.Bytes())
	return err
}

// Line is the entry as WriteText has it, without its offset.
func (e Entry) Line() string { return e.where() + "  " + e.what() }

func offset(d time.Duration) string { return value.FormatDuration(d.Round(time.Millisecond)) }

// where is the place an entry is about.
func (e Entry) where() string {
	switch {
	case e.Step == "":
		return "run"
	case e.Place != "":
		return fmt.Sprintf("%s#%d", e.Place, e.Attempt)
	}
	return e.Step
}

// what is what happened.
func (e Entry) what() string {
	switch e.Kind {
	case EntryRunStarted:
		return fmt.Sprintf("started %s, id %s, correlation %s, seed %d%s", e.Note, e.RunID, e.CorrelationID, e.Seed, with(" input", e.Args))
	case EntryStepStarted:
		return "started"
	case EntryCall:
		return strings.TrimSuffix("call "+e.Operation+" "+e.Version, " ") + with("", e.Args) + paren(e.Note) + e.held()
	case EntryHeld:
		if e.Until > 0 {
			return "held until +" + offset(e.Until) + ": " + e.Note
		}
		return "held: " + e.Note
	case EntryRefused:
		return "refused " + e.Outcome + ": " + e.Note
	case EntryBreaker:
		return e.breaker()
	case EntryAnswer:
		return "answer " + e.Outcome + with("", e.Body) + e.retryAfter() + paren(e.Note) + " in " + offset(e.Took)
	case EntryTakenOver:
		return "taken over: " + e.Note
	case EntryDecision:
		return "decided: " + e.Note
	case EntrySignal:
		return e.signalled()
	case EntryWait:
		if e.Signal != "" || e.Place == "" {
			return e.waits()
		}
		return fmt.Sprintf("wait %s until +%s for %s: %s", offset(e.Took), offset(e.Until), e.Numbered(), e.Note)
	case EntryStepEnded, EntryRunEnded:
		return e.ended()
	}
	return string(e.Kind)
}

func (e Entry) held() string {
	if e.Took == 0 {
		return ""
	}
	return " (held for " + offset(e.Took) + ")"
}

func (e Entry) breaker() string {
	s := "breaker of " + e.Service + " " + string(e.State)
	if e.Until > 0 {
		s += " until +" + offset(e.Until)
	}
	return s + ": " + e.Note
}

func (e Entry) ended() string {
	s := string(e.Ending)
	if e.Error != nil && e.Kind == EntryStepEnded {
		s += " " + e.Error.Code
		if e.Error.Message != "" {
			s += ": " + e.Error.Message
		}
	} else if e.Error != nil {
		s += " " + e.Error.Error()
	}
	if e.Note != "" {
		s += ": " + e.Note
	}
	return s + with("", e.Body)
}

func (e Entry) retryAfter() string {
	if v, ok := e.Headers["retry-after"]; ok {
		return " retry-after " + quoteShort(v)
	}
	return ""
}

func paren(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// Numbered names the attempt of an entry: "attempt 2 of 3", or "attempt 7 (2 of 3)"
// where not all attempts count for the same limit.
func (e Entry) Numbered() string { return numbered(e.Attempt, e.Count, e.Of) }

func numbered(attempt, n, of int) string {
	if n == attempt {
		return fmt.Sprintf("attempt %d of %d", n, of)
	}
	return fmt.Sprintf("attempt %d (%d of %d)", attempt, n, of)
}

// with writes a value behind a word, nothing for nil.
func with(word string, v any) string {
	if m, ok := v.(map[string]any); v == nil || ok && len(m) == 0 {
		return ""
	}
	text, err := value.EncodeJSON(v, "")
	if err != nil {
		return word + " " + err.Error()
	}
	return word + " " + strings.TrimSpace(string(text))
}

// jsonEntry is an entry as WriteJSON has it; times are in milliseconds.
type jsonEntry struct {
	At              float64           `json:"at_ms"`
	Kind            EntryKind         `json:"kind"`
	Step            string            `json:"step,omitempty"`
	Place           string            `json:"place,omitempty"`
	Attempt         int               `json:"attempt,omitempty"`
	Count           int               `json:"count,omitempty"`
	Of              int               `json:"of,omitempty"`
	Operation       string            `json:"operation,omitempty"`
	WorkflowVersion string            `json:"version,omitempty"`
	Service         string            `json:"service,omitempty"`
	State           BreakerState      `json:"state,omitempty"`
	Key             string            `json:"idempotency_key,omitempty"`
	Signal          string            `json:"signal,omitempty"`
	SignalKey       string            `json:"signal_key,omitempty"`
	Args            any               `json:"args,omitempty"`
	Outcome         string            `json:"outcome,omitempty"`
	Headers         map[string]string `json:"headers,omitempty"`
	Body            any               `json:"body,omitempty"`
	Took            float64           `json:"took_ms,omitempty"`
	Until           float64           `json:"until_ms,omitempty"`
	Ending          Ending            `json:"ending,omitempty"`
	Note            string            `json:"note,omitempty"`
	Code            string            `json:"code,omitempty"`
	Message         string            `json:"message,omitempty"`
	RunID           string            `json:"run_id,omitempty"`
	CorrelationID   string            `json:"correlation_id,omitempty"`
	Seed            *uint64           `json:"seed,omitempty"`
	Version         int               `json:"trace_version,omitempty"`
}

// WriteJSON writes a trace as one JSON object a line.
func WriteJSON(w io.Writer, entries []Entry) error {
	for _, e := range entries {
		j := jsonEntry{At: ms(e.At), Kind: e.Kind, Step: e.Step, Place: e.Place, Attempt: e.Attempt, Count: e.Count, Of: e.Of, Operation: e.Operation, WorkflowVersion: e.Version, Service: e.Service, State: e.State, Key: e.Key, Args: e.Args,
			Outcome: e.Outcome, Headers: e.Headers, Body: e.Body, Took: ms(e.Took), Until: ms(e.Until), Ending: e.Ending, Note: e.Note, RunID: e.RunID, CorrelationID: e.CorrelationID}
		if j.Signal = e.Signal; e.Kind == EntryWait {
			j.Key, j.SignalKey = "", e.Key
		}
		if e.Error != nil {
			j.Code, j.Message = e.Error.Code, e.Error.Message
		}
		if e.Kind == EntryRunStarted {
			j.Version, j.Seed = TraceVersion, &e.Seed
		}
		line, err := json.Marshal(j)
		if err != nil {
			return err
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
