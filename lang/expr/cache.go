package expr

import (
	"github.com/expr-lang/expr/parser"

	"wf/lang/diag"
)

// Cache keeps what expressions are before anything is known of their scope, for those who
// compile nearly the same again and again, as an editor does. It is for one goroutine.
type Cache struct{ known map[string]*reading }

// maxKept is how many texts a cache knows.
const maxKept = 20_000

// Cacher is a scope whose expressions may be known; the cache may be nil.
type Cacher interface{ Cache() *Cache }

// reading is an expression that is read, and not typed yet.
type reading struct {
	out             string    // what expr-lang reads
	segments        []segment // where it came from
	tree            *parser.Tree
	path            []string
	text            string // in one spelling
	ifTrue, ifFalse []Fact
}

// read reads an expression; nil if it is none, which is told.
func read(src Source, scope Scope) (*reading, diag.List) {
	out, segments, problems := rewrite(src, hasFacts(scope))
	if problems.HasErrors() {
		return nil, problems
	}
	tree, err := parser.ParseWithConfig(out, base())
	if err != nil {
		return nil, diag.List{syntaxProblem(err, src, scope, placer(src, out, segments))}
	}
	r := &reading{out: out, segments: segments, tree: tree, text: canonical(tree.Node)}
	if path := trail(tree.Node); path != nil {
		r.path = Path(path[len(path)-1])
	}
	r.ifTrue, r.ifFalse = facts(tree.Node, true), facts(tree.Node, false)
	return r, nil
}

// cacheOf is the cache of a scope; nil if it has none, or reads texts in a way of its own.
func cacheOf(scope Scope) *Cache {
	if hasFacts(scope) {
		return nil
	}
	if c, ok := scope.(Cacher); ok {
		return c.Cache()
	}
	return nil
}

// reading is what is known of a text; nil: nothing.
func (c *Cache) reading(text string) *reading {
	if c == nil {
		return nil
	}
	return c.known[text]
}

// keep notes what a text is. A tree that was changed for its types is of no use for others.
func (c *Cache) keep(text string, r *reading, changed bool) {
	switch {
	case c == nil:
	case changed:
		delete(c.known, text)
	case c.known == nil || len(c.known) >= maxKept:
		c.known = map[string]*reading{text: r}
	default:
		c.known[text] = r
	}
}
