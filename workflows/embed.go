// Package workflows holds the shipped example workflows, the signatures of the
// services they call, mocks of some of these in the language itself, and inputs.
package workflows

import "embed"

// FS holds the .wf, .yaml and input files of this folder.
//
//go:embed *.wf *.yaml services inputs mocks
var FS embed.FS
