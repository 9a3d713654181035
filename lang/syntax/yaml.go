package syntax

import "wf/lang/diag"

// ParseYAML reads a workflow written in YAML.
func ParseYAML(name string, src []byte, environment string) (*File, diag.List) {
	return &File{Name: name}, nil
}
