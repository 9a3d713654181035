package schema_test

import (
	"strings"
	"testing"

	"wf/lang/schema"
	"wf/lang/value"
)

func TestCheck(t *testing.T) {
	card := value.RecordOf(&value.Field{Name: "card", Type: value.TString.Hidden(), Optional: true}, &value.Field{Name: "list", Type: value.ListOf(value.TString.Hidden())})
	for _, c := range []struct{ name, schema, value, want string }{
		{"fits", `{"type":"object"}`, `{"a":1}`, ""},
		{"missing", `{"required":["a","b"]}`, `{"b":1}`, "a is missing"},
		{"missing inside", `{"properties":{"a":{"required":["b"]}}}`, `{"a":{}}`, "a.b is missing"},
		{"in a list", `{"properties":{"a":{"items":{"properties":{"n":{"multipleOf":5}}}}}}`, `{"a":[{"n":5},{"n":6}]}`, "a[1].n must be a multiple of 5, not 6"},
		{"all of them, sorted", `{"required":["z","y"],"properties":{"a":{"type":"string"}}}`, `{"a":1}`, "a must be string, not number; y is missing; z is missing"},
		{"then", `{"if":{"properties":{"plan":{"const":"enterprise"}}},"then":{"required":["company"]}}`, `{"plan":"enterprise"}`, "company is missing"},
		{"else", `{"if":{"required":["a"]},"then":true,"else":{"required":["b"]}}`, `{}`, "b is missing"},
		{"not", `{"properties":{"a":{"not":{"const":1}}}}`, `{"a":1}`, "a is what the schema excludes (not)"},
		{"any", `{"properties":{"a":{"anyOf":[{"type":"string"},{"required":["b"]}]}}}`, `{"a":{}}`, "a fits no alternative of anyOf: (1) must be string, not object (2) b is missing"},
		{"one", `{"oneOf":[{"required":["a"]},{"required":["b"]}]}`, `{}`, "fits no alternative of oneOf: (1) a is missing (2) b is missing"},
		{"two of one", `{"oneOf":[{"required":["a"]},{"type":"string"},{"required":["b"]}]}`, `{"a":1,"b":2}`, "fits alternatives 1 and 3 of oneOf, and must fit one alone"},
		{"unknown field", `{"additionalProperties":false,"properties":{"a":{}}}`, `{"a":1,"b":2}`, "b is not a field the schema knows"},
		{"needed by another", `{"dependentRequired":{"a":["b"]}}`, `{"a":1}`, "b is missing, which a needs"},
		{"needed by another, older", `{"$schema":"http://json-schema.org/draft-07/schema#","dependencies":{"a":["b"]}}`, `{"a":1}`, "b is missing, which a needs"},
		{"repeated", `{"properties":{"a":{"uniqueItems":true}}}`, `{"a":[1,2,1]}`, "a must not repeat an element: [0] and [2] are equal"},
		{"contains", `{"properties":{"a":{"contains":{"const":3}}}}`, `{"a":[1]}`, "a has no element such as contains asks for"},
		{"bad name", `{"propertyNames":{"pattern":"^[a-z]+$"}}`, `{"A1":1}`, "A1 has a name that the schema does not allow"},
		{"not allowed", `{"properties":{"a":false}}`, `{"a":1}`, "a is not allowed"},
		{"reference", `{"properties":{"a":{"$ref":"#/$defs/n"}},"$defs":{"n":{"exclusiveMinimum":0}}}`, `{"a":0}`, "a must be more than 0, not 0"},
		{"contains itself", `{"$ref":"#/$defs/t","$defs":{"t":{"properties":{"kid":{"$ref":"#/$defs/t"},"n":{"type":"integer"}}}}}`, `{"kid":{"kid":{"n":"x"}}}`, "kid.kid.n must be integer, not string"},
		{"great numbers stay exact", `{"properties":{"a":{"maximum":9007199254740993}}}`, `{"a":9007199254740993}`, ""},
		{"and are told apart", `{"properties":{"a":{"maximum":9007199254740993}}}`, `{"a":9007199254740994}`, "a must be at most 9007199254740993, not 9007199254740994"},
		{"format", `{"properties":{"a":{"format":"semver"}}}`, `{"a":"1.x"}`, "a is not a valid semver: versionCore must have 3 numbers separated by dot"},
		{"secret", `{"properties":{"card":{"pattern":"^4"}}}`, `{"card":"1234"}`, "card does not fit; why is not told, because it is secret"},
		{"secret in a list", `{"properties":{"list":{"items":{"pattern":"^4"}}}}`, `{"list":["1"]}`, "list[0] does not fit; why is not told, because it is secret"},
		{"secret in an alternative", `{"anyOf":[{"properties":{"card":{"enum":["42"]}}}]}`, `{"card":"1234"}`, "fits no alternative of anyOf: (1) card does not fit; why is not told, because it is secret"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := schema.Compile([]byte(c.schema))
			if err != nil {
				t.Fatal(err)
			}
			v, err := value.DecodeJSON([]byte(c.value))
			if err != nil {
				t.Fatal(err)
			}
			for range 5 { // the library visits maps in any order
				if got := s.Check(v, card).Error(); got != c.want {
					t.Fatalf("got  %s\nwant %s", got, c.want)
				}
			}
		})
	}
}

func TestCompile(t *testing.T) {
	for _, c := range []struct{ name, schema, want string }{
		{"not JSON", `{`, "unexpected EOF"},
		{"no schema", `{"properties":{"a":{"type":5}}}`, "properties/a/type: "},
		{"elsewhere", `{"$ref":"https://example.com/x.json"}`, "the schema refers to https://example.com/x.json, and nothing outside the file is read"},
		{"beside", `{"$ref":"x.json"}`, "the schema refers to "},
		{"dangling", `{"$ref":"#/$defs/x"}`, "$ref leads to #/$defs/x, and there is nothing"},
		{"no anchor", `{"$ref":"#x"}`, "there is no anchor "},
		{"no expression", `{"properties":{"a/b":{"pattern":"(?=x)"}}}`, "properties/a/b/pattern: is not a valid regex: "},
		{"older", `{"properties":{"a":{"minimum":0,"exclusiveMinimum":true}}}`, "properties/a/exclusiveMinimum: must be number, not boolean"},
		{"draft 4", `{"$schema":"http://json-schema.org/draft-04/schema#","properties":{"a":{"minimum":0,"exclusiveMinimum":true}}}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := schema.Compile([]byte(c.schema))
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Fatalf("got  %v\nwant %s…", err, c.want)
			}
		})
	}
}
