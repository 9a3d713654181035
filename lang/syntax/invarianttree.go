package syntax

import (
	"regexp"
	"slices"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// InvariantRule is *NeverCall, *Holds, *Implies, *AtMost or *EndsWithin.
type InvariantRule interface{ invariantRule() }

type (
	// Invariant says what must be true of every run of a workflow.
	Invariant struct {
		Node
		Name     Text            `parser:"'invariant' @@"`
		Workflow []Name          `parser:"( 'for' @@ ( '.' @@ )* )?"` // nil: the names of the rules say which
		Rules    []InvariantRule `parser:"'{' @@* '}'"`
	}
	// NeverCall forbids a call at certain times. When is unless, before or after.
	NeverCall struct {
		Node
		Target []Name `parser:"'never' 'call' @@ ( '.' @@ )*"`
		When   string `parser:"@( 'unless' | 'before' | 'after' )"`
		Fact   *Expr  `parser:"@@"`
	}
	// Holds is what is true at all times, at none, or at the end. Word is always, never or
	// finally.
	Holds struct {
		Node
		Word string `parser:"@( 'always' | 'never' | 'finally' )"`
		Fact *Expr  `parser:"@@"`
	}
	// Implies is what is true at the end, if something was true before.
	Implies struct {
		Node
		If   *Expr `parser:"'if' @@"`
		Then *Expr `parser:"Newline* 'then' 'finally' @@"`
	}
	// AtMost bounds how often an operation is called, or takes effect.
	AtMost struct {
		Node
		Count  *Expr  `parser:"'at' 'most' @@"`
		Unit   string `parser:"@( 'effects' | 'effect' | 'calls' | 'call' )"`
		Target []Name `parser:"'of' @@ ( '.' @@ )*"`
		PerRun bool   `parser:"( @'per' 'run' )?"` // it says so; it means the same without
	}
	// EndsWithin bounds how long a run takes.
	EndsWithin struct {
		Node
		Value *Expr `parser:"'every' 'run' 'ends' 'within' @@"`
	}
)

func (*Invariant) decl() {}

func (*NeverCall) invariantRule()  {}
func (*Holds) invariantRule()      {}
func (*Implies) invariantRule()    {}
func (*AtMost) invariantRule()     {}
func (*EndsWithin) invariantRule() {}

// invariantRules are the productions of rules by the word they begin with.
func invariantRules(g *participle.Parser[rules]) choices[InvariantRule] {
	call, holds := of[NeverCall, InvariantRule](g), of[Holds, InvariantRule](g)
	never := func(lex *lexer.PeekingLexer) (InvariantRule, error) {
		if isWord(peek(lex, 1), "call") {
			return call(lex)
		}
		return holds(lex)
	}
	return choices[InvariantRule]{"never": never, "always": holds, "finally": holds, "if": of[Implies, InvariantRule](g),
		"at": of[AtMost, InvariantRule](g), "every": of[EndsWithin, InvariantRule](g)}
}

// factWords are the words of facts that are no endings.
var factWords = []string{"took", "effect", "was", "called"}

// IsFactWord reports whether a word may say what became of something that stands before it.
func IsFactWord(word string) bool {
	return slices.Contains(factWords, word) || slices.Contains(Endings, word) && word != "refused"
}

// factAhead is how many words behind a name or path are to come that make it a fact: one
// of an ending, two of `took effect` and `was called`; 0 if there is none.
func factAhead(first lexer.Token, second func() lexer.Token) int {
	switch {
	case isEnding(first) && first.Value != "refused":
		return 1
	case isWord(first, "took") && isWord(second(), "effect"), isWord(first, "was") && isWord(second(), "called"):
		return 2
	}
	return 0
}

// walkInvariant visits what is below an invariant or a rule of one.
func (w walker) invariant(n any) {
	switch n := n.(type) {
	case *Invariant:
		w.visit(&n.Name)
		values(w, n.Workflow)
		nodes(w, n.Rules)
	case *NeverCall:
		values(w, n.Target)
		w.expr(n.Fact)
	case *Holds:
		w.expr(n.Fact)
	case *Implies:
		w.expr(n.If)
		w.expr(n.Then)
	case *AtMost:
		w.expr(n.Count)
		values(w, n.Target)
	case *EndsWithin:
		w.expr(n.Value)
	}
}

// invariant writes an invariant or a rule of one; false if it is something else.
func (w *writer) invariant(n any) bool {
	switch n := n.(type) {
	case *Invariant:
		w.print("invariant ", quoted(n.Name.Value))
		if len(n.Workflow) > 0 {
			w.print(" for ")
			w.dotted(n.Workflow)
		}
		inline(w, n.Rules)
	case *NeverCall:
		w.print("never call ")
		w.dotted(n.Target)
		w.with(" "+n.When+" ", n.Fact)
	case *Holds:
		w.with(n.Word+" ", n.Fact)
	case *Implies:
		w.with("if ", n.If)
		w.with(" then finally ", n.Then)
	case *AtMost:
		w.with("at most ", n.Count)
		w.print(" ", n.Unit, " of ")
		w.dotted(n.Target)
		if n.PerRun {
			w.print(" per run")
		}
	case *EndsWithin:
		w.with("every run ends within ", n.Value)
	default:
		return false
	}
	return true
}

var lineEnds = regexp.MustCompile(`\s*\n\s*`)

// RuleText is a rule on one line.
func RuleText(r InvariantRule) string {
	w := &writer{}
	w.invariant(r)
	return lineEnds.ReplaceAllString(w.out.String(), " ")
}
