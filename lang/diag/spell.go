package diag

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Nearest returns the candidate most like name, or "" if none is near enough to
// be what the author meant. Ties go to the alphabetically first.
func Nearest(name string, candidates []string) string {
	if near := Near(name, candidates, 1); len(near) > 0 {
		return near[0]
	}
	return ""
}

// maxCandidates is how many names are searched for a similar one: with more, every name
// is similar to some, and to look costs more than it tells.
const maxCandidates = 5000

// Near returns up to n candidates that are likely misspellings of name, nearest
// first. It allows one edit for every three letters, or a shared long prefix; of one
// letter only the case may differ.
func Near(name string, candidates []string, n int) []string {
	type scored struct {
		word string
		d    int
	}
	if len(candidates) > maxCandidates {
		return nil
	}
	limit := max(1, utf8.RuneCountInString(name)/3)
	if utf8.RuneCountInString(name) == 1 {
		limit = 0 // every other letter is one edit away
	}
	low := strings.ToLower(name)
	var found []scored
	for _, c := range candidates {
		if c == name || c == "" {
			continue
		}
		d := distance(low, strings.ToLower(c), limit)
		if d > limit && len(low) >= 4 && (strings.HasPrefix(strings.ToLower(c), low) || strings.HasSuffix(strings.ToLower(c), low)) {
			d = limit
		}
		if d <= limit {
			found = append(found, scored{c, d})
		}
	}
	slices.SortFunc(found, func(a, b scored) int {
		if a.d != b.d {
			return a.d - b.d
		}
		return strings.Compare(a.word, b.word)
	})
	var words []string
	for _, f := range found[:min(n, len(found))] {
		words = append(words, f.word)
	}
	return slices.Compact(words)
}

// DidYouMean is the hint for an unknown name: `did you mean "x"?`, or "" when
// nothing is near.
func DidYouMean(name string, candidates []string) string {
	return didYou(Near(name, candidates, 3))
}

func didYou(near []string) string {
	switch len(near) {
	case 0:
		return ""
	case 1:
		return didYouMean + near[0] + "?"
	}
	return didYouMean + strings.Join(near[:len(near)-1], ", ") + " or " + near[len(near)-1] + "?"
}

// Suggest sets the hint of [DidYouMean] for the unknown name at a place. If one candidate is
// nearest, to write that is the fix. It reports whether there is anything to suggest.
func (d *Diagnostic) Suggest(at Span, name string, candidates []string) bool {
	near := Near(name, candidates, 3)
	d.Knows(at, candidates)
	if d.Hint = didYou(near); len(near) == 1 && at.End-at.Start == len(name) {
		d.Fix("write "+near[0], Edit{at, near[0]})
	}
	return d.Hint != ""
}

// Knows notes what could stand in the place of a name, for editors. [Diagnostic.Suggest] does
// it too.
func (d *Diagnostic) Knows(at Span, names []string) {
	if len(names) > maxCandidates {
		return
	}
	d.KnownAt = at
	d.Known = make([]Known, len(names))
	for i, name := range names {
		d.Known[i].Name = name
	}
}

// Tell says of each name that could stand there what it is.
func (d *Diagnostic) Tell(what func(name string) string) {
	for i := range d.Known {
		d.Known[i].What = what(d.Known[i].Name)
	}
}

const didYouMean = "did you mean "

// Suggests reports whether the hint names what was probably meant.
func (d *Diagnostic) Suggests() bool { return strings.HasPrefix(d.Hint, didYouMean) }

// distance is the optimal string alignment distance (insert, delete, replace,
// swap neighbours); anything above limit is reported as limit+1.
func distance(a, b string, limit int) int {
	s, t := []rune(a), []rune(b)
	if len(s)-len(t) > limit || len(t)-len(s) > limit {
		return limit + 1
	}
	prev2, prev, cur := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(s); i++ {
		cur[0] = i
		best := cur[0]
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
			best = min(best, cur[j])
		}
		if best > limit {
			return limit + 1
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(t)]
}
