package value

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxDepth bounds how deeply a value may be nested.
const MaxDepth = 200

// mapID identifies a map by the address of its header.
func mapID(m map[string]any) uintptr { return reflect.ValueOf(m).Pointer() }

// DecodeJSON reads one JSON text into a value. Unlike encoding/json it keeps
// integers exact (a number without fraction or exponent is an int, and one that
// does not fit 64 bits is an error), and refuses duplicate keys, trailing text and
// nesting beyond [MaxDepth]. Errors name the byte offset and the path.
func DecodeJSON(text []byte) (any, error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(text) {
		return nil, fmt.Errorf("it is not UTF-8 text")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := decode(d, "", 0)
	if err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			if len(bytes.TrimSpace(text)) == 0 {
				return nil, fmt.Errorf("the text is empty")
			}
			return nil, fmt.Errorf("the text ends in the middle")
		}
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, fmt.Errorf("line %d: %v", lineAt(text, syntax.Offset), syntax)
		}
		return nil, fmt.Errorf("line %d: %w", lineAt(text, d.InputOffset()), err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("line %d: there is more text after the value", lineAt(text, d.InputOffset()))
	}
	return v, nil
}

// lineAt is the line of an offset, from 1.
func lineAt(text []byte, offset int64) int {
	return 1 + bytes.Count(text[:min(int(offset), len(text))], []byte("\n"))
}

func decode(d *json.Decoder, path string, depth int) (any, error) {
	tok, err := d.Token()
	if err != nil {
		return nil, err
	}
	if depth > MaxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", MaxDepth)
	}
	switch tok := tok.(type) {
	case json.Delim:
		if tok == '[' {
			return decodeList(d, path, depth)
		}
		return decodeRecord(d, path, depth)
	case json.Number:
		return parseNumber(string(tok), path)
	}
	return tok, nil
}

func decodeList(d *json.Decoder, path string, depth int) (any, error) {
	list := []any{}
	for d.More() {
		v, err := decode(d, path+"["+strconv.Itoa(len(list))+"]", depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := d.Token()
	return list, err
}

func decodeRecord(d *json.Decoder, path string, depth int) (any, error) {
	record := map[string]any{}
	for d.More() {
		tok, err := d.Token()
		if err != nil {
			return nil, err
		}
		key := tok.(string)
		if _, twice := record[key]; twice {
			return nil, fmt.Errorf("%s is given twice", dot(path, key))
		}
		v, err := decode(d, dot(path, key), depth+1)
		if err != nil {
			return nil, err
		}
		record[key] = v
	}
	_, err := d.Token()
	return record, err
}

func parseNumber(s, path string) (any, error) {
	if !strings.ContainsAny(s, ".eE") {
		i, err := strconv.Atoi(s)
		if err != nil {
			return nil, fmt.Errorf("%s: %s does not fit a 64-bit integer", orValue(path), s)
		}
		return i, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, fmt.Errorf("%s: %s does not fit a 64-bit float", orValue(path), s)
	}
	return f, nil
}

func orValue(path string) string {
	if path == "" {
		return "the value"
	}
	return path
}

// EncodeJSON writes a value with sorted keys and without HTML escapes; indent ""
// gives one line. Equal values give equal bytes.
func EncodeJSON(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// InDomain reports whether v consists of domain values only. It is the fast path
// of [Normalize].
func InDomain(v any) bool {
	switch v := v.(type) {
	case nil, bool, int, string:
		return true
	case float64:
		return !math.IsNaN(v) && !math.IsInf(v, 0)
	case []any:
		return v != nil && !slices.ContainsFunc(v, func(e any) bool { return !InDomain(e) })
	case map[string]any:
		if v == nil {
			return false
		}
		for _, e := range v {
			if !InDomain(e) {
				return false
			}
		}
		return true
	}
	return false
}

// Normalize brings a Go value into the domain: other integer and float types are
// converted, structs go through their JSON form, times and durations become text.
// A value already in the domain is returned as it is, not copied. Errors: numbers
// that are not finite or do not fit, functions, channels, cycles.
func Normalize(v any) (any, error) {
	if InDomain(v) {
		return v, nil
	}
	return normalize(v, 0)
}

func normalize(v any, depth int) (any, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", MaxDepth)
	}
	switch v := v.(type) {
	case nil, bool, int, string:
		return v, nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%v is not a finite number", v)
		}
		return v, nil
	case time.Duration:
		return FormatDuration(v), nil
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano), nil
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			n, err := normalize(e, depth+1)
			if err != nil {
				return nil, err
			}
			out[i] = n
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			n, err := normalize(v[k], depth+1)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", k, err)
			}
			out[k] = n
		}
		return out, nil
	}
	return normalizeReflect(v, depth)
}

func normalizeReflect(v any, depth int) (any, error) {
	rv := reflect.ValueOf(v)
	switch rv.Kind() {
	case reflect.Bool:
		return rv.Bool(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return int(rv.Int()), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if rv.Uint() > math.MaxInt64 {
			return nil, fmt.Errorf("%d does not fit a 64-bit integer", rv.Uint())
		}
		return int(rv.Uint()), nil
	case reflect.Float32:
		return normalize(rv.Float(), depth)
	case reflect.String:
		return rv.String(), nil
	case reflect.Slice, reflect.Array:
		if rv.Kind() == reflect.Slice && rv.Type().Elem().Kind() == reflect.Uint8 {
			break // bytes have a JSON form of their own
		}
		out := make([]any, rv.Len())
		for i := range out {
			n, err := normalize(rv.Index(i).Interface(), depth+1)
			if err != nil {
				return nil, err
			}
			out[i] = n
		}
		return out, nil
	case reflect.Func, reflect.Chan, reflect.UnsafePointer, reflect.Complex64, reflect.Complex128:
		return nil, fmt.Errorf("a Go %T has no JSON form", v)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return DecodeJSON(text)
}

// ParseDuration reads a duration literal: Go's syntax plus days, "1d12h". The
// result is never negative zero; a sign is refused.
func ParseDuration(s string) (time.Duration, error) {
	rest, days := s, time.Duration(0)
	if head, tail, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseInt(head, 10, 64)
		if err != nil || n < 0 || n > 100_000 {
			return 0, fmt.Errorf("%q is not a duration", s)
		}
		days, rest = time.Duration(n)*24*time.Hour, tail
		if rest == "" {
			return days, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || strings.ContainsAny(rest[:1], "+-") {
		return 0, fmt.Errorf("%q is not a duration", s)
	}
	return days + d, nil
}

// FormatDuration writes a duration as the language spells it, without zero parts:
// "30s", "1m30s", "2d", "1.5s".
func FormatDuration(d time.Duration) string {
	if d < 0 {
		return "-" + FormatDuration(-d)
	}
	if d == 0 {
		return "0s"
	}
	var b strings.Builder
	for _, u := range []struct {
		size time.Duration
		unit string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if n := d / u.size; n > 0 {
			b.WriteString(strconv.FormatInt(int64(n), 10) + u.unit)
			d -= n * u.size
		}
	}
	if d > 0 {
		b.WriteString(strings.Replace(d.String(), "µ", "u", 1)) // the language writes us
	}
	return b.String()
}

// Mask is what stands in place of a secret.
const Mask = "***"

// Redact returns v with every secret part of t replaced by [Mask]. v is not
// written to; it is returned itself if t has no secrets.
func (t *Type) Redact(v any) any {
	if v == nil || !t.HasSecret() {
		return v
	}
	if t.Secret {
		return Mask
	}
	switch x := v.(type) {
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = t.Elem.Redact(e)
		}
		return out
	case map[string]any:
		out := maps.Clone(x)
		for _, f := range t.Fields {
			if e, ok := out[f.Name]; ok {
				out[f.Name] = f.Type.Redact(e)
			}
		}
		return out
	}
	return v
}

// Object is a map of strings as a value.
func Object(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}
