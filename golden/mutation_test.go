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
	planted := 0
	for _, file := range append(files, "inner_test.wf") {
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
			planted++
			t.Run(strings.TrimSuffix(definition, ".wf")+"/"+m.name, func(t *testing.T) {
				if reason := equivalent[definition+": "+m.name]; reason != "" {
					return
				}
				if notices(t, file, definition, m.text) {
					return
				}
				t.Errorf("no test notices this defect:\n%s", m.text)
			})
		}
	}
	if planted < 25 {
		t.Errorf("only %d defects were planted", planted)
	}
}

// shipped is the shipped workflows, and one more that has whatever steps inside steps can
// have, with tests that notice each defect in it.
var shipped = overlay{FS: workflows.FS, over: fstest.MapFS{"inner.wf": {Data: []byte(innerFlow)}, "inner_test.wf": {Data: []byte(innerTests)}}}

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
  output { from: pick.name, sent: send, notes: len(finish) }
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
  expect output == { from: "far", sent: ["T3", "T3", "T3"], notes: 2 }
  expect map(calls(shop.find), .args.sku) == ["near", "far", "x", "y", "z"]
  expect map(calls(shop.note), .args.text) == ["x", "y", "z", "a", "b", "c"]
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
test "nowhere" {
  mock shop.find { 404 times 2, pass }
  run inner { skus: ["x"] }
  expect degraded
  expect pick degraded
  expect output.from == "nowhere"
}
`

// equivalent lists mutants that behave as the original does, with the reason.
var equivalent = map[string]string{}

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
	for _, res := range golden.Run(p, golden.Options{Files: readOnly{os.DirFS("../workflows")}, FailFast: true, Builtins: func() builtins.Services {
		r := builtins.New()
		mocks.Register(r, mocks.Options{Seed: 1})
		return r
	}}) {
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
type mutant struct{ name, text string }

// mutants lists every single defect of the kinds below that a definition can have.
func mutants(name string, src []byte) []mutant {
	var out []mutant
	for _, kind := range []struct {
		name  string
		apply func(f *syntax.File, n int) (where string, ok bool)
	}{
		{"drops", drop}, {"swaps", swapClauses}, {"forgets to wait for", dropAfter}, {"counts one more in", raise}, {"is the other way round:", turn}, {"is not marked as degraded in", undegrade}, {"says otherwise in", reword}, {"fails differently in", recode},
	} {
		for n := 0; ; n++ {
			f, problems := syntax.Parse(name, src)
			if problems.HasErrors() {
				panic(problems)
			}
			where, ok := kind.apply(f, n)
			if !ok {
				break
			}
			out = append(out, mutant{fmt.Sprintf("%s %s", kind.name, where), string(syntax.Print(f))})
		}
	}
	return out
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
		}
		return true
	})
}

// drop removes the n-th setting, ensure or clause.
func drop(f *syntax.File, n int) (where string, ok bool) {
	eachBlock(f, func(owner string, block *[]syntax.Stmt) {
		for i, st := range *block {
			what := ""
			switch st := st.(type) {
			case *syntax.Retry:
				what = "retry"
			case *syntax.Timeout:
				what = "timeout"
			case *syntax.Ensure:
				what = "ensure"
			case *syntax.First:
				what = "first"
			case *syntax.Tolerate:
				what = "tolerate"
			case *syntax.Limit:
				what = "limit"
			case *syntax.On:
				what = "on " + outcomes(st)
			}
			if what == "" || ok {
				continue
			}
			if n--; n < 0 {
				*block = slices.Delete(slices.Clone(*block), i, i+1)
				where, ok = what+" of "+owner, true
				return
			}
		}
	})
	return where, ok
}

func outcomes(on *syntax.On) string {
	var words []string
	for _, o := range on.Outcomes {
		if o.Name != "" {
			words = append(words, o.Name)
		} else {
			words = append(words, fmt.Sprint(o.Status))
		}
	}
	return strings.Join(words, ",")
}

// swapClauses exchanges what the n-th pair of neighbouring clauses does.
func swapClauses(f *syntax.File, n int) (where string, ok bool) {
	eachBlock(f, func(owner string, block *[]syntax.Stmt) {
		for i := 1; i < len(*block) && !ok; i++ {
			a, isOn := (*block)[i-1].(*syntax.On)
			b, isToo := (*block)[i].(*syntax.On)
			if !isOn || !isToo {
				continue
			}
			if n--; n < 0 {
				a.Outcomes, b.Outcomes = b.Outcomes, a.Outcomes
				a.When, b.When = b.When, a.When
				where, ok = fmt.Sprintf("on %s and on %s of %s", outcomes(b), outcomes(a), owner), true
			}
		}
	})
	return where, ok
}

// dropAfter removes the n-th step that an `after` names.
func dropAfter(f *syntax.File, n int) (where string, ok bool) {
	syntax.Walk(f, func(node any) bool {
		if s, isStep := node.(*syntax.Step); isStep && !ok {
			if n < len(s.After) {
				where, ok = s.After[n].Text+" in "+s.Name.Text, true
				s.After = slices.Delete(slices.Clone(s.After), n, n+1)
			} else {
				n -= len(s.After)
			}
		}
		return true
	})
	return where, ok
}

// raise adds one to the n-th limit, first or tolerate that is a number.
func raise(f *syntax.File, n int) (where string, ok bool) {
	add := func(what, owner string, e *syntax.Expr) {
		if e == nil || ok {
			return
		}
		if v, err := strconv.Atoi(e.Text); err == nil {
			if n--; n < 0 {
				e.Text, where, ok = strconv.Itoa(v+1), what+" of "+owner, true
			}
		}
	}
	eachBlock(f, func(owner string, block *[]syntax.Stmt) {
		for _, st := range *block {
			switch st := st.(type) {
			case *syntax.Limit:
				add("limit", owner, st.Value)
			case *syntax.First:
				add("first", owner, st.Value)
			case *syntax.Tolerate:
				add("tolerate", owner, st.Value)
			}
		}
	})
	return where, ok
}

// turn lets the n-th step that waits for another one be waited for by it.
func turn(f *syntax.File, n int) (where string, ok bool) {
	eachBlock(f, func(_ string, block *[]syntax.Stmt) {
		steps := map[string]*syntax.Step{}
		for _, st := range *block {
			if s, isStep := st.(*syntax.Step); isStep {
				steps[s.Name.Text] = s
			}
		}
		for _, st := range *block {
			s, isStep := st.(*syntax.Step)
			if !isStep || len(s.After) != 1 || ok {
				continue
			}
			if n--; n < 0 {
				other := steps[s.After[0].Text]
				where, ok = s.Name.Text+" after "+other.Name.Text, true
				s.After, other.After = nil, append(slices.Clone(other.After), s.Name)
			}
		}
	})
	return where, ok
}

// undegrade turns the n-th degrade into a return.
func undegrade(f *syntax.File, n int) (where string, ok bool) {
	eachBlock(f, func(owner string, block *[]syntax.Stmt) {
		for i, st := range *block {
			d, isDegrade := st.(*syntax.Degrade)
			if !isDegrade || ok {
				continue
			}
			if n--; n < 0 {
				(*block)[i] = &syntax.Return{Node: d.Node, Value: d.Value}
				where, ok = owner, true
			}
		}
	})
	return where, ok
}

// reword changes the n-th text in a return, degrade, argument or output.
func reword(f *syntax.File, n int) (where string, ok bool) {
	change := func(owner string, e *syntax.Expr) {
		if e == nil || ok {
			return
		}
		tokens, _, _ := token.Scan("", e.Text)
		for _, t := range tokens {
			if t.Kind != token.String {
				continue
			}
			if n--; n < 0 {
				where, ok = fmt.Sprintf("%s of %s", e.Text[t.Start:t.End], owner), true
				e.Text = e.Text[:t.Start] + `"mutant"` + e.Text[t.End:]
				return
			}
		}
	}
	eachBlock(f, func(owner string, block *[]syntax.Stmt) {
		for _, st := range *block {
			switch st := st.(type) {
			case *syntax.Return:
				change(owner, st.Value)
			case *syntax.Degrade:
				change(owner, st.Value)
			case *syntax.Call:
				change(owner, st.Args)
			case *syntax.Output:
				change(owner, st.Value)
			}
		}
	})
	return where, ok
}

// recode changes the code of the n-th fail.
func recode(f *syntax.File, n int) (where string, ok bool) {
	change := func(owner string, st syntax.Stmt) {
		if fail, isFail := st.(*syntax.Fail); isFail && !ok {
			if n--; n < 0 {
				where, ok = fail.Code.Text+" of "+owner, true
				fail.Code.Text = "MUTANT"
			}
		}
	}
	eachBlock(f, func(owner string, block *[]syntax.Stmt) {
		for _, st := range *block {
			if e, isEnsure := st.(*syntax.Ensure); isEnsure {
				change(owner, e.Else)
			}
			change(owner, st)
		}
	})
	return where, ok
}
