package lsp

import (
	"context"
	"slices"

	"go.lsp.dev/protocol"

	"wf/lang/syntax"
	"wf/lang/token"
)

// The kinds of semantic tokens, by index.
const (
	tokenKeyword = iota
	tokenType
	tokenService
	tokenOperation
	tokenWorkflow
	tokenPolicy
	tokenVariable
	tokenField
	tokenFunction // and steps
	tokenCode
	tokenOperator
)

// tokenTypes are what the protocol calls them.
var tokenTypes = []string{"keyword", "type", "namespace", "method", "class", "macro", "variable", "property", "function", "enumMember", "operator"}

// tokenModifiers are the modifiers, by bit.
var tokenModifiers = []string{"declaration", "defaultLibrary"}

const (
	declares = 1 << iota
	builtIn  // a function of expressions
)

// mark is what a token is.
type mark struct{ kind, modifiers int }

// SemanticTokensFull says of each word of a document what it is: words of the language are
// words only where they mean something. YAML is left to its own colours.
func (s *Server) SemanticTokensFull(ctx context.Context, params *protocol.SemanticTokensParams) (*protocol.SemanticTokens, error) {
	now := stateOf(ctx)
	out := &protocol.SemanticTokens{Data: []uint32{}}
	d := now.docs[fileOf(params.TextDocument.URI)]
	if d == nil || isYAML(d.name) {
		return out, nil
	}
	tree := now.analyse(d.name).Tree
	if tree == nil {
		return out, nil
	}
	line, column := uint32(0), uint32(0)
	for _, m := range marked(d.src, tree) {
		at := d.position(m.Start)
		if at.Line != line {
			column = 0
		}
		out.Data = append(out.Data, at.Line-line, at.Character-column, uint32(units(d.src[m.Start:m.End])), uint32(m.kind), uint32(m.modifiers))
		line, column = at.Line, at.Character
	}
	return out, nil
}

// markedToken is a token with what it is.
type markedToken struct {
	token.Token
	mark
}

// marked lists the words of a source that are something.
func marked(src string, tree *syntax.File) []markedToken {
	names, inside := places(tree)
	tokens, _, _ := token.Scan(tree.Name, src)
	text := token.Text{Source: src, Tokens: tokens}
	words := syntax.Words()
	var out []markedToken
	for i, t := range tokens {
		word := text.Word(i)
		m, known := names[t.Start]
		switch {
		case t.Kind != token.Ident:
			continue
		case known:
		case inside(t.Start):
			m = inExpression(text, i)
		case slices.Contains(words, word):
			m = mark{kind: tokenKeyword}
		default:
			continue
		}
		out = append(out, markedToken{t, m})
	}
	return out
}

// places says what the names of a tree are, by where they begin, and which bytes belong to
// expressions.
func places(tree *syntax.File) (names map[int]mark, inside func(offset int) bool) {
	names = map[int]mark{}
	name := func(kind, modifiers int, list ...syntax.Name) {
		for _, n := range list {
			names[n.Span.Start] = mark{kind, modifiers}
		}
	}
	target := func(list []syntax.Name) {
		for i, n := range list {
			name([]int{tokenService, tokenOperation}[min(i, 1)], 0, n)
		}
	}
	var spans []*syntax.Expr
	syntax.Walk(tree, func(n any) bool {
		switch n := n.(type) {
		case *syntax.Expr:
			spans = append(spans, n)
		case *syntax.Workflow:
			name(tokenWorkflow, declares, n.Name...)
		case *syntax.Step:
			name(tokenFunction, declares, n.Name)
			name(tokenFunction, 0, n.After...)
			if n.For != nil {
				name(tokenVariable, declares, n.For.Var)
			}
		case *syntax.Undo:
			name(tokenFunction, 0, n.Until...)
		case *syntax.Let:
			name(tokenVariable, declares, n.Name)
		case *syntax.TypeDecl:
			name(tokenType, declares, n.Name)
		case *syntax.NamedShape:
			names[n.Span.Start] = mark{kind: tokenType}
		case *syntax.Field:
			name(tokenField, declares, n.Name)
		case *syntax.Service:
			name(tokenService, declares, n.Name)
		case *syntax.Operation:
			name(tokenOperation, declares, n.Name)
		case *syntax.HTTP:
			name(tokenKeyword, 0, n.Method)
		case *syntax.PolicyDecl:
			name(tokenPolicy, declares, n.Name)
		case *syntax.Use:
			name(tokenPolicy, 0, n.Name)
		case *syntax.Call:
			target(n.Target)
		case *syntax.Outcome:
			if n.Name != "" {
				names[n.Span.Start] = mark{kind: tokenCode}
			}
		case *syntax.Fail:
			name(tokenCode, 0, n.Code)
		case *syntax.Mock:
			name(tokenService, 0, n.Service)
			name(tokenService, 0, n.More...)
			if n.Operation != nil {
				name(tokenOperation, 0, *n.Operation)
			}
		case *syntax.MockOperation:
			name(tokenOperation, 0, n.Name)
		case *syntax.Table:
			name(tokenVariable, declares, n.Name)
		case *syntax.Put:
			target(n.Table)
		case *syntax.Test:
			if n.Var != nil {
				name(tokenVariable, declares, *n.Var)
			}
		case *syntax.Invariant:
			name(tokenWorkflow, 0, n.Workflow...)
		case *syntax.NeverCall:
			target(n.Target)
		case *syntax.AtMost:
			target(n.Target)
		case *syntax.Run:
			name(tokenWorkflow, 0, n.Workflow...)
		case *syntax.Deed:
			for _, step := range []*syntax.Name{n.Step, n.From} {
				if step != nil {
					name(tokenFunction, 0, *step)
				}
			}
		case *syntax.Expect:
			if n.Ending != nil {
				name(tokenKeyword, 0, *n.Ending)
			}
			if n.Code != nil {
				name(tokenCode, 0, *n.Code)
			}
		}
		return true
	})
	slices.SortFunc(spans, func(a, b *syntax.Expr) int { return a.Span.Start - b.Span.Start })
	return names, func(offset int) bool {
		i, found := slices.BinarySearchFunc(spans, offset, func(e *syntax.Expr, at int) int { return e.Span.Start - at })
		return found || i > 0 && offset < spans[i-1].Span.End
	}
}

// inExpression says what a word of an expression is.
func inExpression(t token.Text, i int) mark {
	word := t.Word(i)
	switch prev := t.Word(i - 1); {
	case prev == "." || prev == "?." || t.IsKey(i):
		return mark{kind: tokenField}
	case token.WordOps[word]:
		return mark{kind: tokenOperator}
	case i > 0 && syntax.IsFactWord(word) && (t.Tokens[i-1].Kind == token.Ident && !token.WordOps[prev] || prev == "]"): // behind what it is about
		return mark{kind: tokenKeyword}
	case word == "nil" || word == "true" || word == "false":
		return mark{kind: tokenKeyword}
	case t.Word(i+1) == "(":
		return mark{tokenFunction, builtIn}
	}
	return mark{kind: tokenVariable}
}
