package builtins

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"wf/lang/value"
)

// Add registers a Go function as an operation, with a signature read off its
// types. Field names come from `json` tags; a pointer or omitempty makes a field
// optional; a `wf` tag adds "secret", "nonempty", "enum=a|b" or "matching=email",
// separated by commas. The function answers with status 200, or fails with an
// *[Error] whose class is one of those listed, or with any other error as
// unreachable.
func Add[Req, Resp any](r *Registry, service, operation string, f func(context.Context, Call, Req) (Resp, error), classes ...string) error {
	in, err := TypeOf(reflect.TypeFor[Req]())
	if err != nil {
		return fmt.Errorf("%s.%s: request: %w", service, operation, err)
	}
	out, err := TypeOf(reflect.TypeFor[Resp]())
	if err != nil {
		return fmt.Errorf("%s.%s: response: %w", service, operation, err)
	}
	sig := &value.Signature{Service: service, Operation: operation, Input: in,
		Outcomes: []value.Outcome{{Pattern: value.Pattern{Status: 200}, Body: out}}}
	for _, class := range classes {
		sig.Outcomes = append(sig.Outcomes, value.Outcome{Pattern: value.Pattern{Name: class}})
	}
	return r.Register(sig, func(ctx context.Context, c Call) (Answer, error) {
		var req Req
		if err := decode(c.Args, &req); err != nil {
			return Answer{}, err
		}
		resp, err := f(ctx, c, req)
		if err != nil {
			return Answer{}, err
		}
		body, err := value.Normalize(resp)
		return Answer{Status: 200, Body: body}, err
	})
}

func decode(args map[string]any, into any) error {
	text, err := json.Marshal(args)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// TypeOf is the type of the JSON form of a Go type. Errors: types without one
// (functions, channels), recursive types.
func TypeOf(t reflect.Type) (*value.Type, error) { return typeOf(t, nil) }

func typeOf(t reflect.Type, around []reflect.Type) (*value.Type, error) {
	for _, outer := range around {
		if outer == t {
			return nil, fmt.Errorf("%s contains itself", t)
		}
	}
	switch t {
	case reflect.TypeFor[time.Time]():
		return value.TTime, nil
	case reflect.TypeFor[time.Duration]():
		return nil, fmt.Errorf("time.Duration has no readable JSON form; use a string with matching or an int of seconds")
	}
	switch t.Kind() {
	case reflect.Interface:
		return value.TAny, nil
	case reflect.Bool:
		return value.TBool, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return value.TInt, nil
	case reflect.Float32, reflect.Float64:
		return value.TFloat, nil
	case reflect.String:
		return value.TString, nil
	case reflect.Pointer:
		e, err := typeOf(t.Elem(), around)
		if err != nil {
			return nil, err
		}
		return e.Opt(), nil
	case reflect.Slice, reflect.Array:
		e, err := typeOf(t.Elem(), append(around, t))
		if err != nil {
			return nil, err
		}
		return value.ListOf(e), nil
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			return &value.Type{Kind: value.Record, Open: true}, nil
		}
	case reflect.Struct:
		return structType(t, append(around, t))
	}
	return nil, fmt.Errorf("%s has no JSON form", t)
}

func structType(t reflect.Type, around []reflect.Type) (*value.Type, error) {
	out := value.RecordOf()
	for i := range t.NumField() {
		sf := t.Field(i)
		name, opts, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if !sf.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = sf.Name
		}
		ft, err := typeOf(sf.Type, around)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		f := &value.Field{Name: name, Optional: ft.Optional || strings.Contains(opts, "omitempty") || strings.Contains(opts, "omitzero")}
		if f.Type, err = tagged(ft.Req(), sf.Tag.Get("wf")); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out.Fields = append(out.Fields, f)
	}
	return out, nil
}

// tagged narrows a type by a `wf` tag.
func tagged(t *value.Type, tag string) (*value.Type, error) {
	if tag == "" {
		return t, nil
	}
	n := *t
	for _, word := range strings.Split(tag, ",") {
		switch key, arg, _ := strings.Cut(word, "="); key {
		case "secret":
			n.Secret = true
		case "nonempty":
			n.Rules.Nonempty = true
		case "matching":
			if _, ok := value.Formats[arg]; !ok {
				return nil, fmt.Errorf("there is no format %q", arg)
			}
			n.Rules.Format = arg
		case "enum":
			n.Kind = value.Enum
			for _, v := range strings.Split(arg, "|") {
				n.Values = append(n.Values, v)
			}
		default:
			return nil, fmt.Errorf("unknown word %q in its wf tag", word)
		}
	}
	return &n, nil
}
