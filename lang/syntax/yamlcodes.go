package syntax

import "wf/lang/diag"

// Codes of the diagnostics of the YAML reader.
const (
	CodeYAML            diag.Code = "WF601" // text that is not YAML
	CodeYAMLLimit       diag.Code = "WF602" // a limit of size, depth or aliases
	CodeYAMLType        diag.Code = "WF603" // a value of the wrong sort for its key
	CodeYAMLUnknown     diag.Code = "WF604" // warning: a key nobody knows
	CodeYAMLInert       diag.Code = "WF605" // warning: a known key without effect here
	CodeYAMLDuplicate   diag.Code = "WF606" // a key given twice
	CodeYAMLMissing     diag.Code = "WF607" // a required key left out
	CodeYAMLPath        diag.Code = "WF608" // warning: data that looks like an expression
	CodeYAMLPlaceholder diag.Code = "WF609" // warning: ${VAR} in data, which nobody fills in
	CodeYAMLSchema      diag.Code = "WF610" // a JSON Schema that is none, or says what is not checked
	CodeYAMLEnvironment diag.Code = "WF611" // warning: an override without anything to override
	CodeYAMLNamedSteps  diag.Code = "WF612" // a step that named_steps does not list
	CodeYAMLTag         diag.Code = "WF613" // a tag other than !expr
	CodeYAMLUnsupported diag.Code = "WF614" // a feature of Tasker this language does not have
	CodeYAMLWord        diag.Code = "WF615" // warning: yes, no, on or off in data, which are texts here
	CodeNoForm          diag.Code = "WF616" // converting: what the other syntax cannot say
)
