// Package lang turns a workflow file into a graph that can run: the whole pipeline
// in one call, [Load].
//
//	token ──► syntax ──► check ──► graph
//	             expr ────┘ (typed by value, problems reported through diag)
//
// A file is .wf or YAML; both become one tree (package syntax), are checked against
// the services they import and those registered in Go (package check, which uses
// package expr for every expression), and end as one immutable graph (package
// graph). Nothing here runs a workflow: see package interpreter.
//
// The language itself is described in SPEC.md beside this file.
package lang
