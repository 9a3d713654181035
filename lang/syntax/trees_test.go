package syntax

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestPrintRandomTrees prints random files, definitions and tests, and reads them again:
// the tree is equal, and so it is when what was printed is formatted.
func TestPrintRandomTrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &trees{t}
		f := &File{Decls: some(g, 1, 6, g.decl)}
		formatted(t, "printed", printed(t, f))
	})
}

// TestPrintRandomTreesScattered scatters what was printed over lines at random.
func TestPrintRandomTreesScattered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &trees{t}
		f := &File{Decls: some(g, 1, 3, g.decl)}
		formatted(t, "scattered", scatter(t, printed(t, f)))
	})
}

// trees draws random nodes, everything the grammar can say.
type trees struct{ t *rapid.T }

func (g *trees) flip(label string) bool      { return rapid.Bool().Draw(g.t, label) }
func (g *trees) int(label string, n int) int { return rapid.IntRange(0, n-1).Draw(g.t, label) }

func some[T any](g *trees, least, most int, one func() T) []T {
	out := make([]T, rapid.IntRange(least, most).Draw(g.t, "how many"))
	for i := range out {
		out[i] = one()
	}
	return out
}

// maybe draws a node, or nil.
func maybe[T any](g *trees, one func() T) *T {
	if g.flip("absent") {
		return nil
	}
	v := one()
	return &v
}

// anyNames may stand wherever only a name can; sureNames wherever one can.
var (
	sureNames = []string{"a", "b2", "_c", "straße", "order_id", "x"}
	anyNames  = append([]string{"step", "on", "in", "not", "and", "matches", "when", "retry", "call", "nil", "service", "handler", "first", "test"}, sureNames...)
)

func (g *trees) anyName() Name  { return Name{Text: rapid.SampledFrom(anyNames).Draw(g.t, "name")} }
func (g *trees) sureName() Name { return Name{Text: rapid.SampledFrom(sureNames).Draw(g.t, "name")} }
func (g *trees) text() Text {
	return Text{Value: rapid.OneOf(rapid.StringMatching(`[a-zé"\\ $\{\}/]{0,12}`), rapid.String()).Draw(g.t, "text")}
}

// orNil is an expression, or nil.
func (g *trees) orNil() *Expr {
	if g.flip("no expression") {
		return nil
	}
	return g.expr()
}

func (g *trees) expr() *Expr { return &Expr{Text: g.operands(3)} }

// operands writes operands with operators between them.
func (g *trees) operands(depth int) string {
	out := g.operand(depth)
	for range g.int("operators", 3) {
		op := rapid.SampledFrom([]string{"+", "-", "*", "/", "%", "**", "==", "!=", "<", ">=", "and", "or", "&&", "||", "??", "in", "not in", "contains", ".."}).Draw(g.t, "operator")
		out += g.space(true) + op + g.space(true) + g.operand(depth)
	}
	if depth > 1 && g.int("ternary", 6) == 0 {
		out += " ? " + g.operand(depth-1) + g.space(true) + ": " + g.operand(depth-1)
	}
	return out
}

// space is a space, or a line end where the expression goes on behind it.
func (g *trees) space(line bool) string {
	if line && g.int("line", 8) == 0 {
		return rapid.SampledFrom([]string{"\n", " // why\n", "\n\n\t"}).Draw(g.t, "line end")
	}
	return rapid.SampledFrom([]string{" ", " ", "  "}).Draw(g.t, "space")
}

func (g *trees) operand(depth int) string {
	kinds := 9
	if depth == 0 {
		kinds = 5
	}
	out := ""
	switch g.int("operand", kinds) {
	case 0:
		out = rapid.SampledFrom([]string{"1", "0x1f", "2.5", "1_000", "1e3", "30s", "1h30m", "true", "nil", `"text"`, `"a ${b + 1} c"`, `"ÄÖ 漢字"`}).Draw(g.t, "literal")
	case 1, 2:
		out = g.sureName().Text
	case 3:
		out = g.sureName().Text + rapid.SampledFrom([]string{".", "?.", " . "}).Draw(g.t, "dot") + g.anyName().Text
	case 4:
		out = rapid.SampledFrom([]string{"-", "not ", "!", "- ", "+"}).Draw(g.t, "sign") + g.sureName().Text
	case 5:
		return "(" + g.operands(depth-1) + rapid.SampledFrom([]string{")", " )", "\n)"}).Draw(g.t, "closing")
	case 6:
		out = g.sureName().Text + "(" + strings.Join(some(g, 0, 3, func() string { return g.operands(depth - 1) }), rapid.SampledFrom([]string{", ", ",", ",\n", "\n, "}).Draw(g.t, "comma")) + ")"
	case 7:
		return g.inBrackets("[", "]", some(g, 0, 4, func() string { return g.operands(depth - 1) }))
	case 8:
		return g.inBrackets("{", "}", some(g, 0, 4, func() string {
			key := g.anyName().Text
			if g.flip("quoted") {
				key = `"` + key + `"`
			}
			return key + ": " + g.operands(depth-1)
		}))
	}
	switch g.int("behind", 8) {
	case 0:
		return out + "[" + g.sureName().Text + "]"
	case 1:
		return out + "[1:" + g.sureName().Text + "]"
	case 2:
		return "filter(" + out + ", .a > # and #index < 3)"
	}
	return out
}

func (g *trees) inBrackets(open, closing string, items []string) string {
	edge := func() string { return rapid.SampledFrom([]string{"", " ", "\n", " // edge\n\n"}).Draw(g.t, "edge") }
	out := open + edge()
	for i, it := range items {
		if i > 0 {
			seps := []string{", ", ",", ",\n", " // a\n, // b\n", ",\n\n\n"}
			if !strings.HasPrefix(it, "-") && !strings.HasPrefix(it, "+") && !strings.HasPrefix(it, "not") {
				seps = append(seps, "\n", " // c\n\n// d\n")
			}
			out += rapid.SampledFrom(seps).Draw(g.t, "separator")
		}
		out += it
	}
	if len(items) > 0 && g.flip("last comma") {
		out += ","
	}
	return out + edge() + closing
}

func (g *trees) outcome() Outcome {
	switch g.int("outcome", 3) {
	case 0:
		return Outcome{Status: rapid.IntRange(100, 599).Draw(g.t, "status")}
	case 1:
		return Outcome{Class: Digit(rapid.IntRange(1, 5).Draw(g.t, "class"))}
	}
	return Outcome{Name: rapid.SampledFrom([]string{"timeout", "SOLD_OUT", "exhausted", "in", "x"}).Draw(g.t, "outcome name")}
}

func (g *trees) decl() Decl {
	switch g.int("declaration", 10) {
	case 0:
		return &Import{Path: g.text()}
	case 1:
		return &TypeDecl{Name: g.sureName(), Shape: g.shape(2)}
	case 2:
		return &PolicyDecl{Name: g.anyName(), Stmts: some(g, 0, 3, g.setting)}
	case 3:
		return &Service{Name: g.anyName(), Items: some(g, 0, 4, g.serviceItem)}
	case 4, 5:
		return &Workflow{Name: some(g, 1, 3, g.anyName), Stmts: some(g, 0, 5, func() Stmt { return g.stmt(3) })}
	case 6:
		return &Let{Name: g.anyName(), Value: g.expr()}
	case 7:
		return g.mock()
	case 8:
		return g.invariant()
	}
	test := &Test{Name: g.text(), Stmts: some(g, 0, 6, g.testStmt)}
	if g.flip("cases") {
		name := g.anyName()
		test.Var, test.Cases = &name, g.expr()
	}
	return test
}

func (g *trees) invariant() *Invariant {
	return &Invariant{Name: g.text(), Workflow: some(g, 0, 2, g.anyName), Rules: some(g, 0, 4, func() InvariantRule {
		target := []Name{g.sureName(), g.anyName()}
		switch g.int("rule", 5) {
		case 0:
			return &NeverCall{Target: target, When: rapid.SampledFrom([]string{"unless", "before", "after"}).Draw(g.t, "when"), Fact: g.fact()}
		case 1:
			return &Implies{If: g.fact(), Then: g.fact()}
		case 2:
			return &AtMost{Count: g.expr(), Unit: rapid.SampledFrom([]string{"call", "calls", "effect", "effects"}).Draw(g.t, "unit"), Target: target, PerRun: g.flip("per run")}
		case 3:
			return &EndsWithin{Value: g.expr()}
		}
		return &Holds{Word: rapid.SampledFrom([]string{"always", "never", "finally"}).Draw(g.t, "word"), Fact: g.fact()}
	})}
}

// fact writes facts with operators between them.
func (g *trees) fact() *Expr {
	one := func() string {
		switch g.int("fact", 4) {
		case 0:
			return g.operands(2)
		case 1:
			return "(" + g.space(true) + g.sureName().Text + " failed or not " + g.sureName().Text + " completed)"
		case 2:
			return g.sureName().Text + "." + g.anyName().Text + " took  effect"
		}
		return g.sureName().Text + "[" + g.operands(1) + "]." + g.anyName().Text + " skipped"
	}
	return &Expr{Text: strings.Join(some(g, 1, 3, one), g.space(true)+rapid.SampledFrom([]string{"and", "or"}).Draw(g.t, "joined by")+g.space(true))}
}

func (g *trees) shape(depth int) Shape {
	kinds := 4
	if depth == 0 {
		kinds = 2
	}
	switch g.int("shape", kinds) {
	case 0:
		return &NamedShape{Name: rapid.SampledFrom([]string{"int", "string", "any", "plan"}).Draw(g.t, "type")}
	case 1:
		return &EnumShape{Values: some(g, 1, 4, func() Literal {
			if g.flip("text") {
				return Literal{Value: g.text().Value}
			}
			return Literal{Value: rapid.SampledFrom([]int{0, 7, -1, math.MaxInt, math.MinInt}).Draw(g.t, "int")}
		})}
	case 2:
		return &ListShape{Elem: g.shape(depth - 1), Rules: g.rules()}
	}
	return &Record{Open: g.int("open", 4) == 0, Fields: some(g, 0, 5, func() *Field { return g.field(depth - 1) })}
}

func (g *trees) field(depth int) *Field {
	return &Field{Name: g.anyName(), Optional: g.flip("optional"), Secret: g.flip("secret"), Shape: g.shape(depth), Rules: g.rules(), Default: g.orNil()}
}

func (g *trees) rules() []*Rule {
	return some(g, 0, 2, func() *Rule {
		switch g.int("rule", 4) {
		case 0:
			return &Rule{Nonempty: true}
		case 1:
			return &Rule{Format: "email"}
		case 2:
			text := g.text()
			return &Rule{Pattern: &text}
		}
		if g.flip("min") {
			return &Rule{Min: g.expr()}
		}
		return &Rule{Max: g.expr()}
	})
}

func (g *trees) serviceItem() ServiceItem {
	switch g.int("item", 5) {
	case 3:
		return g.limit()
	case 4:
		return g.breaker()
	case 0:
		return g.classify()
	case 1:
		return g.answer()
	}
	return &Operation{Name: g.sureName(), Idempotent: g.flip("idempotent"), Items: some(g, 0, 4, func() OperationItem {
		switch g.int("operation item", 4) {
		case 3:
			return g.limit()
		case 0:
			return &HTTP{Method: g.anyName(), Path: g.text()}
		case 1:
			return &Input{Record: &Record{Open: g.int("open", 4) == 0, Fields: some(g, 0, 4, func() *Field { return g.field(1) })}}
		}
		return g.answer()
	})}
}

func (g *trees) answer() *Answer {
	a := &Answer{Outcomes: []Outcome{g.outcome()}}
	if g.flip("body") {
		a.Shape = g.shape(2)
	}
	return a
}

func (g *trees) classify() *Classify {
	return &Classify{Retryable: g.flip("retryable"), Outcomes: some(g, 1, 3, g.outcome)}
}

func (g *trees) setting() Stmt {
	switch g.int("setting", 9) {
	case 8:
		return g.breaker()
	case 6:
		return &First{Value: g.orNil()}
	case 7:
		if g.flip("share") {
			return &Tolerate{Share: &Percent{Value: 25}}
		}
		return &Tolerate{Value: g.expr()}
	case 0:
		return g.retry()
	case 1:
		return &Timeout{Value: g.expr()}
	case 2:
		return &Within{Value: g.expr()}
	case 3:
		return g.limit()
	case 4:
		return &Use{Name: g.anyName()}
	}
	return g.classify()
}

func (g *trees) limit() *Limit { return &Limit{Value: g.expr(), Per: g.orNil()} }

func (g *trees) breaker() *Breaker { return &Breaker{Failures: g.expr(), In: g.expr(), Open: g.expr()} }

func (g *trees) retry() *Retry {
	r := &Retry{Attempts: g.orNil(), Backoff: g.orNil()}
	if r.Backoff != nil {
		r.MaxBackoff = g.orNil()
	}
	if g.flip("jitter") {
		r.Jitter = &Percent{Value: Share(rapid.SampledFrom([]float64{0, 10, 12.5, 100}).Draw(g.t, "share"))}
	}
	return r
}

func (g *trees) ending() Ending {
	switch g.int("ending", 4) {
	case 0:
		return &Return{Value: g.expr()}
	case 1:
		return &Degrade{Value: g.expr()}
	case 2:
		return &Fail{Code: g.sureName(), Message: g.orNil()}
	}
	return g.retry()
}

func (g *trees) call() *Call {
	if g.int("handler", 6) == 0 {
		return &Call{Target: []Name{{Text: "handler"}, {Text: g.text().Value}}, Args: g.orNil()}
	}
	target := some(g, 0, 2, g.anyName)
	c := &Call{Target: append([]Name{g.sureName()}, target...), Args: g.orNil()} // a handler has a class
	if g.flip("key") {
		c.Key = g.expr()
	}
	return c
}

func (g *trees) stmt(depth int) Stmt {
	kinds := 12
	if depth == 0 {
		kinds = 8
	}
	switch g.int("statement", kinds) {
	case 0:
		return g.setting()
	case 1:
		return g.ending()
	case 2:
		return &Let{Name: g.anyName(), Value: g.expr()}
	case 3:
		return &Let{Name: g.anyName(), Call: g.call()}
	case 4:
		return g.call()
	case 5:
		return &Ensure{Cond: g.expr(), Else: g.ending()}
	case 6:
		return &Describe{Value: g.text()}
	case 7:
		return &Output{Value: g.expr()}
	case 8:
		s := &Step{Name: g.anyName(), After: some(g, 0, 2, g.anyName), When: g.orNil(), Stmts: some(g, 0, 3, func() Stmt { return g.stmt(depth - 1) })}
		if g.flip("loop") {
			s.For = &For{Var: g.anyName(), In: g.expr(), By: g.orNil()}
			if g.flip("of") {
				s.For.Of = &Operand{Expr{Text: "100"}}
			}
		}
		return s
	case 10:
		return g.choice(depth)
	case 9:
		return &On{Outcomes: some(g, 1, 3, g.outcome), When: g.orNil(), Stmts: some(g, 0, 3, func() Stmt { return g.stmt(depth - 1) })}
	}
	return &Input{Record: &Record{Open: g.int("open", 4) == 0, Fields: some(g, 0, 4, func() *Field { return g.field(1) })}}
}

func (g *trees) choice(depth int) *Switch {
	s := &Switch{Value: g.orNil()}
	if s.Value != nil && strings.HasPrefix(s.Value.Text, "{") {
		s.Value.Text = "(" + s.Value.Text + ")" // else it would be the block
	}
	s.Arms = some(g, 0, 3, func() *Arm {
		return &Arm{Values: some(g, 0, 3, g.expr), Stmts: some(g, 0, 3, func() Stmt { return g.stmt(depth - 1) })}
	})
	return s
}

func (g *trees) mock() *Mock {
	m := &Mock{Service: g.sureName()}
	switch g.int("mock", 3) {
	case 0:
		class := g.text()
		m.Service.Text, m.Class, m.Replies = "handler", &class, some(g, 0, 3, func() MockStmt { return g.mockStmt(1) })
	case 1:
		m.Operation, m.Replies = maybe(g, g.anyName), some(g, 0, 3, func() MockStmt { return g.mockStmt(1) })
		if m.Operation == nil {
			m.Replies = nil
		}
	case 2:
		m.More = some(g, 0, 2, g.sureName)
		m.Items = some(g, 0, 3, func() MockItem {
			switch g.int("mock item", 3) {
			case 0:
				return &Pass{Word: "pass"}
			case 1:
				return &Table{Name: g.anyName(), Shape: g.shape(2)}
			}
			return &MockOperation{Name: g.anyName(), Replies: some(g, 0, 4, func() MockStmt { return g.mockStmt(2) })}
		})
	}
	return m
}

func (g *trees) mockStmt(depth int) MockStmt {
	kinds := 5
	if depth == 0 {
		kinds = 4
	}
	switch g.int("mock statement", kinds) {
	case 0:
		return &Let{Name: g.anyName(), Value: g.expr()}
	case 1:
		if g.flip("let") {
			return &Let{Name: g.anyName(), Put: g.put()}
		}
		return g.put()
	case 2, 3:
		return &Reply{Pass: false, Outcome: g.outcome(), Body: g.orNil(), Headers: g.orNil(), After: g.orNil(), Times: g.orNil(),
			Always: g.flip("always"), Lost: g.flip("lost"), Undeclared: g.flip("undeclared"), Malformed: g.flip("malformed")}
	}
	return &When{Cond: g.expr(), Replies: some(g, 0, 2, func() MockStmt { return g.mockStmt(depth - 1) })}
}

func (g *trees) put() *Put { return &Put{Table: some(g, 1, 2, g.sureName), Row: g.expr()} }

func (g *trees) testStmt() TestStmt {
	switch g.int("test statement", 10) {
	case 0:
		return &Let{Name: g.anyName(), Value: g.expr()}
	case 1:
		read := g.text()
		return &Let{Name: g.anyName(), Read: &read}
	case 2:
		return g.mock()
	case 3:
		return g.put()
	case 4:
		return g.call()
	case 5:
		if g.flip("clock") {
			return &Clock{At: g.expr()}
		}
		return &Seed{Value: g.expr()}
	case 6:
		if g.flip("cancel") {
			return &Deed{At: g.expr(), Cancel: true}
		}
		if g.flip("crash") {
			return &Deed{At: g.expr(), Crash: true}
		}
		name := g.anyName()
		if g.flip("signal") {
			return &Deed{At: g.expr(), Signal: &name, Payload: g.orNil(), Running: g.flip("if running")}
		}
		if g.flip("retry") {
			return &Deed{At: g.expr(), Retry: true, From: &name}
		}
		return &Deed{At: g.expr(), Step: &name, Result: g.expr()}
	case 7:
		return &Run{Workflow: some(g, 1, 3, g.anyName), Input: g.orNil()}
	}
	return g.expect()
}

// innerStep names a step, perhaps one inside others; nil is the run.
func (g *trees) innerStep() *Expr {
	if g.flip("run") {
		return nil
	}
	out := g.sureName().Text
	for range g.int("inside", 3) {
		if g.flip("item") {
			out += "[" + g.operands(1) + "]"
		} else {
			out += "." + g.anyName().Text
		}
	}
	return &Expr{Text: out}
}

func (g *trees) expect() *Expect {
	switch g.int("expectation", 3) {
	case 0:
		return &Expect{Golden: true}
	case 1:
		return &Expect{Cond: &Expr{Text: fmt.Sprintf("len(%s) > 1", g.operands(2))}}
	}
	e := &Expect{Ending: &Name{Text: rapid.SampledFrom(Endings).Draw(g.t, "ending")}}
	e.Step, e.Code = g.innerStep(), maybe(g, g.sureName)
	if e.Ending.Text == "refused" {
		e.Code, e.Path = nil, nil
	}
	if g.flip("attempts") {
		e.Attempts = g.expr()
	}
	return e
}
