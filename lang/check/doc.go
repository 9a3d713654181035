// Package check gives every name of a definition its meaning and every expression
// its type, or says why not, and builds the step graph from what it found.
//
// It takes the trees of a file and its imports ([Unit]) and a [Catalog] of the
// services that Go code registered, and never looks at an implementation. All
// problems of all files come back in one list. Start with [Check].
//
// It does not read files (package lang does) and does not run anything.
package check

/*
The order of work, which is the order of the files: types and signatures
(declare.go); names, edges and cycles of a workflow (workflow.go); then each step in
an order in which the results it reads are typed already (step.go, call.go,
clause.go), merging the policies of the levels on the way (policy.go). A step that is
part of a cycle has a result of type any, so that one mistake is reported once.
*/
