package builtins_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"wf/builtins"
	"wf/lang/value"
)

func TestGuard(t *testing.T) {
	r := builtins.New()
	ping := func(context.Context, builtins.Call) (builtins.Answer, error) {
		return builtins.Answer{Status: 200}, nil
	}
	sig := &value.Signature{Service: "shop", Operation: "ping", Input: value.RecordOf(), Guard: &value.Guard{Rate: value.Rate{Calls: 10, Per: time.Minute}}}
	if err := r.Register(sig, ping); err != nil {
		t.Fatal(err)
	}
	if err := r.Guard("shop", value.Guard{Limit: 4, Breaker: value.Breaker{Failures: 5, In: time.Minute, Open: 30 * time.Second}}); err != nil {
		t.Fatal(err)
	}
	got := r.Signature("shop", "ping")
	if got.Guard.Rate.Calls != 10 || got.ServiceGuard == nil || got.ServiceGuard.Limit != 4 || !got.ServiceGuard.Breaker.On() {
		t.Errorf("the signature says %+v and %+v", got.Guard, got.ServiceGuard)
	}
	if sig.ServiceGuard != nil {
		t.Error("the registered signature is changed")
	}
}

func TestGuardBounds(t *testing.T) {
	minute := time.Minute
	for want, g := range map[string]value.Guard{
		"limit must be":                    {Limit: -1},
		"the calls of a rate must be":      {Rate: value.Rate{Calls: value.MaxCalls + 1, Per: minute}},
		"the time of a rate must be":       {Rate: value.Rate{Calls: 1}},
		"the failures of a breaker must":   {Breaker: value.Breaker{Failures: value.MaxFailures + 1, In: minute, Open: minute}},
		"the time of a breaker must be":    {Breaker: value.Breaker{Failures: 1, Open: minute}},
		"the open time of a breaker must ": {Breaker: value.Breaker{Failures: 1, In: minute}},
	} {
		if err := builtins.New().Guard("shop", g); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", g, err, want)
		}
		sig := &value.Signature{Service: "shop", Operation: "ping", Input: value.RecordOf(), Guard: &g}
		if err := builtins.New().Register(sig, func(context.Context, builtins.Call) (builtins.Answer, error) { return builtins.Answer{}, nil }); err == nil {
			t.Errorf("%+v is registered", g)
		}
	}
}
