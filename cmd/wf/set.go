package main

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"wf/lang/value"
)

// assign carries the --set flags out on an input: path=value, where a path names
// fields and indices, items[0].sku, and the value is JSON or text. Whatever is wrong
// with any of them is said.
func assign(root any, t *value.Type, sets []string) (any, error) {
	if len(sets) == 0 {
		return root, nil
	}
	if _, ok := root.(map[string]any); !ok {
		return nil, wrong("--set: the input is %s, not an object", value.KindOf(root))
	}
	var problems []string
	for _, set := range sets {
		path, text, ok := strings.Cut(set, "=")
		parts, err := splitPath(path)
		if !ok || path == "" {
			err = errors.New("write path=value, such as user.plan=pro or items[0].sku=lamp")
		}
		if err == nil {
			var done any
			if done, err = put(root, t, parts, text); err == nil {
				root = done
			}
		}
		if err != nil {
			problems = append(problems, "--set "+set+": "+err.Error())
		}
	}
	if len(problems) > 0 {
		return nil, wrong("%s", strings.Join(problems, "\nwf: "))
	}
	return root, nil
}

// part is a field, or an element if the name is empty.
type part struct {
	name  string
	index int
	path  string // as far as this part
}

func splitPath(path string) ([]part, error) {
	var out []part
	at := ""
	for field := range strings.SplitSeq(path, ".") {
		name, rest, indexed := strings.Cut(field, "[")
		if name == "" {
			return nil, errors.New("the path " + path + " has an empty name")
		}
		if at != "" {
			at += "."
		}
		at += name
		out = append(out, part{name: name, path: at})
		for indexed {
			text, more, closed := strings.Cut(rest, "]")
			n, err := strconv.Atoi(text)
			if !closed || err != nil || n < 0 || more != "" && more[0] != '[' {
				return nil, errors.New("the path " + path + " has an index that is not [0], [1], …")
			}
			at += "[" + text + "]"
			out = append(out, part{index: n, path: at})
			rest, indexed = strings.CutPrefix(more, "[")
		}
	}
	return out, nil
}

// put sets what a path leads to, making objects and lists on the way; it returns the
// value it was given, or the one that takes its place. t is the type declared for v,
// nil if that is not known.
func put(v any, t *value.Type, path []part, text string) (any, error) {
	if len(path) == 0 {
		return scalar(t, text), nil
	}
	p := path[0]
	within := strings.TrimSuffix(strings.TrimSuffix(p.path, p.name), ".")
	if p.name == "" {
		within = p.path[:strings.LastIndexByte(p.path, '[')]
		list, ok := v.([]any)
		switch {
		case v != nil && !ok:
			return nil, errors.New(within + " is " + value.KindOf(v) + ", not a list")
		case p.index > len(list):
			return nil, errors.New(within + " has " + plural(len(list), "element") + "; the next is [" + strconv.Itoa(len(list)) + "]")
		case p.index == len(list):
			list = append(list, nil)
		}
		e, err := put(list[p.index], elem(t), path[1:], text)
		if err != nil {
			return nil, err
		}
		list[p.index] = e
		return list, nil
	}
	object, ok := v.(map[string]any)
	switch {
	case v != nil && !ok:
		return nil, errors.New(within + " is " + value.KindOf(v) + ", not an object")
	case v == nil:
		object = map[string]any{}
	}
	e, err := put(object[p.name], field(t, p.name), path[1:], text)
	if err != nil {
		return nil, err
	}
	object[p.name] = e
	return object, nil
}

func elem(t *value.Type) *value.Type {
	if t == nil || t.Kind != value.List {
		return nil
	}
	return t.Elem
}

func field(t *value.Type, name string) *value.Type {
	if t == nil || t.Kind != value.Record {
		return nil
	}
	if f := t.Field(name); f != nil {
		return f.Type
	}
	return nil
}

// scalar reads a value: JSON, or else text. Where text is declared, 007 and true are
// text; null, and a text in quotes, are JSON all the same.
func scalar(t *value.Type, text string) any {
	v, err := value.DecodeJSON([]byte(text))
	if err != nil {
		return text
	}
	if _, quoted := v.(string); t == nil || quoted || v == nil {
		return v
	}
	switch t.Kind {
	case value.String, value.Time, value.Duration:
		return text
	case value.Enum:
		if slices.Contains(t.Values, any(text)) {
			return text
		}
	}
	return v
}
