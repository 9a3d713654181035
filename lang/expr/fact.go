package expr

import (
	"strings"

	"wf/lang/token"
)

// Facts is a scope in which a name and what became of it are a condition: `charge
// completed`, `run failed`, `shop.ship took effect`, `shop.ship was called`. They stand
// for ending(charge) == "completed", run.ending == "failed", and for references
// (see [Referrer]) with the functions [TookEffect] and [WasCalled].
type Facts interface{ Facts() bool }

// Functions that facts stand for. No author writes them.
const (
	TookEffect = "__took_effect"
	WasCalled  = "__was_called"
)

func hasFacts(scope Scope) bool {
	f, ok := scope.(Facts)
	return ok && f.Facts()
}

// endings are the words that say how a step or run ended.
var endings = map[string]bool{"completed": true, "degraded": true, "skipped": true, "failed": true, "cancelled": true, "compensated": true, "not_run": true, "resolved": true}

// fact is one while it is written: tokens [start, end) of a path, then words.
type fact struct {
	start, end int
	words      int
	function   string // that the path is an argument of; "": it is the run
	ending     string // that its value is compared with; "": it is a condition
}

// fact finds the fact that begins with token i; nil if there is none.
func (r *rewriter) fact(i int) *fact {
	if before := r.before(i); before == "." || before == "?." || r.Tokens[i].Kind != token.Ident {
		return nil
	}
	end := r.pathEnd(i)
	f := &fact{start: i, end: end, words: 1}
	switch word := r.Word(end); {
	case r.Tokens[end].Kind != token.Ident:
		return nil
	case endings[word] && end == i+1 && r.Word(i) == "run":
		f.ending = word
	case endings[word]:
		f.function, f.ending = "ending", word
	case word == "took" && r.Word(end+1) == "effect":
		f.words, f.function = 2, TookEffect
	case word == "was" && r.Word(end+1) == "called":
		f.words, f.function = 2, WasCalled
	default:
		return nil
	}
	return f
}

// pathEnd is the token behind a name and the names and keys that follow it: a.b["c"].
func (r *rewriter) pathEnd(i int) int {
	for i++; ; {
		switch {
		case r.Word(i) == "." && r.Tokens[i+1].Kind == token.Ident:
			i += 2
		case r.Word(i) == "[":
			i = min(r.Closing(i)+1, len(r.Tokens)-1)
		default:
			return i
		}
	}
}

// writeFact writes a fact and returns its last token.
func (r *rewriter) writeFact(f *fact) int {
	first, last := r.Tokens[f.start], r.Tokens[f.end+f.words-1]
	if !r.facts {
		text := strings.TrimSpace(r.Source[first.Start:last.End])
		r.refuse(f.end, "how it ended is not known here, so %s cannot be asked", text).Hintf("such facts stand in invariants")
		return f.end + f.words - 1
	}
	word := r.Tokens[f.end]
	if f.ending != "" {
		r.out.WriteByte('(')
	}
	if f.function == "" {
		r.put(first.Start, first.End, "run.ending")
	} else {
		r.put(first.Start, first.Start, f.function+"(")
		for i := f.start; i < f.end; i++ {
			r.out.WriteByte(' ')
			r.token(i)
		}
		r.put(word.Start, last.End, ")")
	}
	if f.ending != "" {
		r.out.WriteString(" == ")
		r.put(word.Start, word.End, quote(f.ending))
		r.out.WriteByte(')')
	}
	return f.end + f.words - 1
}
