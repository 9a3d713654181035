package syntax

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"wf/lang/value"
)

// writer writes a tree as text, with no thought of its layout but for the lines: one for
// each statement of a block that has several. Format does the rest.
type writer struct {
	out     strings.Builder
	src     []byte               // of the tree, if it was made from a source
	remarks *remarks             // comments to write with it; nil: none
	render  func(*writer, *Expr) // writes an expression; nil: its text
	owner   any                  // the node whose block comes next
}

func (w *writer) print(words ...string) {
	for _, word := range words {
		w.out.WriteString(word)
	}
}

func (w *writer) file(f *File) {
	for i, d := range f.Decls {
		if i > 0 {
			w.print("\n")
			if _, imp := d.(*Import); !imp {
				w.print("\n")
			}
		}
		w.above(d)
		w.node(d)
		w.beside(d)
	}
	w.print("\n")
}

// above writes the comments before a part, each on a line.
func (w *writer) above(part any) {
	if w.remarks != nil {
		for _, text := range taken(w.remarks.before, part) {
			w.print("//", text, "\n")
		}
	}
}

// beside writes the comments behind the beginning of a part.
func (w *writer) beside(part any) {
	if w.remarks != nil {
		for i, text := range taken(w.remarks.behind, part) {
			if i > 0 {
				w.print("\n")
			}
			w.print("  //", text)
		}
	}
}

// atEnd writes the comments at the end of what is inside of a part.
func (w *writer) atEnd(part any) {
	if w.remarks != nil {
		for _, text := range taken(w.remarks.foot, part) {
			w.print("//", text, "\n")
		}
	}
}

// commented reports whether a part needs lines of its own for its comments.
func (w *writer) commented(part any) bool {
	return w.remarks != nil && len(w.remarks.before[part])+len(w.remarks.behind[part])+len(w.remarks.foot[part]) > 0
}

// blank reports whether an empty line stands above a part.
func (w *writer) blank(part any) bool { return w.remarks != nil && w.remarks.blank[part] }

// lines writes the parts of a block, each on a line.
func lines[T any](w *writer, list []T) {
	owner := w.owner
	if len(list) == 0 && (w.remarks == nil || len(w.remarks.foot[owner]) == 0) {
		w.print(" {}")
		return
	}
	w.print(" {")
	w.beside(owner)
	w.print("\n")
	for i, n := range list {
		if _, step := any(n).(*Step); (step || w.blank(n)) && i > 0 {
			w.print("\n")
		}
		w.above(n)
		w.node(n)
		if _, list := any(n).(*Classify); !list { // a comma would go on with its outcomes
			w.print(",") // the next one may begin with what is an operator elsewhere
		}
		w.beside(n)
		w.print("\n")
	}
	w.atEnd(owner)
	w.print("}")
}

// inline writes the parts of a block on one line if there is but one.
func inline[T any](w *writer, list []T) {
	if len(list) != 1 || w.commented(list[0]) || w.remarks != nil && len(w.remarks.foot[w.owner]) > 0 {
		lines(w, list)
		return
	}
	w.print(" { ")
	w.node(list[0])
	w.print(" }")
}

// list writes things with commas between them.
func list[T any](w *writer, all []T, write func(T)) {
	for i, n := range all {
		if i > 0 {
			w.print(", ")
		}
		write(n)
	}
}

func (w *writer) name(n Name) { w.print(n.Text) }

func (w *writer) dotted(names []Name) {
	for i, n := range names {
		if i > 0 {
			w.print(".")
		}
		w.name(n)
	}
}

// with writes a word and what belongs to it; nothing if that is absent.
func (w *writer) with(word string, e *Expr) {
	if e != nil {
		w.print(word)
		w.expr(e)
	}
}

func (w *writer) expr(e *Expr) {
	if w.render != nil {
		w.render(w, e)
		return
	}
	w.print(e.Text)
}

// spread reports whether the fields of a record stand on lines of their own.
func (w *writer) spread(r *Record) bool {
	return w.remarks != nil && (len(w.remarks.foot[w.owner]) > 0 || len(r.Fields) > 1 && bytes.Contains(w.src[r.Span.Start:r.Span.End], []byte("\n")) || slices.ContainsFunc(r.Fields, func(f *Field) bool { return w.commented(f) }))
}

// quoted writes a string literal without holes.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, c := range s {
		switch {
		case c == '"' || c == '\\' || c == '$' && strings.HasPrefix(s[i:], "${"):
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < 0x10000 && !unicode.IsPrint(c):
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func (w *writer) outcome(o Outcome) {
	switch {
	case o.Status != 0:
		w.print(strconv.Itoa(o.Status))
	case o.Class != 0:
		w.print(strconv.Itoa(int(o.Class)), "xx")
	default:
		w.print(o.Name)
	}
}

func (w *writer) shape(s Shape) {
	switch s := s.(type) {
	case *Record:
		if s.Open {
			w.print("open ")
		}
		if w.spread(s) {
			lines(w, s.Fields)
			return
		}
		w.print("{ ")
		list(w, s.Fields, w.field)
		w.print(" }")
	case *ListShape:
		w.print("[")
		w.shape(s.Elem)
		w.rules(s.Rules)
		w.print("]")
	case *EnumShape:
		for i, v := range s.Values {
			if i > 0 {
				w.print(" | ")
			}
			if text, ok := v.Value.(string); ok {
				w.print(quoted(text))
			} else {
				w.print(fmt.Sprint(v.Value))
			}
		}
	case *NamedShape:
		w.print(s.Name)
	}
}

func (w *writer) field(f *Field) {
	w.owner = f
	w.name(f.Name)
	if f.Optional {
		w.print("?")
	}
	w.print(" ")
	if f.Secret {
		w.print("secret ")
	}
	w.shape(f.Shape)
	w.rules(f.Rules)
	w.with(" = ", f.Default)
}

func (w *writer) rules(rules []*Rule) {
	for _, r := range rules {
		w.print(" ", r.Word())
		switch {
		case r.Pattern != nil:
			w.print(" ", quoted(r.Pattern.Value))
		case r.Format != "":
			w.print(" ", r.Format)
		}
		w.with(" ", r.Min)
		w.with(" ", r.Max)
	}
}

// node writes a declaration, statement or part of a service or mock.
func (w *writer) node(n any) {
	w.owner = n
	switch n := n.(type) {
	case *Import:
		w.print("import ", quoted(n.Path.Value))
	case *TypeDecl:
		w.print("type ", n.Name.Text, " = ")
		w.shape(n.Shape)
	case *PolicyDecl:
		w.print("policy ", n.Name.Text)
		inline(w, n.Stmts)
	case *Service:
		w.print("service ", n.Name.Text)
		lines(w, n.Items)
	case *Workflow:
		w.print("workflow ")
		w.dotted(n.Name)
		lines(w, n.Stmts)
	case *Operation:
		w.print("operation ", n.Name.Text)
		if n.Idempotent {
			w.print(" idempotent")
		}
		inline(w, n.Items)
	case *HTTP:
		w.print("http ", n.Method.Text, " ", quoted(n.Path.Value))
	case *Answer:
		list(w, n.Outcomes, w.outcome)
		if n.Shape != nil {
			w.print(" ")
			w.shape(n.Shape)
		}
	case *Field:
		w.field(n)
	default:
		w.stmt(n)
	}
}

func (w *writer) stmt(n any) {
	switch n := n.(type) {
	case *Version:
		w.print("version ", quoted(n.Value.Value))
	case *Describe:
		w.print("describe ", quoted(n.Value.Value))
	case *Input:
		w.print("input")
		if n.Record.Open {
			w.print(" open")
		}
		lines(w, n.Record.Fields)
	case *Retry:
		w.retry(n)
	case *Timeout:
		w.with("timeout ", n.Value)
	case *Within:
		w.with("within ", n.Value)
	case *Limit:
		w.with("limit ", n.Value)
		w.with(" per ", n.Per)
	case *Breaker:
		w.with("breaker ", n.Failures)
		w.with(" failures in ", n.In)
		w.with(", open ", n.Open)
	case *First:
		w.print("first")
		w.with(" ", n.Value)
	case *Tolerate:
		w.with("tolerate ", n.Value)
		if n.Share != nil {
			w.print("tolerate ", percent(n.Share))
		}
	case *Use:
		w.print("use ", n.Name.Text)
	case *Classify:
		w.print(map[bool]string{true: "retryable ", false: "permanent "}[n.Retryable])
		list(w, n.Outcomes, w.outcome)
	case *Let:
		w.let(n)
	case *Ensure:
		w.with("ensure ", n.Cond)
		w.print(" else ")
		w.stmt(n.Else)
	case *Step:
		w.step(n)
	case *Call:
		w.print("call ")
		if handler, class := n.Target[0], n.Target[len(n.Target)-1]; handler.Text == value.HandlerService && len(n.Target) == 2 {
			w.print(handler.Text, " ", quoted(class.Text))
		} else {
			w.dotted(n.Target)
		}
		w.with(" ", n.Args)
		w.with(" key ", n.Key)
	case *Signal:
		w.print("signal ", n.Name.Text)
		if n.Key != nil {
			w.print(" by ", n.Key.Text)
		}
		if n.Record != nil {
			w.print(" ")
			w.shape(n.Record)
		}
	case *Wait:
		w.print("wait ")
		if n.Signal != nil {
			w.print("for ", n.Signal.Text)
		}
		w.with(" by ", n.Key)
		w.with(" within ", n.Within)
		w.with("until ", n.Until)
		w.with("", n.For)
	case *On:
		w.print("on ")
		list(w, n.Outcomes, w.outcome)
		w.with(" when ", n.When)
		inline(w, n.Stmts)
	case *Undo:
		w.print("undo")
		if len(n.Until) > 0 {
			w.print(" until ")
			list(w, n.Until, w.name)
		}
		inline(w, n.Stmts)
	case *Switch:
		w.print("switch")
		if n.Value != nil && strings.HasPrefix(n.Value.Text, "{") { // its brace is no block
			w.print(" (", n.Value.Text, ")")
		} else {
			w.with(" ", n.Value)
		}
		lines(w, n.Arms)
	case *Arm:
		if len(n.Values) == 0 {
			w.print("else")
		} else {
			w.print("when ")
			list(w, n.Values, w.expr)
		}
		inline(w, n.Stmts)
	case *Finally:
		w.print("finally")
		inline(w, n.Stmts)
	case *Return:
		w.with("return ", n.Value)
	case *Degrade:
		w.with("degrade ", n.Value)
	case *Fail:
		w.print("fail ", n.Code.Text)
		w.with(" ", n.Message)
	case *Output:
		w.with("output ", n.Value)
	default:
		w.test(n)
	}
}

func (w *writer) retry(n *Retry) {
	w.print("retry")
	sep := " "
	if n.Attempts != nil {
		w.with(" ", n.Attempts)
		if n.Attempts.Text == "1" {
			w.print(" attempt")
		} else {
			w.print(" attempts")
		}
		sep = ", "
	}
	if n.Backoff != nil {
		w.with(sep+"backoff ", n.Backoff)
		w.with(" to ", n.MaxBackoff)
		sep = ", "
	}
	if n.Jitter != nil {
		w.print(sep, "jitter ", percent(n.Jitter))
	}
}

func percent(p *Percent) string { return strconv.FormatFloat(float64(p.Value), 'f', -1, 64) + "%" }

func (w *writer) let(n *Let) {
	w.print("let ", n.Name.Text, " = ")
	switch {
	case n.Call != nil:
		w.node(n.Call)
	case n.Wait != nil:
		w.node(n.Wait)
	case n.Put != nil:
		w.node(n.Put)
	case n.Read != nil:
		w.print("read ", quoted(n.Read.Value))
	default:
		w.with("", n.Value)
	}
}

func (w *writer) step(n *Step) {
	w.print("step ", n.Name.Text)
	if len(n.After) > 0 {
		w.print(" after ")
		list(w, n.After, w.name)
	}
	w.with(" when ", n.When)
	if n.For != nil {
		w.print(" for ", n.For.Var.Text)
		if n.For.Of != nil {
			w.print(" of ", n.For.Of.Text)
		}
		w.with(" in ", n.For.In)
		w.with(" by ", n.For.By)
	}
	if w.remarks != nil {
		inline(w, n.Stmts)
		return
	}
	lines(w, n.Stmts)
}

// test writes what stands in test files only.
func (w *writer) test(n any) {
	switch n := n.(type) {
	case *Mock:
		if n.Class != nil {
			w.print("mock handler ", quoted(n.Class.Value))
			inline(w, n.Replies)
			return
		}
		w.print("mock ", n.Service.Text)
		if n.Operation != nil {
			w.print(".", n.Operation.Text)
			inline(w, n.Replies)
			return
		}
		for _, more := range n.More {
			w.print(", ", more.Text)
		}
		inline(w, n.Items)
	case *Table:
		w.print("table ", n.Name.Text, " ")
		w.shape(n.Shape)
	case *MockOperation:
		w.print("operation ", n.Name.Text)
		inline(w, n.Replies)
	case *Pass:
		w.print("pass")
	case *When:
		w.with("when ", n.Cond)
		inline(w, n.Replies)
	case *Put:
		w.print("put ")
		w.dotted(n.Table)
		w.with(" ", n.Row)
	case *Reply:
		w.reply(n)
	case *Test:
		w.print("test ", quoted(n.Name.Value))
		if n.Var != nil {
			w.print(" for ", n.Var.Text, " in ", n.Cases.Text)
		}
		lines(w, n.Stmts)
	case *Seed:
		w.with("seed ", n.Value)
	case *Clock:
		w.with("clock ", n.At)
	case *Deed:
		w.with("after ", n.At)
		switch {
		case n.Cancel:
			w.print(" cancel")
		case n.Crash:
			w.print(" crash")
		case n.Signal != nil:
			w.print(" signal ", n.Signal.Text)
			w.with(" ", n.Payload)
			if n.Running {
				w.print(" if running")
			}
		case n.Retry:
			w.print(" retry")
			if n.From != nil {
				w.print(" ", n.From.Text)
			}
		default:
			w.print(" resolve ", n.Step.Text)
			w.with(" ", n.Result)
		}
	case *Run:
		w.print("run ")
		w.dotted(n.Workflow)
		w.with(" ", n.Input)
	case *Expect:
		w.expect(n)
	default:
		if !w.invariant(n) {
			panic(fmt.Sprintf("cannot write %T", n))
		}
	}
}

func (w *writer) reply(n *Reply) {
	if n.Pass {
		w.print("pass")
	} else {
		w.outcome(n.Outcome)
	}
	w.with(" ", n.Body)
	w.with(" headers ", n.Headers)
	w.with(" after ", n.After)
	w.with(" times ", n.Times)
	for _, flag := range []struct {
		word string
		set  bool
	}{{" always", n.Always}, {" lost", n.Lost}, {" undeclared", n.Undeclared}, {" malformed", n.Malformed}} {
		if flag.set {
			w.print(flag.word)
		}
	}
}

func (w *writer) expect(n *Expect) {
	w.print("expect")
	if n.Golden {
		w.print(" golden")
	}
	w.with(" ", n.Step)
	for _, name := range []*Name{n.Ending, n.Code} {
		if name != nil {
			w.print(" ", name.Text)
		}
	}
	w.with(" ", n.Path)
	if n.Attempts != nil {
		w.print(" after ", n.Attempts.Text, " attempts")
	}
	w.with(" ", n.Cond)
}
