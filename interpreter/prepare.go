package interpreter

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"wf/lang/graph"
	"wf/lang/value"
)

// Prepare checks an input against what a workflow declares and fills in defaults.
// raw is nil or a value of the domain. Every violation is reported with its path;
// the input is usable only if there are none.
func Prepare(g *graph.Graph, raw any, runID string, start time.Time) (map[string]any, value.Violations) {
	if raw == nil {
		raw = map[string]any{}
	}
	env := map[string]any{"run": map[string]any{"id": runID, "started_at": start.UTC().Format(time.RFC3339Nano)}}
	done, violations := g.Input.Conform(raw, env)
	if g.Schema != nil {
		violations = append(violations, schemaViolations(g.Schema, done, violations)...)
	}
	input, ok := done.(map[string]any)
	if !ok && len(violations) == 0 {
		violations = append(violations, value.Violation{Message: "the input must be an object"})
	}
	return input, violations
}

// schemaViolations checks the completed input against a JSON Schema that says more
// than our types can. A path that is reported already is not repeated.
func schemaViolations(schema []byte, input any, known value.Violations) value.Violations {
	s, err := compileSchema(schema)
	if err != nil {
		return value.Violations{{Message: "the JSON Schema of the input is not usable: " + err.Error()}}
	}
	err = s.Validate(plain(input))
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return nil
	}
	var out value.Violations
	collect(invalid, func(path, message string) {
		for _, k := range known {
			if k.Path == path {
				return
			}
		}
		out = append(out, value.Violation{Path: path, Message: message})
	})
	return out
}

func compileSchema(schema []byte) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	if err := c.AddResource("input.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("input.json")
}

// noLoader refuses to fetch anything.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) { return nil, fmt.Errorf("%s is not read", url) }

// collect visits the innermost causes.
func collect(e *jsonschema.ValidationError, add func(path, text string)) {
	if len(e.Causes) > 0 {
		for _, cause := range e.Causes {
			collect(cause, add)
		}
		return
	}
	add(strings.Join(e.InstanceLocation, "."), e.ErrorKind.LocalizedString(message.NewPrinter(language.English)))
}

// plain turns ints into what the schema library takes for numbers.
func plain(v any) any {
	switch v := v.(type) {
	case int:
		return float64(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			out[k] = plain(v[k])
		}
		return out
	}
	return v
}
