package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"wf/interpreter"
	"wf/interpreter/machine"
	"wf/interpreter/sim"
	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/value"
)

// sent is a signal that the command line sends to a run.
type sent struct {
	at      time.Duration // since the run began
	name    string
	payload any
}

// sending is what a run is sent, and where it is told what the run refuses.
type sending struct {
	e     *env
	g     *graph.Graph
	fixed []sent
	lines *bufio.Scanner // one signal a line, sent when it comes; nil: none
	later bool           // refusals are told when the run has ended: a screen shows it

	mu   sync.Mutex
	told []string
}

// maxSignal is the longest line that says a signal.
const maxSignal = 16 << 20

// sending reads the flags that send signals. Lines are read in time if the run is real;
// else at once, and each says when it is sent.
func (c *runCmd) sending(e *env, g *graph.Graph) (*sending, error) {
	s := &sending{e: e, g: g}
	for _, spec := range c.Signal {
		one, err := s.flag(spec)
		if err != nil {
			return nil, err
		}
		s.fixed = append(s.fixed, one)
	}
	if c.Signals == "" {
		return s, nil
	}
	r := e.stdin
	if c.Signals != "-" {
		f, err := os.Open(c.Signals)
		if err != nil {
			return nil, wrong("%v", err)
		}
		r = f // open until the run has ended, and so the process
	}
	s.lines = bufio.NewScanner(r)
	s.lines.Buffer(nil, maxSignal)
	if !c.Virtual {
		return s, nil
	}
	lines := s.lines
	s.lines = nil
	for n := 1; lines.Scan(); n++ {
		one, timed, err := s.line(lines.Text())
		if err == nil && !timed {
			err = errors.New(`it does not say when: add "at": "2h" (a simulated run passes at once)`)
		}
		if err != nil {
			return nil, wrong("line %d of --signals: %v", n, err)
		}
		s.fixed = append(s.fixed, one)
	}
	if err := lines.Err(); err != nil {
		return nil, wrong("--signals: %v", err)
	}
	return s, nil
}

// flag reads NAME[@TIME][=JSON].
func (s *sending) flag(spec string) (out sent, err error) {
	head, text, carries := strings.Cut(spec, "=")
	name, moment, timed := strings.Cut(head, "@")
	out.name = strings.TrimSpace(name)
	if timed {
		if out.at, err = value.ParseDuration(strings.TrimSpace(moment)); err != nil || out.at < 0 {
			return out, wrong("--signal %s: %q is no time since the run began", spec, moment).hinted("write a duration: --signal '%s@2h={…}'", out.name)
		}
	}
	if carries {
		if out.payload, err = value.DecodeJSON([]byte(text)); err != nil {
			return out, wrong("--signal %s: what it carries is no JSON: %v", spec, err).hinted(`quote it for the shell: --signal '%s={"field": "value"}'`, out.name)
		}
	}
	if hint, err := s.fits(out); err != nil {
		x := wrong("--signal %s: %v", spec, err)
		x.hint = hint
		return out, x
	}
	return out, nil
}

// line reads {"signal": NAME, "payload": {…}, "at": "2h"}.
func (s *sending) line(text string) (out sent, timed bool, err error) {
	var in struct {
		Signal  string          `json:"signal"`
		Payload json.RawMessage `json:"payload"`
		At      string          `json:"at"`
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return out, false, fmt.Errorf("%w; a line is {\"signal\": NAME, \"payload\": {…}}", err)
	}
	out.name = in.Signal
	if in.At != "" {
		if out.at, err = value.ParseDuration(in.At); err != nil || out.at < 0 {
			return out, false, fmt.Errorf("%q is no time since the run began", in.At)
		}
	}
	if len(in.Payload) > 0 {
		if out.payload, err = value.DecodeJSON(in.Payload); err != nil {
			return out, false, err
		}
	}
	hint, err := s.fits(out)
	if err != nil && hint != "" {
		err = fmt.Errorf("%w (%s)", err, hint)
	}
	return out, in.At != "", err
}

// fits reports a signal that no run of the workflow would take.
func (s *sending) fits(one sent) (hint string, err error) {
	sig := s.g.SendableAs(one.name)
	if sig == nil {
		var names []string
		for _, known := range s.g.Sendable() {
			names = append(names, known.Name)
		}
		if hint = diag.DidYouMean(one.name, names); hint == "" && len(names) > 0 {
			hint = "it has " + strings.Join(names, ", ")
		}
		return hint, fmt.Errorf("workflow %s has no signal %q", s.g.FullName(), one.name)
	}
	if sig.Payload == nil {
		if empty, _ := one.payload.(map[string]any); one.payload != nil && len(empty) > 0 {
			return "", fmt.Errorf("signal %s carries nothing but its name", sig.Name)
		}
		return "", nil
	}
	payload := one.payload
	if payload == nil {
		payload = map[string]any{}
	}
	if _, violations := sig.Payload.Conform(payload, map[string]any{}); len(violations) > 0 {
		return "it carries " + sig.Payload.String(), violations
	}
	return "", nil
}

// deeds are the signals of a simulated run.
func (s *sending) deeds() []sim.Deed {
	var out []sim.Deed
	for _, one := range s.fixed {
		out = append(out, sim.Deed{At: one.at, Signal: one.name, Payload: one.payload})
	}
	return out
}

// outside sends the signals of a real run until the context ends.
func (s *sending) outside(ctx context.Context) <-chan interpreter.Outside {
	if len(s.fixed) == 0 && s.lines == nil {
		return nil
	}
	to := make(chan interpreter.Outside)
	send := func(one sent) {
		select {
		case to <- interpreter.Outside{Event: machine.SignalReceived{Name: one.name, Payload: one.payload}, Taken: func(err error) {
			if err != nil {
				s.tell(err.Error())
			}
		}}:
		case <-ctx.Done():
		}
	}
	go func() { // in the order in which they are given, as far as their times allow
		began := time.Now()
		inTime := func(one sent) {
			select {
			case <-time.After(one.at - time.Since(began)):
				send(one)
			case <-ctx.Done():
			}
		}
		for _, one := range s.fixed {
			if one.at == 0 {
				send(one)
				continue
			}
			go inTime(one)
		}
		for s.lines != nil && s.lines.Scan() {
			if strings.TrimSpace(s.lines.Text()) == "" {
				continue
			}
			one, _, err := s.line(s.lines.Text())
			if err != nil {
				s.tell("this is no signal that the run could take: " + err.Error())
				continue
			}
			inTime(one)
		}
		if s.lines != nil && s.lines.Err() != nil && !errors.Is(s.lines.Err(), io.EOF) {
			s.tell("--signals: " + s.lines.Err().Error())
		}
	}()
	return to
}

// refused tells of a signal that a simulated run does not take.
func (s *sending) refused(at time.Duration, why *machine.SignalError) {
	s.tell(fmt.Sprintf("at +%s: %v", short(at), why))
}

func (s *sending) tell(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.later {
		s.told = append(s.told, text)
		return
	}
	fmt.Fprintf(s.e.stderr, "%s %s\n", s.e.paint("warning:", "1;33"), text)
}

// close tells what could not be told while the run was shown.
func (s *sending) close() {
	s.mu.Lock()
	told := s.told
	s.later, s.told = false, nil
	s.mu.Unlock()
	for _, text := range told {
		s.tell(text)
	}
}
