// Package lsp is the language server: it answers what an editor asks about definitions
// and test files, over the Language Server Protocol.
//
// It adds nothing to the language. Every answer is made of what [lang.Load] finds out of a
// file: the tree, the problems, and the index of its names. What is typed counts before it
// is saved: files are read from the open documents first, and from the [Host] else.
//
// [Serve] runs one session. Changes are taken in at once, in the order in which they come;
// everything else is answered one request at a time, from the state of the documents when
// the request came. Work for a state that is over already is left out.
package lsp
