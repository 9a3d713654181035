package golden_test

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// arrows says what each package may import of this module. What a package is for stands
// in docs/architecture.md. A package that is not listed fails: think first where it
// belongs.
var arrows = map[string][]string{
	"lang/value":          {},
	"lang/diag":           {},
	"lang/schema":         {"lang/value"},
	"lang/token":          {"lang/diag"},
	"lang/expr":           {"lang/diag", "lang/token", "lang/value"},
	"lang/syntax":         {"lang/diag", "lang/schema", "lang/token", "lang/value"},
	"lang/graph":          {"lang/diag", "lang/expr", "lang/schema", "lang/value"},
	"lang/suite":          {"lang/diag", "lang/expr", "lang/graph", "lang/value"},
	"lang/check":          {"lang/diag", "lang/expr", "lang/graph", "lang/schema", "lang/suite", "lang/syntax", "lang/token", "lang/value"},
	"lang/effect":         {"lang/graph", "lang/value"},
	"lang/draw":           {"lang/effect", "lang/graph", "lang/value"},
	"lang/explain":        {},
	"lang":                {"lang/check", "lang/diag", "lang/expr", "lang/graph", "lang/suite", "lang/syntax", "lang/token", "lang/value"},
	"lang/lsp":            {"lang", "lang/check", "lang/diag", "lang/effect", "lang/expr", "lang/graph", "lang/syntax", "lang/token", "lang/value"},
	"builtins":            {"lang/value"},
	"builtins/remote":     {"builtins", "lang/value"},
	"interpreter/machine": {"lang/diag", "lang/expr", "lang/graph", "lang/value"},
	"interpreter/sim":     {"builtins", "interpreter/machine", "lang/expr", "lang/graph", "lang/value"},
	"interpreter/report":  {"interpreter/machine", "lang/diag", "lang/draw", "lang/graph", "lang/value"},
	"interpreter":         {"builtins", "interpreter/machine", "interpreter/sim", "lang/diag", "lang/graph", "lang/schema", "lang/value"},

	"interpreter/journal":             {"interpreter/machine", "lang/value"},
	"interpreter/journal/memory":      {"interpreter/journal"},
	"interpreter/journal/sqlite":      {"interpreter/journal"},
	"interpreter/journal/journaltest": {"interpreter/journal"},
	"interpreter/telemetry":           {"interpreter/machine"},
	"interpreter/durable":             {"builtins", "interpreter", "interpreter/journal", "interpreter/machine", "interpreter/sim", "interpreter/telemetry", "lang/graph", "lang/value"},

	"workflows":      {},
	"mocks":          {"builtins", "lang", "lang/check", "lang/diag", "lang/expr", "lang/graph", "lang/suite", "lang/value", "workflows"},
	"golden/cover":   {"lang/diag", "lang/draw", "lang/expr", "lang/graph", "lang/value"},
	"golden":         {"builtins", "golden/cover", "golden/invariant", "interpreter", "interpreter/machine", "interpreter/sim", "lang", "lang/check", "lang/diag", "lang/draw", "lang/expr", "lang/graph", "lang/suite", "lang/syntax", "lang/value", "mocks"},
	"golden/vary":    {"lang/expr", "lang/graph", "lang/token", "lang/value"},
	"golden/propose": {"builtins", "golden", "golden/cover", "golden/vary", "interpreter", "interpreter/machine", "interpreter/sim", "lang", "lang/check", "lang/diag", "lang/expr", "lang/graph", "lang/suite", "lang/syntax", "lang/token", "lang/value", "mocks"},
	"golden/explore": {"builtins", "golden", "golden/invariant", "golden/propose", "golden/vary", "interpreter", "interpreter/machine", "interpreter/sim", "lang", "lang/diag", "lang/effect", "lang/expr", "lang/graph", "lang/suite", "lang/token", "lang/value", "mocks"},
	"golden/mutate":  {"builtins", "golden", "golden/cover", "golden/explore", "golden/invariant", "golden/propose", "lang", "lang/check", "lang/diag", "lang/graph", "lang/suite", "lang/syntax", "lang/token", "lang/value", "mocks"},
	"cmd/wf":         {"builtins", "builtins/remote", "golden", "golden/cover", "golden/explore", "golden/invariant", "golden/mutate", "golden/propose", "interpreter", "interpreter/durable", "interpreter/journal", "interpreter/journal/sqlite", "interpreter/machine", "interpreter/report", "interpreter/sim", "interpreter/telemetry", "lang", "lang/check", "lang/diag", "lang/draw", "lang/effect", "lang/explain", "lang/expr", "lang/graph", "lang/lsp", "lang/suite", "lang/syntax", "lang/value", "mocks", "workflows"},

	"golden/invariant": {"builtins", "interpreter/machine", "lang/expr", "lang/graph", "lang/suite", "lang/value"},
}

// owners says which packages alone import a library, so that one place decides how it is
// used.
var owners = map[string][]string{
	"github.com/alecthomas/participle/v2":    {"lang/syntax"},
	"github.com/alecthomas/kong":             {"cmd/wf"},
	"github.com/expr-lang/expr":              {"lang/expr"},
	"github.com/santhosh-tekuri/jsonschema/": {"lang/schema"},
	"gopkg.in/yaml.v3":                       {"lang/syntax"},
	"go.lsp.dev/":                            {"lang/lsp"},
	"os/exec":                                {},
	"net/http":                               {"builtins/remote"},

	"github.com/ncruces/go-sqlite3": {"interpreter/journal/sqlite"},

	"go.opentelemetry.io/otel/sdk":       {"cmd/wf"},
	"go.opentelemetry.io/otel/exporters": {"cmd/wf"},
}

// module loads the packages of this module, without their tests.
func module(t *testing.T) []*packages.Package {
	t.Helper()
	if testing.Short() {
		t.Skip("loads the whole module")
	}
	mode := packages.NeedName | packages.NeedImports | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo
	list, err := packages.Load(&packages.Config{Mode: mode, Dir: ".."}, "./...")
	if err != nil {
		t.Fatal(err)
	}
	if n := packages.PrintErrors(list); n > 0 {
		t.Fatalf("%d errors", n)
	}
	list = slices.DeleteFunc(list, func(p *packages.Package) bool { return len(p.Syntax) == 0 }) // tests only
	if len(list) < 15 {
		t.Fatalf("the module has %d packages?", len(list))
	}
	return list
}

func short(path string) string { return strings.TrimPrefix(path, "wf/") }

// TestArrows holds that imports go down only, and that libraries stay with their owners.
func TestArrows(t *testing.T) {
	for _, p := range module(t) {
		may, known := arrows[short(p.PkgPath)]
		if !known {
			t.Errorf("%s is not in the table of arrows", p.PkgPath)
		}
		for path := range p.Imports {
			if rest, ours := strings.CutPrefix(path, "wf/"); ours && !slices.Contains(may, rest) {
				t.Errorf("%s imports %s, which is not below it", p.PkgPath, path)
			}
			for library, of := range owners {
				if strings.HasPrefix(path, library) && !slices.Contains(of, short(p.PkgPath)) {
					t.Errorf("%s imports %s; that is for %v", p.PkgPath, path, of)
				}
			}
		}
	}
	var visit func(name string, path []string)
	done := map[string]bool{}
	visit = func(name string, path []string) {
		if i := slices.Index(path, name); i >= 0 {
			t.Errorf("the table has a cycle: %v", append(path[i:], name))
			return
		}
		if done[name] {
			return
		}
		for _, below := range arrows[name] {
			if _, known := arrows[below]; !known {
				t.Errorf("the table names %s, which it does not list", below)
			}
			visit(below, append(path[:len(path):len(path)], name))
		}
		done[name] = true
	}
	for name := range arrows {
		visit(name, nil)
	}
}

// TestArchitectureDocument holds that docs/architecture.md speaks of each package, and of
// none that does not exist.
func TestArchitectureDocument(t *testing.T) {
	text, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		named[m[1]] = true
		if _, known := arrows[m[1]]; !known {
			t.Errorf("there is no package %s", m[1])
		}
	}
	for _, p := range module(t) {
		if !named[short(p.PkgPath)] {
			t.Errorf("its table of packages lacks %s", short(p.PkgPath))
		}
	}
}

// pure says what a package may not do, by what would go wrong.
type pure struct {
	imports   []string // that it may have beside those of this module; nil: any
	noClock   bool     // the time comes with events
	noThreads bool     // goroutines, channels: order would depend on the scheduler
	noMaps    bool     // ranging over a map: the order is random
	noState   bool     // changing package variables: one run would see another
}

// The core: what it does depends on its events alone. Below it the same holds, but for
// the imports and maps, whose order the packages sort out.
var (
	core     = pure{imports: []string{"bytes", "cmp", "encoding/json", "errors", "fmt", "io", "maps", "math", "slices", "strconv", "strings", "time"}, noClock: true, noThreads: true, noMaps: true, noState: true}
	below    = pure{noClock: true, noThreads: true, noState: true}
	anywhere = pure{noState: true}
)

func rules(path string) pure {
	switch {
	case path == "interpreter/machine":
		return core
	case strings.HasPrefix(path, "lang"):
		return below
	}
	return anywhere
}

// TestPurity holds the rules over the module: the core is a pure state machine, what is
// below it has no clock and no threads, and no package has variables that change.
func TestPurity(t *testing.T) {
	for _, p := range module(t) {
		for _, problem := range impurities(rules(short(p.PkgPath)), p.Fset, p.Syntax, p.TypesInfo) {
			t.Error(problem)
		}
	}
}

// TestPurityIsNoticed breaks each rule once.
func TestPurityIsNoticed(t *testing.T) {
	for _, tt := range []struct{ want, src string }{
		{"imports sync", `import "sync"; var m sync.Mutex`},
		{"imports os", `import "os"; func f() string { return os.Getenv("x") }`},
		{"reads the clock: time.Now", `import "time"; func f() time.Time { return time.Now() }`},
		{"reads the clock: time.Since", `import "time"; func f(t time.Time) time.Duration { return time.Since(t) }`},
		{"reads the clock: time.AfterFunc", `import "time"; var f = time.AfterFunc`},
		{"reads the clock: time.Local", `import "time"; func f(t time.Time) time.Time { return t.In(time.Local) }`},
		{"starts a goroutine", `func f() { go f() }`},
		{"has a channel", `func f(c chan int) {}`},
		{"ranges over a map", `func f(m map[string]int) (n int) { for range m { n++ }; return }`},
		{"ranges over a map", `type m map[string]int; func f(m m) (n int) { for _, v := range m { n = v }; return }`},
		{"ranges over a map", `import "maps"; func f(m map[string]int) (n int) { for k := range maps.Values(m) { n = k }; return }`},
		{"changes the package variable n", `var n int; func f() { n = 1 }`},
		{"changes the package variable n", `var n int; func f() { n++ }`},
		{"changes the package variable m", `var m = map[string]int{}; func f() { m["a"] = 1 }`},
		{"changes the package variable s", `var s struct{ a []int }; func f() { s.a[0] += 2 }`},
		{"takes the address of the package variable n", `var n int; func f() *int { return &n }`},
		{"has an init", `func init() {}`},
	} {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, "sample.go", "package sample; "+tt.src, 0)
		if err != nil {
			t.Fatal(err)
		}
		info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
		if _, err := (&types.Config{Importer: importer.ForCompiler(fset, "source", nil)}).Check("sample", fset, []*ast.File{file}, info); err != nil {
			t.Fatal(err)
		}
		got := impurities(core, fset, []*ast.File{file}, info)
		if len(got) != 1 || !strings.HasSuffix(got[0], tt.want) {
			t.Errorf("%s\ngives %q, want %q", tt.src, got, tt.want)
		}
	}
}

// impurities lists what a package does against the rules.
func impurities(r pure, fset *token.FileSet, files []*ast.File, info *types.Info) (out []string) {
	say := func(n ast.Node, format string, args ...any) {
		pos := fset.Position(n.Pos())
		out = append(out, fmt.Sprintf("%s:%d: %s", pos.Filename, pos.Line, fmt.Sprintf(format, args...)))
	}
	// global is the package variable that an expression is, or is a part of.
	global := func(e ast.Expr) *types.Var {
		for {
			switch x := e.(type) {
			case *ast.ParenExpr:
				e = x.X
			case *ast.IndexExpr:
				e = x.X
			case *ast.StarExpr:
				e = x.X
			case *ast.SelectorExpr:
				if v, ok := info.Uses[x.Sel].(*types.Var); ok && !v.IsField() {
					return v // of another package
				}
				e = x.X
			case *ast.Ident:
				if v, ok := info.Uses[x].(*types.Var); ok && v.Parent() == v.Pkg().Scope() {
					return v
				}
				return nil
			default:
				return nil
			}
		}
	}
	change := func(e ast.Expr) {
		if v := global(e); r.noState && v != nil {
			say(e, "changes the package variable %s", v.Name())
		}
	}
	clock := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Local"}
	for _, file := range files {
		for _, imp := range file.Imports {
			path := strings.Trim(imp.Path.Value, `"`)
			if r.imports != nil && !strings.HasPrefix(path, "wf/") && !slices.Contains(r.imports, path) {
				say(imp, "imports %s", path)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil && n.Name.Name == "init" {
					say(n, "has an init")
				}
			case *ast.GoStmt:
				if r.noThreads {
					say(n, "starts a goroutine")
				}
			case *ast.ChanType:
				if r.noThreads {
					say(n, "has a channel")
				}
			case *ast.RangeStmt:
				if r.noMaps && unordered(info, n.X) {
					say(n, "ranges over a map")
				}
			case *ast.AssignStmt:
				for _, left := range n.Lhs {
					change(left)
				}
			case *ast.IncDecStmt:
				change(n.X)
			case *ast.UnaryExpr:
				if v := global(n.X); n.Op == token.AND && r.noState && v != nil {
					say(n, "takes the address of the package variable %s", v.Name())
				}
			case *ast.SelectorExpr:
				obj := info.Uses[n.Sel]
				if r.noClock && obj != nil && obj.Pkg() != nil && obj.Pkg().Path() == "time" && obj.Parent() == obj.Pkg().Scope() && slices.Contains(clock, obj.Name()) {
					say(n, "reads the clock: time.%s", obj.Name())
				}
			}
			return true
		})
	}
	return out
}

// unordered reports whether ranging over x has a random order: a map, or an iterator
// that package maps makes.
func unordered(info *types.Info, x ast.Expr) bool {
	if call, ok := x.(*ast.CallExpr); ok {
		fun := ast.Unparen(call.Fun)
		if index, ok := fun.(*ast.IndexExpr); ok {
			fun = index.X
		}
		sel, ok := fun.(*ast.SelectorExpr)
		return ok && info.Uses[sel.Sel] != nil && info.Uses[sel.Sel].Pkg() != nil && info.Uses[sel.Sel].Pkg().Path() == "maps"
	}
	t := info.TypeOf(x)
	if t == nil {
		return false
	}
	_, ok := t.Underlying().(*types.Map)
	return ok
}
