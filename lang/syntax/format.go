package syntax

import "fmt"

// MaxColumns is how many columns a formatted line has at most if it can be broken;
// comments do not count.
const MaxColumns = 120

// Format lays out a file that [Parse] read from src without an error. Only spaces, line
// ends and separating commas change: the words stay, in their order, and so do the
// comments between them. Where the author broke a line it is broken; what stood on one
// line stays on one if it fits. Formatting the result changes nothing.
//
// It is made in three passes. [draft] cuts the source into words, leaves out what only
// separates, and finds out with the help of the tree what each word is. [outline] makes
// groups of what stands in brackets, and knows of each how wide it is on one line and
// whether it has to go over several. [layout] writes lines, breaking the outermost group
// first, and at last lines up what belongs together. No decision depends on how far
// something is moved then, and what is broken once counts as broken by the author the
// next time: that is why the result is stable.
func Format(f *File, src []byte) []byte {
	d := newDraft(f, src)
	l := &layout{words: d.words}
	l.file(newOutline(d.words))
	l.align()
	return l.bytes()
}

// Print writes a tree that was made otherwise than by reading a .wf file, in the layout
// of [Format] and without comments. It panics if the tree is one that no file has.
func Print(f *File) []byte {
	w := &writer{}
	w.file(f)
	src := []byte(w.out.String())
	again, problems := Parse(f.Name, src)
	if problems.HasErrors() {
		panic(fmt.Sprintf("%s is a tree that no file has: %v\n%s", f.Name, problems, src))
	}
	return Format(again, src)
}
