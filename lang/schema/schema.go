// Package schema checks values against JSON Schemas. A schema is compiled once and
// stays within itself: what it refers to is looked for in it and nowhere else.
package schema

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"wf/lang/value"
)

// Schema is a compiled JSON Schema. It does not change, and may be used at once by
// several goroutines.
type Schema struct {
	text     json.RawMessage
	compiled *jsonschema.Schema
}

// Error is what is wrong with a text that should be a JSON Schema.
type Error struct {
	Path    []string // JSON pointer to the part that is wrong; empty: the whole
	Message string
	Hint    string // what to write instead; "" if that is plain
}

// Error returns the message with its place.
func (e *Error) Error() string {
	if len(e.Path) == 0 {
		return e.Message
	}
	return strings.Join(e.Path, "/") + ": " + e.Message
}

// Formats are the formats that are checked. Any other is a note for people.
var Formats = []string{
	"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "iri", "iri-reference", "json-pointer", "period", "regex",
	"relative-json-pointer", "semver", "time", "uri", "uri-reference", "uri-template", "uuid",
}

// where a schema is while it is compiled; nothing is ever fetched from there.
const location = "input.json"

// Compile reads a JSON Schema. Without a $schema it is one of draft 2020-12. The error
// is an *[Error].
func Compile(text []byte) (*Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, &Error{Message: err.Error()}
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(nowhere{})
	c.AssertFormat()
	if err := c.AddResource(location, doc); err != nil {
		return nil, explain(err)
	}
	compiled, err := c.Compile(location)
	if err != nil {
		return nil, explain(err)
	}
	return &Schema{text: slices.Clone(text), compiled: compiled}, nil
}

// nowhere refuses to fetch anything.
type nowhere struct{}

// Load refuses to fetch anything.
func (nowhere) Load(url string) (any, error) { return nil, fmt.Errorf("%s is not read", url) }

// explain turns an error of the library into one of ours.
func explain(err error) *Error {
	var (
		load    *jsonschema.LoadURLError
		pointer *jsonschema.JSONPointerNotFoundError
		anchor  *jsonschema.AnchorNotFoundError
		pattern *jsonschema.InvalidRegexError
		whole   *jsonschema.SchemaValidationError
		invalid *jsonschema.ValidationError
	)
	switch {
	case errors.As(err, &load):
		return &Error{Message: fmt.Sprintf("the schema refers to %s, and nothing outside the file is read", shorten(load.URL)), Hint: "put the definition under $defs and refer to #/$defs/…"}
	case errors.As(err, &pointer):
		return &Error{Message: fmt.Sprintf("$ref leads to %s, and there is nothing", shorten(pointer.URL)), Hint: "a reference leads to #/$defs/NAME or #/definitions/NAME of the same schema"}
	case errors.As(err, &anchor):
		return &Error{Message: fmt.Sprintf("there is no anchor %s", shorten(anchor.URL)), Hint: "$anchor: NAME makes one"}
	case errors.As(err, &pattern):
		return &Error{Path: pointerOf(pattern.URL), Message: fmt.Sprintf("%q is not a regular expression: %v", pattern.Regex, pattern.Err), Hint: "patterns are RE2, without look-around and back references"}
	case errors.As(err, &whole) && errors.As(whole.Err, &invalid):
		invalid = deepest(invalid)
		e := &Error{Path: invalid.InstanceLocation, Message: plain(invalid)}
		if f, ok := invalid.ErrorKind.(*kind.Format); ok && f.Want == "regex" {
			e.Hint = "patterns are RE2, without look-around and back references"
		}
		if n := len(e.Path); n > 0 && (e.Path[n-1] == "exclusiveMinimum" || e.Path[n-1] == "exclusiveMaximum") {
			e.Hint = "write the bound itself, " + e.Path[n-1] + ": 0; or say that the schema is older: $schema: http://json-schema.org/draft-04/schema#"
		}
		return e
	}
	return &Error{Message: err.Error()}
}

// shorten leaves out where a schema is thought to be.
func shorten(url string) string {
	if _, rest, found := strings.Cut(url, location); found {
		return rest
	}
	return url
}

// pointerOf is the JSON pointer behind the # of a URL.
func pointerOf(u string) []string {
	_, fragment, _ := strings.Cut(u, "#/")
	if fragment == "" {
		return nil
	}
	parts := strings.Split(fragment, "/")
	for i, p := range parts {
		if plain, err := url.PathUnescape(p); err == nil {
			p = plain
		}
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(p, "~1", "/"), "~0", "~")
	}
	return parts
}

// deepest is the cause that lies deepest in the document; of several the first by its
// path and words, for the library lists them in any order.
func deepest(e *jsonschema.ValidationError) *jsonschema.ValidationError {
	best := e
	for _, cause := range e.Causes {
		d := deepest(cause)
		if best == e || deeper(d, best) {
			best = d
		}
	}
	return best
}

func deeper(a, b *jsonschema.ValidationError) bool {
	return cmp.Or(cmp.Compare(len(b.InstanceLocation), len(a.InstanceLocation)), slices.Compare(a.InstanceLocation, b.InstanceLocation), cmp.Compare(plain(a), plain(b))) < 0
}

func english(e *jsonschema.ValidationError) string {
	return e.ErrorKind.LocalizedString(message.NewPrinter(language.English))
}

// MarshalJSON is the schema as it was given.
func (s *Schema) MarshalJSON() ([]byte, error) { return s.text, nil }

// Check lists in which ways a value breaks the schema, sorted by path. t is the type
// that is known of the value, and says what is secret: of that only the path is told.
func (s *Schema) Check(v any, t *value.Type) value.Violations {
	err := s.compiled.Validate(v)
	if err == nil {
		return nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return value.Violations{{Message: "cannot be held against the schema: " + err.Error()}}
	}
	var out value.Violations
	for _, b := range breaches(invalid, t) {
		v := value.Violation{Path: path(b.at), Message: b.message}
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	slices.SortStableFunc(out, func(a, b value.Violation) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return out
}

// breach is one thing wrong with a value.
type breach struct {
	at      []string
	message string
}

// breaches lists the innermost causes of an error in a value of type t.
func breaches(e *jsonschema.ValidationError, t *value.Type) []breach {
	at := e.InstanceLocation
	if secret(t, at) {
		return []breach{{at, "does not fit; why is not told, because it is secret"}}
	}
	under := func(name string) []string { return append(slices.Clone(at), name) }
	each := func(names []string, text string) []breach {
		out := make([]breach, len(names))
		for i, n := range names {
			out[i] = breach{under(n), text}
		}
		return out
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		return each(k.Missing, "is missing")
	case *kind.DependentRequired:
		return each(k.Missing, "is missing, which "+k.Prop+" needs")
	case *kind.Dependency:
		return each(k.Missing, "is missing, which "+k.Prop+" needs")
	case *kind.AdditionalProperties:
		return each(k.Properties, "is not a field the schema knows")
	case *kind.PropertyNames:
		return []breach{{under(k.Property), "has a name that the schema does not allow"}}
	case *kind.FalseSchema:
		return []breach{{at, "is not allowed"}}
	case *kind.Not:
		return []breach{{at, "is what the schema excludes (not)"}}
	case *kind.Contains:
		return []breach{{at, "has no element such as contains asks for"}}
	case *kind.UniqueItems:
		return []breach{{at, fmt.Sprintf("must not repeat an element: [%d] and [%d] are equal", k.Duplicates[0], k.Duplicates[1])}}
	case *kind.AnyOf:
		return []breach{{at, "fits no alternative of anyOf: " + alternatives(e, t)}}
	case *kind.OneOf:
		if len(k.Subschemas) >= 2 {
			return []breach{{at, fmt.Sprintf("fits alternatives %d and %d of oneOf, and must fit one alone", k.Subschemas[0]+1, k.Subschemas[1]+1)}}
		}
		return []breach{{at, "fits no alternative of oneOf: " + alternatives(e, t)}}
	}
	if len(e.Causes) == 0 {
		return []breach{{at, plain(e)}}
	}
	var out []breach
	for _, cause := range e.Causes {
		out = append(out, breaches(cause, t)...)
	}
	return out
}

// plain says what is wrong in the words the rest of the language uses.
func plain(e *jsonschema.ValidationError) string {
	count := func(word string, got, want int, unit string) string {
		return fmt.Sprintf("must have at %s %d %s, not %d", word, want, unit, got)
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		return fmt.Sprintf("must be %s, not %s", strings.Join(k.Want, " or "), k.Got)
	case *kind.Const:
		return "must be " + literal(k.Want)
	case *kind.Enum:
		want := make([]string, len(k.Want))
		for i, v := range k.Want {
			want[i] = literal(v)
		}
		return fmt.Sprintf("must be one of %s, not %s", strings.Join(want, " | "), literal(k.Got))
	case *kind.Pattern:
		return fmt.Sprintf("must match %q", k.Want)
	case *kind.Format:
		return fmt.Sprintf("is not a valid %s: %v", k.Want, k.Err)
	case *kind.Minimum:
		return fmt.Sprintf("must be at least %s, not %s", number(k.Want), number(k.Got))
	case *kind.Maximum:
		return fmt.Sprintf("must be at most %s, not %s", number(k.Want), number(k.Got))
	case *kind.ExclusiveMinimum:
		return fmt.Sprintf("must be more than %s, not %s", number(k.Want), number(k.Got))
	case *kind.ExclusiveMaximum:
		return fmt.Sprintf("must be less than %s, not %s", number(k.Want), number(k.Got))
	case *kind.MultipleOf:
		return fmt.Sprintf("must be a multiple of %s, not %s", number(k.Want), number(k.Got))
	case *kind.MinLength:
		return count("least", k.Got, k.Want, "characters")
	case *kind.MaxLength:
		return count("most", k.Got, k.Want, "characters")
	case *kind.MinItems:
		return count("least", k.Got, k.Want, "elements")
	case *kind.MaxItems:
		return count("most", k.Got, k.Want, "elements")
	case *kind.MinProperties:
		return count("least", k.Got, k.Want, "fields")
	case *kind.MaxProperties:
		return count("most", k.Got, k.Want, "fields")
	}
	return english(e)
}

// number writes a fraction as a decimal number, all digits of it.
func number(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// literal writes a value as JSON, cut where it gets long.
func literal(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if s := []rune(string(text)); len(s) > 60 {
		return string(s[:59]) + "…"
	}
	return string(text)
}

// alternatives says of each why it does not fit.
func alternatives(e *jsonschema.ValidationError, t *value.Type) string {
	parts := make([]string, len(e.Causes))
	for i, cause := range e.Causes {
		var why []string
		for _, b := range breaches(cause, t) {
			text := b.message
			if p := path(b.at[min(len(e.InstanceLocation), len(b.at)):]); p != "" {
				text = p + " " + text
			}
			why = append(why, text)
		}
		slices.Sort(why)
		parts[i] = fmt.Sprintf("(%d) %s", i+1, strings.Join(slices.Compact(why), ", "))
	}
	return strings.Join(parts, " ")
}

// path writes a place in a value as violations do: user.items[3].price.
func path(at []string) string {
	var b strings.Builder
	for _, part := range at {
		switch _, err := strconv.Atoi(part); {
		case err == nil:
			b.WriteString("[" + part + "]")
		case b.Len() > 0:
			b.WriteString("." + part)
		default:
			b.WriteString(part)
		}
	}
	return b.String()
}

// secret reports whether a place lies in something secret.
func secret(t *value.Type, at []string) bool {
	for t != nil && !t.Secret && len(at) > 0 {
		switch f := t.Field(at[0]); {
		case f != nil:
			t = f.Type
		default:
			t = t.Elem
		}
		at = at[1:]
	}
	return t != nil && t.Secret
}
