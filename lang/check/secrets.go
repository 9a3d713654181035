package check

import (
	"strings"

	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/value"
)

// shownSecrets warns of the secrets in the message of a fail, which is there to be read.
func (c *checker) shownSecrets(p *expr.Program, text string, sc *scope) {
	if sc.readsSecret(text) && p.Type().HasSecret() {
		c.add(diag.Warnf(CodeSecret, p.Span(), "the message has a secret in it, which is shown as ***").Hintf("leave it out; whoever may know it gets it from the service that has it"))
	}
}

// outputSecrets warns of secrets in the output: whoever runs the workflow sees them as ***,
// and only a workflow that calls it gets them.
func (c *checker) outputSecrets(p *expr.Program) {
	for _, span := range p.Secrets() {
		d := diag.Warnf(CodeSecret, span, "this is a secret, or has one in it, and whoever runs the workflow sees it as ***").
			Hintf("leave it out; or, if it is for a workflow that calls this one, say so: secret(…)")
		c.add(offer(d, "say secret(…)", c.wrapped(span, "secret")))
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
	for _, ch := range s.flow.chains(text) {
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
