package mocks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"gopkg.in/yaml.v3"

	"wf/builtins"
	"wf/lang/value"
)

// Script is a set of services that answer as they are told, for tests of
// definitions. It is YAML: for each operation the answers in order, one a call.
//
//	user.create_user:
//	  - 503                                   # a status
//	  - timeout                               # or a class
//	  - {status: 201, body: {id: 7}, after: 20ms, headers: {retry-after: "60"}}
//	billing.create_profile: {always: 503}
//	user.get_user@welcome: 200                # for the call at this place only
//
// Running out of answers fails the call, and an answer nobody asked for is an
// error of [Script.Done]: both mean that the definition does something else than
// the script's author thought.
type Script struct {
	mu       sync.Mutex
	replies  map[string]*replies
	problems []string
}

type replies struct {
	answers []builtins.Answer
	always  bool
	next    int
}

// ParseScript reads a script. The error names the line.
func ParseScript(src []byte) (*Script, error) {
	var doc map[string]yaml.Node
	if err := yaml.Unmarshal(src, &doc); err != nil {
		return nil, err
	}
	s := &Script{replies: map[string]*replies{}}
	for name, node := range doc {
		r, err := parseReplies(&node)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		s.replies[name] = r
	}
	return s, nil
}

func parseReplies(n *yaml.Node) (*replies, error) {
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 && n.Content[0].Value == "always" {
		a, err := parseAnswer(n.Content[1])
		return &replies{answers: []builtins.Answer{a}, always: true}, err
	}
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	r := &replies{}
	for _, item := range items {
		a, err := parseAnswer(item)
		if err != nil {
			return nil, err
		}
		r.answers = append(r.answers, a)
	}
	return r, nil
}

func parseAnswer(n *yaml.Node) (builtins.Answer, error) {
	if n.Kind == yaml.ScalarNode {
		return outcome(n)
	}
	var w struct {
		Status  yaml.Node
		Body    any
		After   string
		Headers map[string]string
	}
	if err := n.Decode(&w); err != nil {
		return builtins.Answer{}, fmt.Errorf("line %d: %w", n.Line, err)
	}
	a, err := outcome(&w.Status)
	if err != nil {
		return a, err
	}
	if a.Body, err = value.Normalize(w.Body); err != nil {
		return a, fmt.Errorf("line %d: %w", n.Line, err)
	}
	if a.Headers = w.Headers; w.After != "" {
		a.Latency, err = value.ParseDuration(w.After)
	}
	return a, err
}

func outcome(n *yaml.Node) (builtins.Answer, error) {
	var status int
	if n.Decode(&status) == nil {
		if status < 100 || status > 599 {
			return builtins.Answer{}, fmt.Errorf("line %d: %d is not an HTTP status", n.Line, status)
		}
		return builtins.Answer{Status: status}, nil
	}
	if n.Kind != yaml.ScalarNode || n.Value == "" {
		return builtins.Answer{}, fmt.Errorf("line %d: an answer is a status or class, or has one under status", n.Line)
	}
	return builtins.Answer{Class: n.Value}, nil
}

// Register makes the script answer for an operation.
func (s *Script) Register(r *builtins.Registry, sig *value.Signature) error {
	return r.Register(sig, func(_ context.Context, c builtins.Call) (builtins.Answer, error) { return s.answer(c) })
}

func (s *Script) answer(c builtins.Call) (builtins.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := c.Service + "." + c.Operation
	_, place, _ := strings.Cut(c.Key, ":")
	place, _, _ = strings.Cut(place, "[") // a call made again draws on the same answers
	r := s.replies[name+"@"+place]
	if r == nil {
		r = s.replies[name]
	}
	if r == nil || r.next >= len(r.answers) {
		s.problems = append(s.problems, fmt.Sprintf("%s is called by %s, attempt %d, and the script has no answer for it", name, c.Key, c.Attempt))
		return builtins.Answer{}, errors.New("the script has no answer")
	}
	a := r.answers[r.next]
	if !r.always {
		r.next++
	}
	if a.Latency == 0 {
		a.Latency = 10 * time.Millisecond
	}
	return a, nil
}

// Done tells what was asked for and not scripted, and what was scripted and not
// asked for; nil if the script was followed to its end.
func (s *Script) Done() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	problems := slices.Clone(s.problems)
	for name, r := range s.replies {
		if n := len(r.answers) - r.next; !r.always && n > 0 {
			problems = append(problems, fmt.Sprintf("%s: %d of %d answers were not used", name, n, len(r.answers)))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	slices.Sort(problems)
	return errors.New(strings.Join(problems, "\n"))
}
