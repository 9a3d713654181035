package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"wf/builtins"
	"wf/golden"
	"wf/lang"
	"wf/lang/diag"
	"wf/lang/suite"
	"wf/lang/value"
	"wf/mocks"
)

// cast is who answers the calls of a run: the services that are built in, and before
// them the mocks of a file, if one is given.
type cast struct {
	catalog  *builtins.Registry // what definitions may call without declaring it
	services builtins.Services
	stage    *mocks.Stage // nil without a file of mocks
	sources  diag.Sources // of the mocks
	at       *addresses   // of real services; nil: none is called
}

// cast reads the mocks of a run.
func (c *runCmd) cast(e *env) (*cast, error) {
	stock := services(c.Seed)
	at, err := c.real()
	if err != nil {
		return nil, err
	}
	answer := func(r *builtins.Registry) builtins.Services {
		if c.StubHandlers {
			return stubbed{r}
		}
		return r
	}
	if c.Mocks == "" {
		return &cast{catalog: stock, services: at.over(answer(stock)), at: at}, nil
	}
	p, err := e.load(c.Mocks, lang.Options{Catalog: stock})
	if err != nil {
		return nil, err
	}
	if p.Suite == nil || len(p.Suite.Mocks) == 0 {
		return nil, wrong("%s holds no mocks", c.Mocks).hinted("write: mock SERVICE { operation NAME { 200 { … } } }, as in test files")
	}
	names, err := mocks.Names(p.Suite)
	if err != nil {
		return nil, wrong("%s: %v", c.Mocks, err)
	}
	below := sync.OnceValue(func() builtins.Services { return answer(services(c.Seed)) })
	out := &cast{catalog: stock, stage: mocks.NewStage(p.Suite, names, below).Open(), sources: p.Sources, at: at}
	for _, put := range p.Suite.Puts {
		if err := out.stage.Put(put, names); err != nil {
			return nil, wrong("%s: %v", c.Mocks, err)
		}
	}
	at.mocked = func(service string) bool {
		return slices.ContainsFunc(p.Suite.Mocks, func(m *suite.Mock) bool { return m.Service == service })
	}
	out.services = at.over(out.stage)
	return out, out.handlers(p.Suite)
}

// real are the services that are called for real: none in a simulated run.
func (c *runCmd) real() (*addresses, error) {
	switch {
	case !c.Virtual:
		return c.addresses()
	case len(c.Service) > 0:
		return nil, wrong("--service calls real services, and a run with --virtual calls nobody")
	}
	return &addresses{}, nil
}

// handlers makes the mocked handlers known to definitions, as if they were registered.
func (c *cast) handlers(s *suite.Suite) error {
	for _, m := range s.Mocks {
		for _, r := range m.Replies {
			if _, known := c.catalog.Lookup(r.Sig.Service, r.Sig.Operation); known || !r.Sig.Handler {
				continue
			}
			op, _ := c.stage.Lookup(r.Sig.Service, r.Sig.Operation)
			if err := c.catalog.Register(r.Sig, op.Func); err != nil {
				return err
			}
		}
	}
	return nil
}

// stubbed is services in which every handler that nobody registered does nothing,
// successfully.
type stubbed struct{ builtins.Services }

// Lookup finds an operation, or stands in for a handler.
func (s stubbed) Lookup(service, operation string) (*builtins.Operation, bool) {
	if op, ok := s.Services.Lookup(service, operation); ok || service != value.HandlerService {
		return op, ok
	}
	return &builtins.Operation{Func: func(context.Context, builtins.Call) (builtins.Answer, error) {
		return builtins.Answer{Status: 200, Body: map[string]any{}, Latency: 10 * time.Millisecond}, nil
	}}, true
}

// failed reports whether the mocks cannot go on.
func (c *cast) failed() bool { return c.stage != nil && len(c.stage.Problems()) > 0 }

// report prints what is wrong with the mocks.
func (c *cast) report(e *env, file string) error {
	var list diag.List
	for _, p := range c.stage.Problems() {
		d := diag.Errorf(golden.CodeMock, p.Span, "%s", p.Message)
		d.Hint = p.Hint
		list.Add(d)
	}
	list.Sort()
	if err := diag.Write(e.stderr, c.sources, list, diag.Options{Color: e.color}); err != nil {
		return err
	}
	return wrong("%s: the run was given up, because its mocks do not answer", file)
}
