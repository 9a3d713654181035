package builtins_test

import (
	"context"
	"slices"
	"testing"

	"wf/builtins"
	"wf/lang/value"
)

func TestDeclareIsLazy(t *testing.T) {
	r := builtins.New()
	made := 0
	sig := func() *value.Signature {
		made++
		return &value.Signature{Service: "shop", Operation: "pay", Input: value.RecordOf()}
	}
	answer := func(context.Context, builtins.Call) (builtins.Answer, error) {
		return builtins.Answer{Status: 200}, nil
	}
	if err := r.Declare("shop", "pay", sig, answer); err != nil {
		t.Fatal(err)
	}
	op, ok := r.Lookup("shop", "pay")
	if !ok || !slices.Equal(r.Services(), []string{"shop"}) || !slices.Equal(r.Operations("shop"), []string{"pay"}) {
		t.Fatal("shop.pay is not listed")
	}
	if a, err := op.Func(t.Context(), builtins.Call{}); a.Status != 200 || err != nil {
		t.Errorf("%v, %v", a, err)
	}
	if made != 0 {
		t.Error("listing and calling made the signature")
	}
	if s := r.Signature("shop", "pay"); s == nil || s.Name() != "shop.pay" || made != 1 {
		t.Errorf("%v, made %d times", s, made)
	}
	for name, err := range map[string]error{
		"twice":          r.Declare("shop", "pay", sig, answer),
		"no signature":   r.Declare("shop", "ship", nil, answer),
		"no function":    r.Declare("shop", "ship", sig, nil),
		"bad service":    r.Declare("my shop", "ship", sig, answer),
		"bad operation":  r.Declare("shop", "ship it", sig, answer),
		"register after": r.Register(sig(), answer),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
