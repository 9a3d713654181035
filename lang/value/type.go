// Package value is the closed set of run-time values and the types that describe
// them. It imports nothing of ours.
//
// A value is nil, bool, int, float64, string, []any or map[string]any, and nothing
// else: exactly what JSON can say, with integers kept apart from fractions. Values
// enter by [Normalize] (from Go) or [DecodeJSON] (from text) and are then checked
// and completed against a [Type] by [Type.Conform]. Times and durations are
// strings in a value ("2026-01-02T15:04:05Z", "1m30s"); only their type knows.
package value

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Kind is the outermost shape of a type.
type Kind int8

// The kinds. Any admits every value and switches static checking off behind it.
const (
	Any Kind = iota
	Nil
	Bool
	Int
	Float
	String
	Time     // RFC 3339 in a string
	Duration // Go duration syntax in a string, "1m30s"
	Enum     // one of a list of literals
	List
	Record
)

var kindNames = [...]string{"any", "nil", "bool", "int", "float", "string", "time", "duration", "enum", "list", "record"}

// String returns the word the language uses for the kind.
func (k Kind) String() string { return kindNames[k] }

// Primitives are the type names that need no declaration.
var Primitives = map[string]Kind{
	"any": Any, "bool": Bool, "int": Int, "float": Float, "string": String, "time": Time, "duration": Duration,
}

// Type describes a set of values. Types are immutable once built and may be
// shared; use [Type.Opt] and the constructors rather than writing to one.
type Type struct {
	Kind   Kind
	Name   string   // name it was declared under, for messages; "" if anonymous
	Elem   *Type    // List: element type
	Fields []*Field // Record: in declared order
	Open   bool     // Record: fields beyond Fields are admitted, with type any
	Values []any    // Enum: the literals, strings or ints, in declared order; Int: all it can be, if that is known

	Unknown  bool // Any: nothing is known because of an error that is told, so it gives no further one
	Optional bool // nil is admitted too
	Secret   bool // values are masked wherever they are shown

	Rules Rules
}

// Rules narrow a type beyond its kind. The zero Rules allow everything.
type Rules struct {
	Nonempty bool   `json:"nonempty,omitempty"` // String, List: at least one element or letter that is not a space
	Format   string `json:"format,omitempty"`   // String: name of a format, see [Formats]
	Pattern  string `json:"pattern,omitempty"`  // String: RE2 expression that must match somewhere
	Min, Max any    `json:"-"`                  // int or float64; bound of a number, or of a length; nil: none
}

// Field is one field of a record type.
type Field struct {
	Name     string
	Type     *Type
	Optional bool // may be left out; then, or when given as null, it reads as nil
	Default  any  // value of a field left out; a value or a [Lazy]; meaningful if HasDefault
	HasDef   bool
	Doc      string
	Declared []Place // where it is declared, several times if it comes from several records; no part of the type
}

// Place is a range of bytes of a source.
type Place struct {
	File       string
	Start, End int
}

// Lazy is a default that is computed when a value is completed.
type Lazy interface {
	Value(env map[string]any) (any, error)
	String() string
}

// Shared types without rules.
var (
	TAny      = &Type{Kind: Any}
	TEmpty    = ListOf(TAny) // of the list without elements, which fits every list
	TUnknown  = &Type{Kind: Any, Unknown: true}
	TNil      = &Type{Kind: Nil, Optional: true}
	TBool     = &Type{Kind: Bool}
	TInt      = &Type{Kind: Int}
	TFloat    = &Type{Kind: Float}
	TString   = &Type{Kind: String}
	TTime     = &Type{Kind: Time}
	TDuration = &Type{Kind: Duration}
)

// Of returns the plain type of a primitive kind.
func Of(k Kind) *Type { return &Type{Kind: k} }

// ListOf returns the type of lists of elem.
func ListOf(elem *Type) *Type { return &Type{Kind: List, Elem: elem} }

// RecordOf returns a closed record type.
func RecordOf(fields ...*Field) *Type { return &Type{Kind: Record, Fields: fields} }

// EnumOf returns the type of the given literals.
func EnumOf(values ...any) *Type { return &Type{Kind: Enum, Values: values} }

// TypeOf is the narrowest type of a value of the domain: a string is an enum of
// itself, so that it fits wherever that text does.
func TypeOf(v any) *Type {
	switch v := v.(type) {
	case nil:
		return TNil
	case bool:
		return TBool
	case int:
		return TInt
	case float64:
		return TFloat
	case string:
		return EnumOf(v)
	case []any:
		elem := TAny
		for i, e := range v {
			if i == 0 {
				elem = TypeOf(e)
			} else {
				elem = Join(elem, TypeOf(e))
			}
		}
		return ListOf(elem)
	case map[string]any:
		t := RecordOf()
		for _, k := range slices.Sorted(maps.Keys(v)) {
			t.Fields = append(t.Fields, &Field{Name: k, Type: TypeOf(v[k])})
		}
		return t
	}
	return TAny
}

// Opt returns t with nil admitted; t itself if it admits nil already.
func (t *Type) Opt() *Type {
	if t.Optional || t.Kind == Any {
		return t
	}
	c := *t
	c.Optional = true
	return &c
}

// Req returns t with nil not admitted.
func (t *Type) Req() *Type {
	if !t.Optional || t.Kind == Nil {
		return t
	}
	c := *t
	c.Optional = false
	return &c
}

// Hidden returns t marked secret.
func (t *Type) Hidden() *Type {
	if t.Secret {
		return t
	}
	c := *t
	c.Secret = true
	return &c
}

// Field returns the named field of a record, or nil.
func (t *Type) Field(name string) *Field {
	for _, f := range t.Fields {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// FieldNames lists the fields of a record in declared order.
func (t *Type) FieldNames() []string {
	names := make([]string, len(t.Fields))
	for i, f := range t.Fields {
		names[i] = f.Name
	}
	return names
}

// ReadType is the type one gets by reading the field from a completed value: the
// field's type, with nil admitted if it may be missing.
func (f *Field) ReadType() *Type {
	if f.Optional && !f.HasDef {
		return f.Type.Opt()
	}
	return f.Type
}

// CanOmit reports whether a value of the record may leave the field out.
func (f *Field) CanOmit() bool { return f.Optional || f.HasDef || f.Type.Omissible() }

// Omissible reports whether a record type consists of fields that may all be left
// out, so that a field of that type may itself be left out.
func (t *Type) Omissible() bool {
	if t.Kind != Record || t.Open && len(t.Fields) == 0 {
		return false
	}
	for _, f := range t.Fields {
		if !f.CanOmit() {
			return false
		}
	}
	return len(t.Fields) > 0
}

// HasSecret reports whether t, or anything inside it, is marked secret.
func (t *Type) HasSecret() bool {
	if t == nil {
		return false
	}
	if t.Secret || t.Elem.HasSecret() {
		return true
	}
	return slices.ContainsFunc(t.Fields, func(f *Field) bool { return f.Type.HasSecret() })
}

// String writes the type as the language would, on one line: "string?",
// "[int]", `"free" | "pro"`, "{ id int, note? string }". A declared type is
// written by its name.
func (t *Type) String() string {
	s := t.text(2)
	if t.Optional && t.Kind != Nil {
		if t.Kind == Enum && t.Name == "" {
			s = "(" + s + ")"
		}
		s += "?"
	}
	return s
}

func (t *Type) text(depth int) string {
	if t.Name != "" {
		return t.Name
	}
	switch t.Kind {
	case List:
		return "[" + t.Elem.String() + "]"
	case Enum:
		parts := make([]string, len(t.Values))
		for i, v := range t.Values {
			parts[i] = Literal(v)
		}
		return strings.Join(parts, " | ")
	case Record:
		if depth == 0 && len(t.Fields) > 0 {
			return "{ … }"
		}
		parts := make([]string, len(t.Fields), len(t.Fields)+1)
		for i, f := range t.Fields {
			mark, ft := "", f.Type
			if f.Optional {
				mark, ft = "?", ft.Req()
			}
			s := ft.text(depth - 1)
			if ft.Optional && ft.Kind != Nil {
				s += "?"
			}
			parts[i] = f.Name + mark + " " + s
		}
		if t.Open {
			parts = append(parts, "…")
		}
		if len(parts) == 0 {
			return "{ }"
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	}
	return t.Kind.String()
}

// Literal writes a scalar as the language spells it.
func Literal(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case string:
		return strconv.Quote(v)
	case int:
		return strconv.Itoa(v)
	case bool:
		return strconv.FormatBool(v)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%v", v)
	}
	return string(b)
}

// MarshalJSON writes the full structure of a type; equal types give equal bytes,
// which graph hashes and comparisons rely on. Declared names and docs are left
// out: they are not part of the meaning.
func (t *Type) MarshalJSON() ([]byte, error) {
	type field struct {
		Name     string `json:"name"`
		Type     *Type  `json:"type"`
		Optional bool   `json:"optional,omitempty"`
		Default  any    `json:"default,omitempty"`
		HasDef   bool   `json:"has_default,omitempty"`
	}
	var fields []field
	for _, f := range t.Fields {
		def := f.Default
		if l, ok := def.(Lazy); ok {
			def = map[string]string{"expr": l.String()}
		}
		fields = append(fields, field{f.Name, f.Type, f.Optional, def, f.HasDef})
	}
	values := t.Values
	if t.Kind != Enum { // known beforehand, and no part of the type
		values = nil
	}
	return json.Marshal(struct {
		Kind     string  `json:"kind"`
		Elem     *Type   `json:"elem,omitempty"`
		Fields   []field `json:"fields,omitempty"`
		Open     bool    `json:"open,omitempty"`
		Values   []any   `json:"values,omitempty"`
		Optional bool    `json:"optional,omitempty"`
		Secret   bool    `json:"secret,omitempty"`
		Rules
		Min any `json:"min,omitempty"`
		Max any `json:"max,omitempty"`
	}{t.Kind.String(), t.Elem, fields, t.Open, values, t.Optional, t.Secret, t.Rules, t.Rules.Min, t.Rules.Max})
}
