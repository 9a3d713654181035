package golden_test

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"wf/builtins"
	"wf/golden"
	"wf/lang"
	"wf/lang/syntax"
	"wf/lang/token"
	"wf/mocks"
	"wf/workflows"
)

// TestPlantedDefects plants defects in the shipped workflows, one at a time, and
// demands that their test files notice each: a suite that does not is no suite.
func TestPlantedDefects(t *testing.T) {
	files, err := fs.Glob(shipped, "*_test.wf")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	planted := map[string]int{}
	for _, file := range append(files, "inner_test.wf", "guards_test.wf") {
		definition := strings.TrimSuffix(file, "_test.wf") + ".wf"
		src, err := fs.ReadFile(shipped, definition)
		if err != nil {
			t.Fatal(err)
		}
		if notices(t, file, definition, string(src)) {
			t.Errorf("%s fails without a defect, so it proves nothing", file)
			continue
		}
		for _, m := range mutants(definition, src) {
			planted[m.kind]++
			t.Run(strings.TrimSuffix(definition, ".wf")+"/"+m.name, func(t *testing.T) {
				t.Parallel()
				if reason := equivalent[definition+": "+m.name]; reason != "" {
					t.Skip(reason)
				}
				if notices(t, file, definition, m.text) {
					return
				}
				t.Errorf("no test notices this defect:\n%s", m.text)
			})
		}
	}
	for _, kind := range kinds {
		if planted[kind.name] == 0 {
			t.Errorf("no workflow has a place where it %s something", kind.name)
		}
	}
}

// shipped is the shipped workflows, and one more that has whatever steps inside steps can
// have, with tests that notice each defect in it.
var shipped = overlay{FS: workflows.FS, over: fstest.MapFS{"inner.wf": {Data: []byte(innerFlow)}, "inner_test.wf": {Data: []byte(innerTests)},
	"guards.wf": {Data: []byte(guardFlow)}, "guards_test.wf": {Data: []byte(guardTests)}}}

const innerFlow = `
service shop {
  operation find idempotent { input { sku string }, 200 { id int, name string }, 404 }
  operation ship { input { id int }, 202 { tracking string } }
  operation note { input { text string }, 200 }
}
workflow inner {
  input { skus [string] }
  step pick {
    first
    step near { call shop.find { sku: "near" } }
    step far { call shop.find { sku: "far" } }
    on failed { degrade { id: 0, name: "nowhere" } }
  }
  step send after pick for sku in input.skus by sku {
    limit 2
    tolerate 1
    step look { call shop.find { sku: sku } }
    step ship { call shop.ship { id: look.id } }
    step tell after ship { call shop.note { text: sku } }
    return ship.tracking
  }
  step finish after send {
    first 2
    step a { call shop.note { text: "a" } }
    step b { call shop.note { text: "b" } }
    step c { call shop.note { text: "c" } }
  }
  step close after finish {
    switch pick.name {
      when "near" {
        step note { call shop.note { text: "short way" } }
      }
      when "far", "farther" {
        step log { call shop.note { text: "long way" } }
        finally { call shop.note { text: "closed" } }
        return "far"
      }
      else { return "nowhere" }
    }
  }
  output { from: pick.name, sent: send, notes: len(finish), closed: close }
}
`

const innerTests = `
import "inner.wf"
mock shop {
  operation find {
    when input.sku == "near" { 200 { id: 1, name: "near" } after 2s }
    when input.sku == "far" { 200 { id: 2, name: "far" } after 1s }
    when input.sku startsWith "no" { 404 }
    200 { id: 3, name: input.sku } after 1s
  }
  operation ship { 202 { tracking: "T${input.id}" } after 1s }
  operation note { when input.text == "a" { 200 after 3s }, when input.text == "b" { 200 after 1s }, 200 after 2s }
}
test "two at once" {
  run inner { skus: ["x", "y", "z"] }
  expect completed
  expect pick.near cancelled
  expect started(send["x"]) == 1s and started(send["y"]) == 1s and started(send["z"]) == 5s
  expect started(send["x"].tell) == ended(send["x"].ship)
  expect finish.a cancelled
  expect started(finish.a) == ended(send) and ended(finish) == ended(finish.c)
  expect output == { from: "far", sent: ["T3", "T3", "T3"], notes: 2, closed: "far" }
  expect map(calls(shop.find), .args.sku) == ["near", "far", "x", "y", "z"]
  expect map(calls(shop.note), .args.text) == ["x", "y", "z", "a", "b", "c", "long way", "closed"]
}
test "one may be missing" {
  run inner { skus: ["x", "no"] }
  expect degraded
  expect send["no"] failed HTTP_404
  expect output.sent == ["T3", nil]
}
test "two may not" {
  run inner { skus: ["no", "none", "x"] }
  expect failed HTTP_404
  expect finish not_run
}
test "near" {
  mock shop.find { 200 { id: 1, name: "near" }, pass always }
  run inner { skus: ["x"] }
  expect close.note completed
  expect close.log not_run
  expect calls(shop.note)[4].args.text == "short way"
}
test "nowhere" {
  mock shop.find { 404 times 2, pass }
  run inner { skus: ["x"] }
  expect degraded
  expect pick degraded
  expect pick == { id: 0, name: "nowhere" }
  expect output.from == "nowhere" and output.closed == "nowhere"
}
`

const guardFlow = `
service press {
  limit 2, limit 3 per 10s
  breaker 2 failures in 1m, open 30s
  operation print { limit 1, input { page int }, 200, 503 }
  operation scan { input { page int }, 200 }
}
service post { operation send { 202, 503 } }
workflow guards {
  breaker 1 failure in 1m, open 10s
  retry 3 attempts, backoff 1s
  input { prints int, scans int = 0 }
  step prints for n in 1..input.prints by n { call press.print { page: n } }
  step scans for n in 1..input.scans by n { call press.scan { page: n } }
  step letter after prints { call post.send }
}
`

const guardTests = `
import "guards.wf"
mock press {
  operation print { 200 after 1s }
  operation scan { 200 after 1.5s }
}
mock post { operation send { 202 } }
test "as the limits let them" {
  run guards { prints: 4, scans: 2 }
  expect completed
  expect calls(press.print)[0].at == 0s and calls(press.print)[1].at == 1s and calls(press.print)[2].at == 10s and calls(press.print)[3].at == 11s
  expect calls(press.scan)[0].at == 0s and calls(press.scan)[1].at == 10s
  expect started(letter) == ended(prints)
}
test "the press is down" {
  mock press.print { 503 times 2, pass }
  run guards { prints: 1 }
  expect completed
  expect calls(press.print)[1].at < 2s and calls(press.print)[2].at > 31s and calls(press.print)[2].at < 32s
  expect one(run.services, .service == "press" and .breaker == "closed" and .refused == 0)
}
test "the press stays down" {
  mock press.print { 503 always }
  run guards { prints: 1 }
  expect failed HTTP_503
  expect prints[1] failed HTTP_503 after 3 attempts
}
test "the post is down" {
  mock post.send { 503, pass }
  run guards { prints: 0 }
  expect completed
  expect letter completed after 2 attempts
  expect run.took > 10s and run.took < 11s
}
`

// equivalent lists mutants that behave as the original does, with the reason.
var equivalent = map[string]string{
	"daily_sales.wf: tries once more in extract_orders":         "the hour is over before sixty attempts that are two minutes apart",
	"expense_approval.wf: lets pass what breaks nonempty of by": "a signal that is refused fails a test, so none can show it",
}

// notices reports whether the check or a test fails with the changed definition.
func notices(t *testing.T, file, definition, text string) bool {
	fsys := overlay{FS: shipped, over: fstest.MapFS{definition: {Data: []byte(text)}}}
	r := builtins.New()
	mocks.Register(r, mocks.Options{Seed: 1})
	p, problems := lang.Load(fsys, file, lang.Options{Catalog: r})
	if problems.HasErrors() {
		return true
	}
	failed := false
	for _, res := range golden.Run(p, golden.Options{Files: readOnly{os.DirFS("../workflows")}, FailFast: true, Workers: 1,
		Builtins: func() builtins.Services { return mocks.NewWorld(mocks.Options{Seed: 1}) }}) {
		failed = failed || !res.Passed()
	}
	return failed
}

// overlay reads files from over, and all others from FS.
type overlay struct {
	fs.FS
	over fstest.MapFS
}

func (o overlay) Open(name string) (fs.File, error) {
	if _, ok := o.over[path.Clean(name)]; ok {
		return o.over.Open(path.Clean(name))
	}
	return o.FS.Open(name)
}

type readOnly struct{ fs.FS }

func (readOnly) Write(name string, _ []byte) error { return fmt.Errorf("%s is not written", name) }
func (readOnly) Remove(name string) error          { return fmt.Errorf("%s is not removed", name) }

// mutant is a definition with one defect.
type mutant struct{ kind, name, text string }

// kinds are the defects that are planted. Each lists the places of a definition where a
// slip of its kind can happen.
var kinds = []struct {
	name  string // with the place behind it: "drops on 402 of setup_billing_profile"
	sites func(f *syntax.File) []site
}{
	{"lets services be called without", unguarded}, // a limit or breaker of a service is lost
	{"loosens", loosened},                          // a limit or breaker of a service is one more, or open twice as long
	{"drops", dropped},                             // a setting, ensure or clause is lost
	{"swaps", swapped},                             // two neighbouring clauses do each other's work
	{"takes the other way in", crossed},            // two neighbouring arms of a switch do each other's work
	{"forgets to wait for", unawaited},             // a step named behind `after` is lost
	{"hides the fallback of", undegraded},          // a degrade has become a return
	{"says otherwise in", reworded},                // a text in a result, an argument or the output is another one
	{"fails differently in", recoded},              // a fail has another code
	{"does the opposite where", negated},           // a `when` or `ensure` is turned round
	{"is off by one where", shifted},               // a comparison is < for <=, == for !=, and so on
	{"is the other way round:", turned},            // a step is waited for by the one it waits for
	{"counts one more in", raised},                 // a limit, first or tolerate is one more
	{"tries once more in", moreAttempts},           // attempts are one more
	{"pauses twice as long in", longerBackoff},     // a backoff is doubled
	{"waits twice as long in", longerTimeout},      // a timeout or within is doubled
	{"leaves out", omitted},                        // a field of an argument, result or output is lost
	{"mixes up", mixed},                            // two neighbouring fields of an argument or result have each other's value
	{"lets pass what breaks", unruled},             // a rule of the input is lost
	{"takes everything for granted in", bodied},    // a clause is for one outcome more: the first status of the next clause
}

// site is a place where a defect can be planted.
type site struct {
	where string
	plant func()
}

// most is how many places of one kind are tried in one definition, evenly spread;
// WF_MUTANTS=all tries all of them, as CI does.
const most = 2

// mutants lists the definitions that have one defect.
func mutants(name string, src []byte) []mutant {
	var out []mutant
	for _, kind := range kinds {
		n := len(kind.sites(parsed(name, src)))
		step := 1
		if os.Getenv("WF_MUTANTS") != "all" {
			step = max(1, (n+most-1)/most)
		}
		for i := 0; i < n; i += step {
			f := parsed(name, src)
			s := kind.sites(f)[i]
			s.plant()
			out = append(out, mutant{kind.name, kind.name + " " + s.where, string(syntax.Print(f))})
		}
	}
	return out
}

func parsed(name string, src []byte) *syntax.File {
	f, problems := syntax.Parse(name, src)
	if problems.HasErrors() {
		panic(problems)
	}
	return f
}

// eachBlock visits every list of statements with what it belongs to.
func eachBlock(f *syntax.File, visit func(owner string, block *[]syntax.Stmt)) {
	step := ""
	syntax.Walk(f, func(n any) bool {
		switch n := n.(type) {
		case *syntax.Workflow:
			visit("the workflow", &n.Stmts)
		case *syntax.Step:
			step = n.Name.Text
			visit(step, &n.Stmts)
		case *syntax.On:
			visit(step, &n.Stmts)
		case *syntax.Undo:
			visit("the undo of "+step, &n.Stmts)
		case *syntax.Arm:
			visit(step, &n.Stmts)
		case *syntax.Finally:
			visit("finally", &n.Stmts)
		}
		return true
	})
}

// eachStmt visits every statement.
func eachStmt(f *syntax.File, visit func(owner string, st syntax.Stmt)) {
	eachBlock(f, func(owner string, block *[]syntax.Stmt) {
		for _, st := range *block {
			visit(owner, st)
		}
	})
}

func dropped(f *syntax.File) (out []site) {
	eachBlock(f, func(owner string, block *[]syntax.Stmt) {
		for i, st := range *block {
			what := ""
			switch st := st.(type) {
			case *syntax.Retry:
				what = "retry"
			case *syntax.Timeout:
				what = "timeout"
			case *syntax.Within:
				what = "within"
			case *syntax.Limit:
				what = "limit"
			case *syntax.Breaker:
				what = "breaker"
			case *syntax.First:
				what = "first"
			case *syntax.Tolerate:
				what = "tolerate"
			case *syntax.Ensure:
				what = "ensure"
			case *syntax.On:
				what = "on " + outcomes(st)
			case *syntax.Undo:
				what = "undo"
			case *syntax.Finally:
				what = "finally"
			}
			if what != "" {
				out = append(out, site{what + " of " + owner, func() { *block = slices.Delete(slices.Clone(*block), i, i+1) }})
			}
		}
	})
	return out
}

// eachService visits what services say of all their operations, and of each.
func eachService(f *syntax.File, visit func(owner string, items int, item func(int) any, drop func(int))) {
	for _, d := range f.Decls {
		s, ok := d.(*syntax.Service)
		if !ok {
			continue
		}
		visit(s.Name.Text, len(s.Items), func(i int) any { return s.Items[i] }, func(i int) { s.Items = slices.Delete(slices.Clone(s.Items), i, i+1) })
		for _, item := range s.Items {
			if op, ok := item.(*syntax.Operation); ok {
				visit(s.Name.Text+"."+op.Name.Text, len(op.Items), func(i int) any { return op.Items[i] }, func(i int) { op.Items = slices.Delete(slices.Clone(op.Items), i, i+1) })
			}
		}
	}
}

func unguarded(f *syntax.File) (out []site) {
	eachService(f, func(owner string, items int, item func(int) any, drop func(int)) {
		for i := range items {
			switch item(i).(type) {
			case *syntax.Limit, *syntax.Breaker:
				out = append(out, site{fmt.Sprintf("%d of %s", i, owner), func() { drop(i) }})
			}
		}
	})
	return out
}

func loosened(f *syntax.File) (out []site) {
	eachService(f, func(owner string, items int, item func(int) any, _ func(int)) {
		for i := range items {
			more := func(e *syntax.Expr) func() {
				v, _ := strconv.Atoi(e.Text)
				return func() { e.Text = strconv.Itoa(v + 1) }
			}
			switch g := item(i).(type) {
			case *syntax.Limit:
				out = append(out, site{fmt.Sprintf("limit %d of %s", i, owner), more(g.Value)})
			case *syntax.Breaker:
				out = append(out, site{"failures of " + owner, more(g.Failures)}, site{"open of " + owner, func() { g.Open.Text = "(" + g.Open.Text + ") * 2" }})
			}
		}
	})
	return out
}

func outcomes(on *syntax.On) string {
	var words []string
	for _, o := range on.Outcomes {
		switch {
		case o.Name != "":
			words = append(words, o.Name)
		case o.Class != 0:
			words = append(words, fmt.Sprintf("%dxx", o.Class))
		default:
			words = append(words, fmt.Sprint(o.Status))
		}
	}
	return strings.Join(words, ",")
}

// eachPair visits the clauses that follow one another.
func eachPair(f *syntax.File, visit func(owner string, a, b *syntax.On)) {
	eachBlock(f, func(owner string, block *[]syntax.Stmt) {
		for i := 1; i < len(*block); i++ {
			a, isOn := (*block)[i-1].(*syntax.On)
			b, isToo := (*block)[i].(*syntax.On)
			if isOn && isToo {
				visit(owner, a, b)
			}
		}
	})
}

func swapped(f *syntax.File) (out []site) {
	eachPair(f, func(owner string, a, b *syntax.On) {
		out = append(out, site{fmt.Sprintf("on %s and on %s of %s", outcomes(a), outcomes(b), owner), func() {
			a.Outcomes, b.Outcomes, a.When, b.When = b.Outcomes, a.Outcomes, b.When, a.When
		}})
	})
	return out
}

func crossed(f *syntax.File) (out []site) {
	eachStmt(f, func(owner string, st syntax.Stmt) {
		s, ok := st.(*syntax.Switch)
		if !ok {
			return
		}
		for i := 1; i < len(s.Arms); i++ {
			a, b := s.Arms[i-1], s.Arms[i]
			out = append(out, site{fmt.Sprintf("arms %d and %d of %s", i, i+1, owner), func() { a.Stmts, b.Stmts = b.Stmts, a.Stmts }})
		}
	})
	return out
}

func bodied(f *syntax.File) (out []site) {
	eachPair(f, func(owner string, a, b *syntax.On) {
		if o := b.Outcomes[0]; o.Status != 0 && b.When == nil && a.When == nil {
			out = append(out, site{fmt.Sprintf("on %s of %s", outcomes(a), owner), func() { a.Outcomes = append(slices.Clone(a.Outcomes), o) }})
		}
	})
	return out
}

func unawaited(f *syntax.File) (out []site) {
	syntax.Walk(f, func(node any) bool {
		if s, isStep := node.(*syntax.Step); isStep {
			for i, name := range s.After {
				out = append(out, site{name.Text + " in " + s.Name.Text, func() { s.After = slices.Delete(slices.Clone(s.After), i, i+1) }})
			}
		}
		return true
	})
	return out
}

func turned(f *syntax.File) (out []site) {
	eachBlock(f, func(_ string, block *[]syntax.Stmt) {
		steps := map[string]*syntax.Step{}
		for _, st := range *block {
			if s, ok := st.(*syntax.Step); ok {
				steps[s.Name.Text] = s
			}
		}
		for _, st := range *block {
			s, ok := st.(*syntax.Step)
			if !ok || len(s.After) != 1 || steps[s.After[0].Text] == nil {
				continue
			}
			other := steps[s.After[0].Text]
			out = append(out, site{s.Name.Text + " after " + other.Name.Text, func() {
				s.After, other.After = nil, append(slices.Clone(other.After), s.Name)
			}})
		}
	})
	return out
}

func raised(f *syntax.File) (out []site) {
	eachStmt(f, func(owner string, st syntax.Stmt) {
		what, e := "", (*syntax.Expr)(nil)
		switch st := st.(type) {
		case *syntax.Step:
			if st.For != nil && st.For.Of != nil {
				what, e = "of", &st.For.Of.Expr
			}
		case *syntax.Limit:
			what, e = "limit", st.Value
		case *syntax.Breaker:
			what, e = "failures", st.Failures
		case *syntax.First:
			what, e = "first", st.Value
		case *syntax.Tolerate:
			what, e = "tolerate", st.Value
		}
		if e == nil {
			return
		}
		if v, err := strconv.Atoi(e.Text); err == nil {
			out = append(out, site{what + " of " + owner, func() { e.Text = strconv.Itoa(v + 1) }})
		}
	})
	return out
}

func undegraded(f *syntax.File) (out []site) {
	eachBlock(f, func(owner string, block *[]syntax.Stmt) {
		for i, st := range *block {
			if d, ok := st.(*syntax.Degrade); ok {
				out = append(out, site{owner, func() { (*block)[i] = &syntax.Return{Node: d.Node, Value: d.Value} }})
			}
		}
	})
	return out
}

// eachValue visits the expressions that say what a workflow gives to others.
func eachValue(f *syntax.File, visit func(what, owner string, e *syntax.Expr)) {
	eachStmt(f, func(owner string, st syntax.Stmt) {
		var e *syntax.Expr
		what := "the result"
		switch st := st.(type) {
		case *syntax.Return:
			e = st.Value
		case *syntax.Degrade:
			e, what = st.Value, "the fallback"
		case *syntax.Call:
			e = st.Args
			if what = "an argument"; len(st.Target) > 0 {
				what = st.Target[len(st.Target)-1].Text
			}
		case *syntax.Output:
			e, what = st.Value, "the output"
		}
		if e != nil {
			visit(what, owner, e)
		}
	})
}

// scanned is the tokens of an expression, each with its text and how deep in brackets.
type scanned struct {
	token.Token
	text  string
	depth int
}

func scan(text string) (out []scanned) {
	tokens, _, _ := token.Scan("", text)
	depth := 0
	for _, t := range tokens {
		word := text[t.Start:t.End]
		if word == "}" || word == "]" || word == ")" {
			depth--
		}
		out = append(out, scanned{t, word, depth})
		if word == "{" || word == "[" || word == "(" {
			depth++
		}
	}
	return out
}

func reworded(f *syntax.File) (out []site) {
	eachValue(f, func(_, owner string, e *syntax.Expr) {
		text := e.Text
		for _, t := range scan(text) {
			if t.Kind == token.String {
				out = append(out, site{t.text + " of " + owner, func() { e.Text = text[:t.Start] + `"mutant"` + text[t.End:] }})
			}
		}
	})
	return out
}

func recoded(f *syntax.File) (out []site) {
	eachStmt(f, func(owner string, st syntax.Stmt) {
		if e, ok := st.(*syntax.Ensure); ok {
			st = e.Else
		}
		if fail, ok := st.(*syntax.Fail); ok {
			out = append(out, site{fail.Code.Text + " of " + owner, func() { fail.Code.Text = "MUTANT" }})
		}
	})
	return out
}

// eachCondition visits the conditions of steps, clauses and ensures.
func eachCondition(f *syntax.File, visit func(owner string, e *syntax.Expr)) {
	syntax.Walk(f, func(n any) bool {
		if s, ok := n.(*syntax.Step); ok && s.When != nil {
			visit("step "+s.Name.Text, s.When)
		}
		return true
	})
	eachStmt(f, func(owner string, st syntax.Stmt) {
		switch st := st.(type) {
		case *syntax.On:
			if st.When != nil {
				visit(fmt.Sprintf("on %s of %s", outcomes(st), owner), st.When)
			}
		case *syntax.Ensure:
			visit("ensure of "+owner, st.Cond)
		}
	})
}

func negated(f *syntax.File) (out []site) {
	eachCondition(f, func(owner string, e *syntax.Expr) {
		out = append(out, site{owner, func() { e.Text = "not (" + e.Text + ")" }})
	})
	return out
}

// other is the comparison that is easily taken for one.
var other = map[string]string{"==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "and": "or", "or": "and"}

func shifted(f *syntax.File) (out []site) {
	eachCondition(f, func(owner string, e *syntax.Expr) {
		text := e.Text
		for _, t := range scan(text) {
			if o := other[t.text]; o != "" && (t.Kind == token.Op || t.Kind == token.Ident) {
				out = append(out, site{fmt.Sprintf("%s stands in %s", t.text, owner), func() { e.Text = text[:t.Start] + o + text[t.End:] }})
			}
		}
	})
	return out
}

func moreAttempts(f *syntax.File) (out []site) {
	eachStmt(f, func(owner string, st syntax.Stmt) {
		if r, ok := st.(*syntax.Retry); ok && r.Attempts != nil {
			out = append(out, site{owner, func() { r.Attempts.Text = "(" + r.Attempts.Text + ") + 1" }})
		}
	})
	return out
}

func longerBackoff(f *syntax.File) (out []site) {
	eachStmt(f, func(owner string, st syntax.Stmt) {
		if r, ok := st.(*syntax.Retry); ok && r.Backoff != nil {
			out = append(out, site{owner, func() { r.Backoff.Text = "(" + r.Backoff.Text + ") * 2" }})
		}
	})
	return out
}

func longerTimeout(f *syntax.File) (out []site) {
	eachStmt(f, func(owner string, st syntax.Stmt) {
		switch st := st.(type) {
		case *syntax.Timeout:
			out = append(out, site{"timeout of " + owner, func() { st.Value.Text = "(" + st.Value.Text + ") * 2" }})
		case *syntax.Within:
			out = append(out, site{"within of " + owner, func() { st.Value.Text = "(" + st.Value.Text + ") * 2" }})
		}
	})
	return out
}

// pair is a field of an object as it is written: where it begins, its value, its end.
type pair struct {
	key             string
	from, value, to int
}

// pairs lists the fields of an object; none of another expression.
func pairs(text string) (out []pair) {
	tokens := scan(text)
	if len(tokens) < 3 || tokens[0].text != "{" {
		return nil
	}
	for i := 1; i < len(tokens)-1; i++ {
		if tokens[i].depth != 1 || tokens[i].text != ":" {
			continue
		}
		p := pair{key: tokens[i-1].text, from: tokens[i-1].Start, value: tokens[i+1].Start}
		j := i + 1
		for ; j < len(tokens) && !(tokens[j].depth == 1 && (tokens[j].text == "," || tokens[j].Kind == token.Newline)) && tokens[j].depth > 0; j++ {
		}
		p.to = tokens[j-1].End
		out = append(out, p)
		i = j
	}
	return out
}

func omitted(f *syntax.File) (out []site) {
	eachValue(f, func(what, owner string, e *syntax.Expr) {
		text := e.Text
		for _, p := range pairs(text) {
			to := p.to
			for to < len(text) && strings.IndexByte(", \n", text[to]) >= 0 {
				to++
			}
			out = append(out, site{fmt.Sprintf("%s of %s in %s", p.key, what, owner), func() { e.Text = text[:p.from] + text[to:] }})
		}
	})
	return out
}

func mixed(f *syntax.File) (out []site) {
	eachValue(f, func(what, owner string, e *syntax.Expr) {
		text := e.Text
		all := pairs(text)
		for i := 1; i < len(all); i++ {
			a, b := all[i-1], all[i]
			if text[a.value:a.to] == text[b.value:b.to] {
				continue
			}
			out = append(out, site{fmt.Sprintf("%s and %s of %s in %s", a.key, b.key, what, owner), func() {
				e.Text = text[:a.value] + text[b.value:b.to] + text[a.to:b.value] + text[a.value:a.to] + text[b.to:]
			}})
		}
	})
	return out
}

func unruled(f *syntax.File) (out []site) {
	syntax.Walk(f, func(n any) bool {
		if _, ok := n.(*syntax.Service); ok {
			return false
		}
		if field, ok := n.(*syntax.Field); ok {
			for i, r := range field.Rules {
				out = append(out, site{fmt.Sprintf("%s of %s", r.Word(), field.Name.Text), func() { field.Rules = slices.Delete(slices.Clone(field.Rules), i, i+1) }})
			}
		}
		return true
	})
	return out
}
