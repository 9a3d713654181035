// Package syntax turns source text into a tree and back. Both syntaxes, .wf
// ([Parse]) and YAML ([ParseYAML]), give the same tree ([File]) with exact spans;
// [Format] prints it. Meaning is given to the tree by package check.
package syntax

/*
The grammar of .wf files stands on the types of tree.go, as participle tags. Three
things are not plain grammar: expressions, whose end is found by a scan (capture.go);
what the grammar leaves as raw text and is finished in a walk over the tree
(finish.go); and errors: participle stops at the first one, so the offending statement
is blanked out and the rest is read again, until nothing is left to report (parse.go).
*/
