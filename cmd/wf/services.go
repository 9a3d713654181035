package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"wf/builtins"
	"wf/lang/diag"
	"wf/lang/value"
)

type servicesCmd struct {
	Name   string `arg:"" optional:"" help:"One service, or service.operation." predictor:"service"`
	Format string `help:"text, or json: one object a line." enum:"text,json" default:"text"`
}

// Help is shown by wf services --help.
func (servicesCmd) Help() string {
	return `Without a name every operation is listed with the answers it may give; of a service or an
operation the whole signature is shown, as it would be declared in a .wf file.

Examples:
  wf services
  wf services billing
  wf services user.create_user --format json`
}

// Run lists what is registered.
func (c *servicesCmd) Run(e *env) error {
	r := services(1)
	service, operation, _ := strings.Cut(c.Name, ".")
	names := r.Services()
	if service != "" {
		if len(r.Operations(service)) == 0 {
			return unknown("there is no service "+service, service, names)
		}
		names = []string{service}
	}
	var sigs []*value.Signature
	for _, s := range names {
		for _, op := range r.Operations(s) {
			if operation == "" || op == operation {
				sigs = append(sigs, r.Signature(s, op))
			}
		}
	}
	switch {
	case len(sigs) == 0:
		return unknown("service "+service+" has no operation "+operation, operation, r.Operations(service))
	case c.Format == "json":
		return writeSignatures(e.stdout, sigs)
	case c.Name == "":
		return listOperations(e, r, names)
	}
	return printSignatures(e.stdout, sigs)
}

// unknown is a name that is none of those there are.
func unknown(message, name string, names []string) *exit {
	x := wrong("%s", message)
	if x.hint = diag.DidYouMean(name, names); x.hint == "" {
		x.hint = "there is " + strings.Join(names, ", ")
	}
	return x
}

func writeSignatures(w io.Writer, sigs []*value.Signature) error {
	for _, sig := range sigs {
		if err := writeJSON(w, signatureObject(sig)); err != nil {
			return err
		}
	}
	return nil
}

// listOperations prints one line an operation.
func listOperations(e *env, r *builtins.Registry, names []string) error {
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	for i, s := range names {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, e.paintOut(s, "1"))
		for _, op := range r.Operations(s) {
			sig := r.Signature(s, op)
			if sig.Handler {
				fmt.Fprintf(w, "  %s\n", op)
				continue
			}
			var answers []string
			for _, o := range sig.Outcomes {
				answers = append(answers, o.String())
			}
			text := strings.Join(answers, ", ")
			if sig.Idempotent {
				text += "; idempotent"
			}
			fmt.Fprintf(w, "  %s\t%s\n", op, text)
		}
	}
	return w.Flush()
}

// printSignatures prints the signatures of one service as they would be declared,
// behind the types they use.
func printSignatures(w io.Writer, sigs []*value.Signature) error {
	p := &declarer{}
	for _, sig := range sigs {
		p.collect(sig.Input)
		for _, o := range sig.Outcomes {
			p.collect(o.Body)
		}
	}
	for _, t := range p.named {
		p.printf("type %s %s\n\n", t.Name, p.shape(t, true, len("type  ")+len(t.Name), 0))
	}
	if sigs[0].Service == value.HandlerService {
		for _, sig := range sigs {
			p.printf("handler %q\n", sig.Operation)
		}
	} else {
		p.service(sigs)
	}
	_, err := io.WriteString(w, p.out.String())
	return err
}

// declarer writes types and signatures in the language.
type declarer struct {
	out   strings.Builder
	named []*value.Type // in the order of their use, each behind those it uses
}

func (p *declarer) printf(format string, args ...any) { fmt.Fprintf(&p.out, format, args...) }

// collect notes the named types that a type uses.
func (p *declarer) collect(t *value.Type) {
	if t == nil || t.Name != "" && slices.ContainsFunc(p.named, func(o *value.Type) bool { return o.Name == t.Name }) {
		return
	}
	p.collect(t.Elem)
	for _, f := range t.Fields {
		p.collect(f.Type)
	}
	if t.Name != "" {
		p.named = append(p.named, t.Req())
	}
}

func (p *declarer) service(sigs []*value.Signature) {
	p.printf("service %s {\n", sigs[0].Service)
	if g := sigs[0].ServiceGuard; g != nil {
		p.guard(g, "  ")
		p.printf("\n")
	}
	for i, sig := range sigs {
		if i > 0 {
			p.printf("\n")
		}
		if sig.Doc != "" {
			p.printf("  // %s\n", sig.Doc)
		}
		word := ""
		if sig.Idempotent {
			word = " idempotent"
		}
		p.printf("  operation %s%s {\n", sig.Operation, word)
		if sig.Guard != nil {
			p.guard(sig.Guard, "    ")
		}
		if len(sig.Input.Fields) > 0 {
			p.printf("    input %s\n", p.shape(sig.Input, true, len("    input "), 4))
		}
		for _, o := range sig.Outcomes {
			p.printf("    %s", o.Pattern)
			if o.Body != nil {
				p.printf(" %s", p.shape(o.Body, false, 5+len(o.String()), 4))
			}
			p.printf("\n")
		}
		p.printf("  }\n")
	}
	p.printf("}\n")
}

// guard writes what bounds calls.
func (p *declarer) guard(g *value.Guard, indent string) {
	if g.Limit > 0 {
		p.printf("%slimit %d\n", indent, g.Limit)
	}
	if g.Rate.Calls > 0 {
		p.printf("%slimit %d per %s\n", indent, g.Rate.Calls, value.FormatDuration(g.Rate.Per))
	}
	if g.Breaker.On() {
		p.printf("%sbreaker %s\n", indent, breakerText(g.Breaker))
	}
}

// maxLine is how long a line of a signature may be before it is broken.
const maxLine = 100

// shape writes a type that begins at a column: on one line if it fits, or else with its
// fields on lines of their own. open says to write out what has a name.
func (p *declarer) shape(t *value.Type, open bool, column, indent int) string {
	line := p.line(t, open)
	if column+columnsOf(line) <= maxLine || t.Kind != value.Record || t.Name != "" && !open {
		return line
	}
	var b strings.Builder
	b.WriteString("{\n")
	blanks := strings.Repeat(" ", indent+2)
	for _, f := range t.Fields {
		head := blanks + fieldName(f) + " "
		b.WriteString(head + p.shape(f.Type, false, len(head), indent+2) + tail(f) + "\n")
	}
	b.WriteString(strings.Repeat(" ", indent) + "}")
	return b.String()
}

// line writes a type on one line.
func (p *declarer) line(t *value.Type, open bool) string {
	if t.Name != "" && !open {
		return t.Name
	}
	s := ""
	switch t.Kind {
	case value.List:
		s = "[" + p.line(t.Elem, false) + "]"
	case value.Record:
		fields := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			fields[i] = fieldName(f) + " " + p.line(f.Type, false) + tail(f)
		}
		if s = "{ " + strings.Join(fields, ", ") + " }"; len(fields) == 0 {
			s = "{ }"
		}
	default:
		bare := *t
		bare.Name, bare.Optional = "", false
		s = bare.String()
	}
	if t.Secret {
		s = "secret " + s
	}
	return s + rules(t)
}

func fieldName(f *value.Field) string {
	if !f.HasDef && (f.Optional || f.Type.Optional) {
		return f.Name + "?"
	}
	return f.Name
}

// tail is the default of a field.
func tail(f *value.Field) string {
	if !f.HasDef {
		return ""
	}
	if l, ok := f.Default.(value.Lazy); ok {
		return " = " + l.String()
	}
	return " = " + value.Literal(f.Default)
}

// rules are what narrows a type.
func rules(t *value.Type) string {
	s := ""
	if t.Rules.Nonempty {
		s += " nonempty"
	}
	if t.Rules.Min != nil {
		s += " min " + value.Literal(t.Rules.Min)
	}
	if t.Rules.Max != nil {
		s += " max " + value.Literal(t.Rules.Max)
	}
	if t.Rules.Format != "" {
		s += " matching " + t.Rules.Format
	}
	if t.Rules.Pattern != "" {
		s += " matching " + value.Literal(t.Rules.Pattern)
	}
	return s
}

func signatureObject(sig *value.Signature) any {
	type outcome struct {
		Outcome value.Pattern `json:"outcome"`
		Body    *value.Type   `json:"body,omitempty"`
	}
	out := struct {
		Service    string      `json:"service"`
		Operation  string      `json:"operation"`
		Doc        string      `json:"doc,omitempty"`
		Idempotent bool        `json:"idempotent"`
		Handler    bool        `json:"handler,omitempty"`
		Input      *value.Type `json:"input"`
		Outcomes   []outcome   `json:"outcomes"`

		Guard        *value.Guard `json:"guard,omitempty"`
		ServiceGuard *value.Guard `json:"service_guard,omitempty"`
	}{sig.Service, sig.Operation, sig.Doc, sig.Idempotent, sig.Handler, sig.Input, []outcome{}, sig.Guard, sig.ServiceGuard}
	for _, o := range sig.Outcomes {
		out.Outcomes = append(out.Outcomes, outcome{o.Pattern, o.Body})
	}
	return out
}
