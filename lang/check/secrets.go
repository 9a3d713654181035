package check

import (
	"strings"

	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/value"
)

// shownSecrets warns of the parts of a value that are shown as *** although it is there to be
// read; what names the value.
func (c *checker) shownSecrets(p *expr.Program, text string, sc *scope, what string) {
	reads := sc.readsSecret(text)
	if p == nil || !p.Type().HasSecret() {
		return
	}
	for _, f := range p.Fields() {
		if f.Path != nil && f.Type.HasSecret() {
			c.add(diag.Warnf(CodeSecret, f.Span, "field %s of %s is a secret, and shown as ***", f.Name, what).Hintf("leave it out; whoever may know it gets it from the service that has it"))
		}
	}
	if p.Fields() == nil && reads {
		c.add(diag.Warnf(CodeSecret, p.Span(), "%s has a secret in it, which is shown as ***", what).Hintf("leave it out; whoever may know it gets it from the service that has it"))
	}
}

// passedSecret warns of an argument that gets a secret and is not declared as one: nothing
// then keeps the service from showing it, and its answers are not masked.
func (s *stepFlow) passedSecret(sig *value.Signature, f *value.Field, a expr.Field, sc *scope) {
	if a.Type.HasSecret() && !f.Type.HasSecret() && (a.Path != nil || a.Type.Kind == value.String) {
		s.add(diag.Warnf(CodeSecret, a.Span, "this is a secret, and argument %s of %s is not declared as one", a.Name, sig.Name()).
			Hintf("declare it: %s secret %s", a.Name, strings.TrimPrefix(f.Type.String(), "secret ")))
	}
}

// readsSecret reports whether a text reads a secret itself, and not only something that is
// made of a list or record which has one.
func (s *scope) readsSecret(text string) bool {
	for _, ch := range chains(text) {
		b := s.find(ch.root)
		if b == nil || len(ch.fields) == 0 { // a let may be made of a list that has one
			continue
		}
		t := b.typ
		for _, name := range ch.fields {
			f := t.Field(name)
			if f == nil {
				break
			}
			t = f.ReadType()
		}
		if t.Secret {
			return true
		}
	}
	return false
}
