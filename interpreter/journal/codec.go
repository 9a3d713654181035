package journal

import (
	"encoding/json"
	"fmt"
	"time"

	"wf/interpreter/machine"
	"wf/lang/value"
)

// eventJSON is an event as it is kept. Kinds: returned, failed, held, fired, cancel, resolved,
// retried, signal.
type eventJSON struct {
	Kind    string            `json:"kind"`
	At      time.Duration     `json:"at"` // nanoseconds since the start of the run
	ID      *machine.ID       `json:"id,omitempty"`
	Status  int               `json:"status,omitempty"`
	Class   string            `json:"class,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Message string            `json:"message,omitempty"`
	Until   time.Duration     `json:"until,omitempty"` // nanoseconds since the start of the run
	Name    string            `json:"name,omitempty"`  // of a step or signal
	Body    json.RawMessage   `json:"body,omitempty"`
	Again   bool              `json:"again,omitempty"`
}

// Encode writes an event as one JSON object. Started has no form: every journal begins
// with it at 0.
func Encode(ev machine.Event) ([]byte, error) {
	out := eventJSON{}
	var body any
	switch ev := ev.(type) {
	case machine.CallReturned:
		out = eventJSON{Kind: "returned", At: ev.At, ID: &ev.ID, Status: ev.Status, Class: ev.Class, Headers: ev.Headers, Again: ev.Again}
		body = ev.Body
	case machine.CallFailed:
		out = eventJSON{Kind: "failed", At: ev.At, ID: &ev.ID, Class: ev.Class, Message: ev.Message}
	case machine.CallHeld:
		out = eventJSON{Kind: "held", At: ev.At, ID: &ev.ID, Until: ev.Until, Message: ev.Why, Again: ev.Again}
	case machine.TimerFired:
		out = eventJSON{Kind: "fired", At: ev.At, ID: &ev.ID}
	case machine.CancelRequested:
		out = eventJSON{Kind: "cancel", At: ev.At}
	case machine.SignalReceived:
		out = eventJSON{Kind: "signal", At: ev.At, Name: ev.Name}
		body = ev.Payload
	case machine.StepRetried:
		out = eventJSON{Kind: "retried", At: ev.At, Name: ev.Step}
	case machine.StepResolved:
		out = eventJSON{Kind: "resolved", At: ev.At, Name: ev.Step}
		body = ev.Result
	default:
		return nil, fmt.Errorf("event %T has no form in a journal", ev)
	}
	if body != nil {
		text, err := value.EncodeJSON(body, "")
		if err != nil {
			return nil, err
		}
		out.Body = text
	}
	return json.Marshal(out)
}

// Decode reads what Encode wrote. Numbers and everything else are the values that the
// machine had when the run was live.
func Decode(text []byte) (machine.Event, error) {
	var in eventJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, err
	}
	var body any
	if in.Body != nil {
		var err error
		if body, err = value.DecodeJSON(in.Body); err != nil {
			return nil, err
		}
	}
	var id machine.ID
	if in.ID != nil {
		id = *in.ID
	}
	switch in.Kind {
	case "returned":
		return machine.CallReturned{At: in.At, ID: id, Status: in.Status, Class: in.Class, Headers: in.Headers, Body: body, Again: in.Again}, nil
	case "failed":
		return machine.CallFailed{At: in.At, ID: id, Class: in.Class, Message: in.Message}, nil
	case "held":
		return machine.CallHeld{At: in.At, ID: id, Until: in.Until, Why: in.Message, Again: in.Again}, nil
	case "fired":
		return machine.TimerFired{At: in.At, ID: id}, nil
	case "cancel":
		return machine.CancelRequested{At: in.At}, nil
	case "signal":
		return machine.SignalReceived{At: in.At, Name: in.Name, Payload: body}, nil
	case "retried":
		return machine.StepRetried{At: in.At, Step: in.Name}, nil
	case "resolved":
		return machine.StepResolved{At: in.At, Step: in.Name, Result: body}, nil
	}
	return nil, fmt.Errorf("an event of kind %q is not known to this version", in.Kind)
}
