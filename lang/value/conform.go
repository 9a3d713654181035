package value

import (
	"fmt"
	"maps"
	"math"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Violation is one way in which a value breaks its type.
type Violation struct {
	Path    string // "user_info.email", "items[3].price"; "" is the value itself
	Message string // "is missing: it must be an int", `must be one of "free" | "pro", not "gold"`
	Unknown string // name of a field that does not exist; "" for any other breach
	Record  *Type  // what lacks the field Unknown; nil for any other breach
}

// String joins path and message.
func (v Violation) String() string {
	if v.Path == "" {
		return v.Message
	}
	return v.Path + " " + v.Message
}

// Violations lists every breach in the order of the type's fields.
type Violations []Violation

// Error joins the breaches with semicolons.
func (vs Violations) Error() string {
	parts := make([]string, len(vs))
	for i, v := range vs {
		parts[i] = v.String()
	}
	return strings.Join(parts, "; ")
}

// Conform checks v against t and completes it: defaults are filled in, nulls of
// optional fields dropped, numbers brought to the declared kind (3.0 for an int is
// 3). It returns the completed value, which is v itself if nothing had to be
// changed, and every violation. Unknown fields are violations unless the record is
// open. env is what [Lazy] defaults read. The value v is never written to.
func (t *Type) Conform(v any, env map[string]any) (any, Violations) {
	c := conformer{env: env}
	out := c.value(t, v, "")
	return out, c.found
}

// ConformLoosely is Conform for a value from a service, which may say more than we
// know of: unknown fields are left out, and listed by their paths. env is what [Lazy]
// defaults read.
func (t *Type) ConformLoosely(v any, env map[string]any) (out any, unknown []string, found Violations) {
	c := conformer{env: env, loose: true}
	out = c.value(t, v, "")
	return out, c.unknown, c.found
}

type conformer struct {
	env     map[string]any
	found   Violations
	loose   bool     // unknown fields are left out
	unknown []string // paths of those
}

func (c *conformer) add(path, format string, args ...any) {
	c.found = append(c.found, Violation{Path: path, Message: fmt.Sprintf(format, args...)})
}

func (c *conformer) value(t *Type, v any, path string) any {
	if v == nil {
		if !t.Optional && t.Kind != Any && t.Kind != Nil {
			c.add(path, "is null, which %s does not allow", article(t))
		}
		return nil
	}
	switch t.Kind {
	case Any:
		return v
	case Nil:
		c.add(path, "must be null")
		return v
	case Enum:
		return c.enum(t, v, path)
	case List:
		return c.list(t, v, path)
	case Record:
		return c.record(t, v, path)
	}
	return c.scalar(t, v, path)
}

func (c *conformer) mismatch(t *Type, v any, path string) any {
	if t.Secret {
		c.add(path, "must be %s, not %s", article(t.Req()), KindOf(v))
		return v
	}
	c.add(path, "must be %s, not %s", article(t.Req()), brief(v))
	return v
}

func (c *conformer) scalar(t *Type, v any, path string) any {
	switch t.Kind {
	case Bool:
		if _, ok := v.(bool); ok {
			return v
		}
	case Int:
		switch n := v.(type) {
		case int:
			c.bounds(t, float64(n), path, "")
			return v
		case float64:
			if i := int(n); float64(i) == n && math.Abs(n) < 1<<53 {
				c.bounds(t, n, path, "")
				return i
			}
		}
	case Float:
		switch n := v.(type) {
		case float64:
			c.bounds(t, n, path, "")
			return v
		case int:
			c.bounds(t, float64(n), path, "")
			return float64(n)
		}
	case String:
		if s, ok := v.(string); ok {
			c.text(t, s, path)
			return v
		}
	case Time:
		if s, ok := v.(string); ok {
			if _, err := time.Parse(time.RFC3339Nano, s); err == nil {
				return v
			}
			c.add(path, "must be a time such as 2026-01-31T09:00:00Z, not %s", brief(v))
			return v
		}
	case Duration:
		if s, ok := v.(string); ok {
			if _, err := ParseDuration(s); err == nil {
				return v
			}
			c.add(path, "must be a duration such as 30s or 1h30m, not %s", brief(v))
			return v
		}
	}
	return c.mismatch(t, v, path)
}

func (c *conformer) enum(t *Type, v any, path string) any {
	if f, ok := v.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		v = int(f)
	}
	switch v.(type) {
	case string, int, bool:
		if slices.Contains(t.Values, v) {
			return v
		}
	}
	if t.Secret {
		c.add(path, "is not one of the values allowed")
	} else {
		c.add(path, "must be one of %s, not %s", (&Type{Kind: Enum, Values: t.Values}).String(), brief(v))
	}
	return v
}

func (c *conformer) text(t *Type, s, path string) {
	r := &t.Rules
	if r.Nonempty && strings.TrimSpace(s) == "" {
		c.add(path, "must not be empty")
		return
	}
	if r.Min != nil || r.Max != nil {
		c.bounds(t, float64(utf8.RuneCountInString(s)), path, "characters")
	}
	if r.Format != "" {
		if is, ok := Formats[r.Format]; ok && !is(s) {
			if t.Secret {
				c.add(path, "must be %s", formatNames(r.Format))
			} else {
				c.add(path, "must be %s, not %s", formatNames(r.Format), brief(s))
			}
		}
	}
	if r.Pattern != "" {
		if re, err := compilePattern(r.Pattern); err == nil && !re.MatchString(s) {
			c.add(path, "must match %q", r.Pattern)
		}
	}
}

// bounds checks n against Min and Max; unit is "" for numbers, or what is counted.
func (c *conformer) bounds(t *Type, n float64, path, unit string) {
	if unit != "" {
		unit = " " + unit
	}
	of := func(n float64) string {
		if n == 1 {
			return num(n) + strings.TrimSuffix(unit, "s")
		}
		return num(n) + unit
	}
	if lo, ok := number(t.Rules.Min); ok && n < lo {
		c.add(path, "must be at least %s, not %s", of(lo), num(n))
	}
	if hi, ok := number(t.Rules.Max); ok && n > hi {
		c.add(path, "must be at most %s, not %s", of(hi), num(n))
	}
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

func num(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func (c *conformer) list(t *Type, v any, path string) any {
	in, ok := v.([]any)
	if !ok {
		return c.mismatch(t, v, path)
	}
	if t.Rules.Nonempty && len(in) == 0 {
		c.add(path, "must not be empty")
	}
	if t.Rules.Min != nil || t.Rules.Max != nil {
		c.bounds(t, float64(len(in)), path, "elements")
	}
	out := in
	for i, e := range in {
		done := c.value(t.Elem, e, path+"["+strconv.Itoa(i)+"]")
		if !same(done, e) {
			if &out[0] == &in[0] {
				out = slices.Clone(in)
			}
			out[i] = done
		}
	}
	return out
}

func (c *conformer) record(t *Type, v any, path string) any {
	in, ok := v.(map[string]any)
	if !ok {
		return c.mismatch(t, v, path)
	}
	out, copied, known := in, false, 0
	own := func() {
		if !copied {
			out, copied = maps.Clone(in), true
			if out == nil {
				out = map[string]any{}
			}
		}
	}
	for _, f := range t.Fields {
		e, present := in[f.Name]
		if present {
			known++
		}
		if e == nil && (f.CanOmit() || !present) {
			filled, ok := c.missing(f, dot(path, f.Name))
			if ok {
				own()
				out[f.Name] = filled
			} else if present {
				own()
				delete(out, f.Name)
			}
			continue
		}
		done := c.value(f.Type, e, dot(path, f.Name))
		if !same(done, e) {
			own()
			out[f.Name] = done
		}
	}
	if known < len(in) && !t.Open {
		names := t.FieldNames()
		for _, k := range slices.Sorted(maps.Keys(in)) {
			switch {
			case slices.Contains(names, k):
			case c.loose:
				own()
				delete(out, k)
				c.unknown = append(c.unknown, dot(path, k))
			default:
				c.found = append(c.found, Violation{Path: dot(path, k), Message: "is not a field of " + recordName(t), Unknown: k, Record: t})
			}
		}
	}
	return out
}

// missing gives the value of a field that was left out, if it has one.
func (c *conformer) missing(f *Field, path string) (any, bool) {
	switch {
	case f.HasDef:
		if l, ok := f.Default.(Lazy); ok {
			v, err := l.Value(c.env)
			if err != nil {
				c.add(path, "has a default that cannot be computed: %v", err)
				return nil, false
			}
			return v, true
		}
		return f.Default, true
	case f.Optional:
		return nil, false
	case f.Type.Omissible():
		return c.value(f.Type, map[string]any{}, path), true
	case f.Type.Optional:
		return nil, false
	}
	c.add(path, "is missing: it must be %s", wanted(f.Type))
	return nil, false
}

// wanted says what a value must be.
func wanted(t *Type) string {
	switch {
	case t.Kind == String && t.Rules.Format != "":
		return formatNames(t.Rules.Format)
	case t.Kind == Record && t.Name == "":
		return "a record " + recordName(t)
	case t.Kind == List:
		return "a list of " + t.Elem.String()
	}
	return article(t)
}

func recordName(t *Type) string {
	if t.Name != "" {
		return t.Name
	}
	if len(t.Fields) == 0 {
		return "an empty record"
	}
	names := t.FieldNames()
	if len(names) > 8 {
		names = append(names[:8:8], "…")
	}
	return "{ " + strings.Join(names, ", ") + " }"
}

func dot(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// same reports whether conforming left a value as it was; containers are
// compared by identity, which is what Conform preserves.
func same(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && len(x) == len(y) && mapID(x) == mapID(y)
	case []any:
		y, ok := b.([]any)
		return ok && len(x) == len(y) && (len(x) == 0 || &x[0] == &y[0])
	}
	switch b.(type) {
	case map[string]any, []any:
		return false
	}
	return a == b
}

func article(t *Type) string {
	switch t.Kind {
	case Any:
		return "any value"
	case Int:
		return "an int"
	case Enum:
		return "one of " + t.Req().String()
	case Record:
		if t.Name != "" {
			return "a record (" + t.Name + ")"
		}
		return "a record"
	}
	return "a " + t.Kind.String()
}

// brief shows a value in at most 60 letters, for messages.
func brief(v any) string {
	switch x := v.(type) {
	case map[string]any:
		return "a record"
	case []any:
		return "a list"
	case string:
		if r := []rune(x); len(r) > 60 {
			return strconv.Quote(string(r[:57])) + "…"
		}
	}
	return Literal(v)
}

// KindOf names the kind of a value as messages do: "a string", "null".
func KindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a bool"
	case int:
		return "an int"
	case float64:
		return "a float"
	case string:
		return "a string"
	case []any:
		return "a list"
	case map[string]any:
		return "a record"
	}
	return fmt.Sprintf("a Go %T", v)
}

// KindName is the word of the language for the kind of a value: "int", "list", "nil".
func KindName(v any) string {
	switch v.(type) {
	case nil:
		return Nil.String()
	case bool:
		return Bool.String()
	case int:
		return Int.String()
	case float64:
		return Float.String()
	case string:
		return String.String()
	case []any:
		return List.String()
	case map[string]any:
		return Record.String()
	}
	return fmt.Sprintf("Go %T", v)
}

// Formats are the names that may follow `matching`.
var Formats = map[string]func(string) bool{
	"email":    isEmail,
	"url":      isURL,
	"uuid":     matches(`^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$`),
	"date":     func(s string) bool { _, err := time.Parse(time.DateOnly, s); return err == nil },
	"hostname": matches(`^(?i:[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.(?i:[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?))*$`),
	"ip":       func(s string) bool { _, err := netip.ParseAddr(s); return err == nil },
}

// matches compiles a pattern when it is first needed: most runs need none.
func matches(pattern string) func(string) bool {
	re := sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
	return func(s string) bool { return re().MatchString(s) }
}

func formatNames(name string) string {
	switch name {
	case "email":
		return "an email address"
	case "url":
		return "a URL"
	case "uuid":
		return "a UUID"
	case "date":
		return "a date such as 2026-01-31"
	case "hostname":
		return "a host name"
	case "ip":
		return "an IP address"
	}
	return "a valid " + name
}

// isEmail accepts an addr-spec of RFC 5322 whose domain has at least one label
// and no spaces; display names ("Ada <ada@x>") are refused.
func isEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || len(s) > 254 {
		return false
	}
	_, domain, ok := strings.Cut(s[strings.LastIndexByte(s, '@'):], "@")
	return ok && domain != "" && !strings.HasPrefix(domain, ".") && !strings.HasSuffix(domain, ".")
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != "")
}

var patterns sync.Map // string → *regexp.Regexp or error

// compilePattern compiles an RE2 expression once per text.
func compilePattern(p string) (*regexp.Regexp, error) {
	if v, ok := patterns.Load(p); ok {
		if re, ok := v.(*regexp.Regexp); ok {
			return re, nil
		}
		return nil, v.(error)
	}
	re, err := regexp.Compile(p)
	if err != nil {
		patterns.Store(p, err)
		return nil, err
	}
	patterns.Store(p, re)
	return re, nil
}

// CheckPattern reports whether p is a pattern that `matching` accepts (RE2).
func CheckPattern(p string) error { _, err := compilePattern(p); return err }
