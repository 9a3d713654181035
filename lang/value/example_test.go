package value_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"wf/lang/value"
)

// TestExample holds that the example of any type conforms to it, and is the same at
// every call.
func TestExample(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typ := drawType(t, 3)
		v := value.Example(typ)
		if _, violations := typ.Conform(v, nil); len(violations) > 0 {
			t.Fatalf("%s: %v: %v", typ, v, violations)
		}
		a, _ := value.EncodeJSON(v, "")
		b, _ := value.EncodeJSON(value.Example(typ), "")
		if string(a) != string(b) {
			t.Fatalf("%s: %s, then %s", typ, a, b)
		}
	})
}

func drawType(t *rapid.T, depth int) *value.Type {
	kinds := []value.Kind{value.Any, value.Bool, value.Int, value.Float, value.String, value.Time, value.Duration, value.Enum}
	if depth > 0 {
		kinds = append(kinds, value.List, value.Record)
	}
	typ := &value.Type{Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Optional: rapid.Bool().Draw(t, "optional")}
	bounds := func(most int) {
		least := rapid.IntRange(0, most).Draw(t, "min")
		if rapid.Bool().Draw(t, "bounded below") {
			typ.Rules.Min = least
		}
		if rapid.Bool().Draw(t, "bounded above") {
			typ.Rules.Max = rapid.IntRange(max(least, 1), most+1).Draw(t, "max")
		}
	}
	switch typ.Kind {
	case value.Int, value.Float:
		bounds(1000)
	case value.String:
		switch rapid.IntRange(0, 2).Draw(t, "rules") {
		case 0:
			bounds(30)
			typ.Rules.Nonempty = rapid.Bool().Draw(t, "nonempty")
		case 1:
			typ.Rules.Format = rapid.SampledFrom([]string{"email", "url", "uuid", "date", "hostname", "ip"}).Draw(t, "format")
		case 2:
			typ.Rules.Pattern = rapid.SampledFrom([]string{`^[A-Z]{3}-\d+$`, `^(tok|card)_[a-z0-9]{2,}$`, `^\d{4}-\d\d-\d\d$`, `^[^@]+@[^@]+$`, `x?y*z+`, `^.{5}$`}).Draw(t, "pattern")
		}
	case value.Enum:
		typ.Values = []any{"free", "pro"}
	case value.List:
		typ.Elem = drawType(t, depth-1)
		bounds(4)
	case value.Record:
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"id", "email", "name", "lines", "origin", "at"}), 0, 4, rapid.ID).Draw(t, "fields") {
			typ.Fields = append(typ.Fields, &value.Field{Name: name, Type: drawType(t, depth-1), Optional: rapid.Bool().Draw(t, "optional field")})
		}
	}
	return typ
}

// TestExampleOf holds that names say what texts are.
func TestExampleOf(t *testing.T) {
	for name, want := range map[string]string{"email": "ada@example.com", "name": "Ada Lovelace", "note": "note", "currency": "EUR"} {
		if got := value.ExampleOf(&value.Field{Name: name, Type: value.TString}); got != want {
			t.Errorf("%s: %v, want %s", name, got, want)
		}
	}
	code := &value.Type{Kind: value.String, Rules: value.Rules{Pattern: "^[A-Z]{3}$"}}
	if got := value.ExampleOf(&value.Field{Name: "origin", Type: code}).(string); !strings.HasPrefix(got, "ORI") {
		t.Errorf("origin: %s", got)
	}
}
