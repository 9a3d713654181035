package expr

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"

	"wf/lang/value"
)

// rule types one function. It gets the types of the arguments (for a predicate,
// the type of its result) and returns the type of the call, or a complaint.
type rule func(args []*value.Type) (*value.Type, string)

// signature of a function: how many arguments it takes and how it is typed.
type signature struct {
	min, max int
	typ      rule
}

var (
	bools   = gives(value.TBool)
	ints    = gives(value.TInt)
	floats  = gives(value.TFloat)
	strs    = gives(value.TString)
	strList = gives(value.ListOf(value.TString))
)

// functions is the closed list of what an expression can call.
var functions = map[string]signature{
	"len":       {1, 1, on(ints, value.String, value.List, value.Record)},
	"filter":    {2, 2, predicate(func(list, _ *value.Type) *value.Type { return list.Req() })},
	"map":       {2, 2, listThen(func(_, out *value.Type) *value.Type { return value.ListOf(out) })},
	"all":       {2, 2, predicate(func(_, _ *value.Type) *value.Type { return value.TBool })},
	"any":       {2, 2, predicate(func(_, _ *value.Type) *value.Type { return value.TBool })},
	"none":      {2, 2, predicate(func(_, _ *value.Type) *value.Type { return value.TBool })},
	"one":       {2, 2, predicate(func(_, _ *value.Type) *value.Type { return value.TBool })},
	"find":      {2, 2, predicate(func(list, _ *value.Type) *value.Type { return elem(list).Opt() })},
	"findIndex": {2, 2, predicate(func(_, _ *value.Type) *value.Type { return value.TInt.Opt() })},
	"count":     {1, 2, countRule},
	"sum":       {1, 2, sumRule},
	"sortBy":    {2, 2, sortByRule},
	"min":       {1, 8, extremum},
	"max":       {1, 8, extremum},
	"mean":      {1, 1, numbers(floats)},
	"sort":      {1, 1, sortRule},
	"reverse":   {1, 1, same(value.List)},
	"uniq":      {1, 1, same(value.List)},
	"first":     {1, 1, on(func(a []*value.Type) (*value.Type, string) { return elem(a[0]).Opt(), "" }, value.List)},
	"last":      {1, 1, on(func(a []*value.Type) (*value.Type, string) { return elem(a[0]).Opt(), "" }, value.List)},
	"take":      {2, 2, takeRule},
	"concat":    {1, 8, concatRule},
	"flatten":   {1, 1, on(func(a []*value.Type) (*value.Type, string) { return value.ListOf(elem(elem(a[0]))), "" }, value.List)},
	"compact":   {1, 1, on(func(a []*value.Type) (*value.Type, string) { return value.ListOf(elem(a[0]).Req()), "" }, value.List)},
	"join":      {1, 2, joinRule},
	"split":     {2, 2, text(strList)},
	"trim":      {1, 2, text(strs)},
	"upper":     {1, 1, text(strs)},
	"lower":     {1, 1, text(strs)},
	"replace":   {3, 3, text(strs)},
	"hasPrefix": {2, 2, text(bools)},
	"hasSuffix": {2, 2, text(bools)},
	"indexOf":   {2, 2, text(ints)},
	"int":       {1, 1, on(ints, value.Int, value.Float, value.String, value.Enum)},
	"float":     {1, 1, on(floats, value.Int, value.Float, value.String)},
	"string":    {1, 1, stringRule},
	"abs":       {1, 1, on(func(a []*value.Type) (*value.Type, string) { return computed(a[0]), "" }, value.Int, value.Float)},
	"ceil":      {1, 1, on(ints, value.Int, value.Float)},
	"floor":     {1, 1, on(ints, value.Int, value.Float)},
	"round":     {1, 1, on(ints, value.Int, value.Float)},
	"keys":      {1, 1, on(strList, value.Record)},
	"values":    {1, 1, on(func(a []*value.Type) (*value.Type, string) { return value.ListOf(joinFields(a[0])), "" }, value.Record)},
	"toPairs":   {1, 1, on(gives(value.ListOf(value.TAny)), value.Record)},
	"toJSON":    {1, 1, strs},
	"fromJSON":  {1, 1, text(gives(value.TAny))},
	"type":      {1, 1, gives(value.EnumOf("nil", "bool", "int", "float", "string", "list", "record"))},
	marks:       {1, 1, func(a []*value.Type) (*value.Type, string) { return a[0].Hidden(), "" }},
	"duration":  {1, 1, text(gives(value.TDuration))},
	"time":      {1, 1, text(gives(value.TTime))},
}

// marks is the function that says of a value that it is a secret.
const marks = "secret"

// IsBuiltin reports whether a name is a function of expressions.
func IsBuiltin(name string) bool { _, ok := functions[name]; return ok }

// Builtins lists the functions of expressions, sorted.
func Builtins() []string { return slices.Sorted(maps.Keys(functions)) }

// ambient functions of expr-lang, with what to use instead.
var ambient = map[string]string{
	"now": "run.started_at is the run's clock", "date": `write time("2026-01-02T15:04:05Z")`, "timezone": "times carry their zone",
	"get": "use ?. or []", "reduce": "use sum, count or map", "groupBy": "use filter", "repeat": "write the text out",
}

func gives(t *value.Type) rule { return func([]*value.Type) (*value.Type, string) { return t, "" } }

func elem(t *value.Type) *value.Type {
	switch {
	case t.Kind == value.List:
		return t.Elem
	case t.Unknown:
		return t
	}
	return value.TAny
}

func isAny(t *value.Type) bool { return t.Kind == value.Any }

// on demands one of the kinds of the first argument.
func on(then rule, kinds ...value.Kind) rule {
	return func(args []*value.Type) (*value.Type, string) {
		kind := args[0].Kind
		if isText(args[0]) && !slices.Contains(kinds, value.Enum) {
			kind = value.String
		}
		if !isAny(args[0]) && !slices.Contains(kinds, kind) {
			return value.TAny, fmt.Sprintf("takes %s, not %s", kindList(kinds), args[0])
		}
		if len(kinds) == 1 && kinds[0] == value.List && isAny(args[0]) && !args[0].Unknown { // else it fails
			args = slices.Clone(args)
			args[0] = value.ListOf(value.TAny)
		}
		return then(args)
	}
}

func kindList(kinds []value.Kind) string {
	s := ""
	for i, k := range kinds {
		switch {
		case i > 0 && i == len(kinds)-1:
			s += " or "
		case i > 0:
			s += ", "
		}
		s += k.String()
	}
	return s
}

// same gives back the type of its argument.
func same(kinds ...value.Kind) rule {
	return on(func(a []*value.Type) (*value.Type, string) { return a[0], "" }, kinds...)
}

// text demands strings.
func text(then rule) rule {
	return func(args []*value.Type) (*value.Type, string) {
		for _, a := range args {
			if !isAny(a) && !isText(a) {
				return value.TAny, fmt.Sprintf("takes strings, not %s", a)
			}
		}
		return then(args)
	}
}

func predicate(typ func(list, out *value.Type) *value.Type) rule {
	return on(func(a []*value.Type) (*value.Type, string) {
		if !isAny(a[1]) && a[1].Kind != value.Bool {
			return value.TAny, fmt.Sprintf("takes a condition behind the list, not %s", a[1])
		}
		return typ(a[0], a[1]), ""
	}, value.List)
}

func listThen(typ func(list, out *value.Type) *value.Type) rule {
	return on(func(a []*value.Type) (*value.Type, string) { return typ(a[0], a[1]), "" }, value.List)
}

func countRule(a []*value.Type) (*value.Type, string) {
	if len(a) == 1 {
		a = append(a, elem(a[0]))
	}
	return predicate(func(_, _ *value.Type) *value.Type { return value.TInt })(a)
}

func sumRule(a []*value.Type) (*value.Type, string) {
	if len(a) == 1 {
		a = append(a, elem(a[0]))
	}
	return on(func(a []*value.Type) (*value.Type, string) {
		if !isAny(a[1]) && !isNumber(a[1]) {
			return value.TAny, fmt.Sprintf("adds numbers, not %s", a[1])
		}
		return computed(a[1]), ""
	}, value.List)(a)
}

// extremum types min and max: of an empty list there is none.
func extremum(args []*value.Type) (*value.Type, string) {
	if len(args) == 1 {
		return numbers(func(a []*value.Type) (*value.Type, string) { return elem(a[0]).Opt(), "" })(args)
	}
	var out *value.Type
	for _, a := range args {
		if !isAny(a) && !isNumber(a) {
			return value.TAny, fmt.Sprintf("compares numbers, not %s", a)
		}
		if out == nil {
			out = a
		} else {
			out = value.Join(out, a)
		}
	}
	return out, ""
}

// numbers demands a list of numbers.
func numbers(then rule) rule {
	return on(func(a []*value.Type) (*value.Type, string) {
		if e := elem(a[0]); !isAny(e) && !isNumber(e) {
			return value.TAny, fmt.Sprintf("takes a list of numbers, not of %s", e)
		}
		return then(a)
	}, value.List)
}

// sortable reports whether values of a type have an order.
func sortable(t *value.Type) bool { return isAny(t) || isNumber(t) || isText(t) || isTemporal(t) }

func isTemporal(t *value.Type) bool { return t.Kind == value.Time || t.Kind == value.Duration }

func sortRule(a []*value.Type) (*value.Type, string) {
	return on(func(a []*value.Type) (*value.Type, string) {
		if e := elem(a[0]); !sortable(e) {
			return value.TAny, fmt.Sprintf("has no order for %s; say by what: sortBy(list, .field)", e)
		}
		return a[0], ""
	}, value.List)(a)
}

func sortByRule(a []*value.Type) (*value.Type, string) {
	return on(func(a []*value.Type) (*value.Type, string) {
		if !sortable(a[1]) {
			return value.TAny, fmt.Sprintf("sorts by a number, string, time or duration, not by %s", a[1])
		}
		return a[0].Req(), ""
	}, value.List)(a)
}

func takeRule(a []*value.Type) (*value.Type, string) {
	if !isAny(a[1]) && a[1].Kind != value.Int {
		return value.TAny, fmt.Sprintf("takes a list and an int, not %s", a[1])
	}
	return same(value.List)(a)
}

func concatRule(args []*value.Type) (*value.Type, string) {
	var out *value.Type
	for _, a := range args {
		if !isAny(a) && a.Kind != value.List {
			return value.TAny, fmt.Sprintf("takes lists, not %s", a)
		}
		if out == nil {
			out = a
		} else {
			out = value.Join(out, a)
		}
	}
	return out, ""
}

func joinRule(a []*value.Type) (*value.Type, string) {
	if len(a) == 2 && !isAny(a[1]) && !isText(a[1]) {
		return value.TAny, fmt.Sprintf("takes a separator string, not %s", a[1])
	}
	return on(func(a []*value.Type) (*value.Type, string) {
		if e := elem(a[0]); !isAny(e) && !isText(e) {
			return value.TAny, fmt.Sprintf("joins strings, not %s", e)
		}
		return value.TString, ""
	}, value.List)(a)
}

func stringRule(a []*value.Type) (*value.Type, string) {
	switch a[0].Kind {
	case value.List, value.Record:
		return value.TString, fmt.Sprintf("takes a single value, not %s", a[0])
	}
	return value.TString, ""
}

func joinFields(t *value.Type) *value.Type {
	var out *value.Type
	for _, f := range t.Fields {
		if out == nil {
			out = f.ReadType()
		} else {
			out = value.Join(out, f.ReadType())
		}
	}
	if out == nil || t.Open {
		return value.TAny
	}
	return out
}

// fn is a function implemented here, either because expr-lang's is not
// deterministic or because it has none.
func fn(name string, f func(args []any) (any, error)) *builtin.Function {
	return &builtin.Function{Name: name, Func: func(args ...any) (any, error) { return f(args) }}
}

func addFunctions(c *conf.Config) {
	for _, f := range []*builtin.Function{
		fn("string", func(a []any) (any, error) { return scalarText(a[0]) }),
		fn("keys", func(a []any) (any, error) { return pairs(a[0], func(k string, _ any) any { return k }) }),
		fn("values", func(a []any) (any, error) { return pairs(a[0], func(_ string, v any) any { return v }) }),
		fn("toPairs", func(a []any) (any, error) { return pairs(a[0], func(k string, v any) any { return []any{k, v} }) }),
		fn("toJSON", toJSON),
		fn("fromJSON", fromJSON),
		fn("compact", compact),
		fn(marks, func(a []any) (any, error) { return a[0], nil }),
		fn("type", func(a []any) (any, error) { return value.KindName(a[0]), nil }),
		fn("ceil", rounding(func(f float64) float64 { i := float64(int(f)); return i + b2f(f > i) })),
		fn("floor", rounding(func(f float64) float64 { i := float64(int(f)); return i - b2f(f < i) })),
		fn("round", rounding(func(f float64) float64 { return float64(int(f + 0.5*sign(f))) })),
		fn("duration", func(a []any) (any, error) { d, err := asDuration(a[0]); return value.FormatDuration(d), err }),
		fn("time", func(a []any) (any, error) { t, err := asTime(a[0]); return formatTime(t), err }),
		fn("indexOf", indexOf), fn("__slice", slice), fn("__instant", instant),
		fn("__time_add", timeAdd), fn("__time_sub", timeSub), fn("__time_cmp", timeCmp),
		fn("__dur_add", durAdd), fn("__dur_scale", durScale), fn("__dur_ratio", durRatio), fn("__dur_cmp", durCmp),
	} {
		c.Functions[f.Name] = f
	}
}

func b2f(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func sign(f float64) float64 {
	if f < 0 {
		return -1
	}
	return 1
}

func rounding(f func(float64) float64) func([]any) (any, error) {
	return func(a []any) (any, error) {
		switch n := a[0].(type) {
		case int:
			return n, nil
		case float64:
			if n > 9e18 || n < -9e18 || n != n {
				return nil, fmt.Errorf("%v is too large for an int", n)
			}
			return int(f(n)), nil
		}
		return nil, fmt.Errorf("not a number: %s", value.KindOf(a[0]))
	}
}

func scalarText(v any) (any, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	}
	return nil, fmt.Errorf("%s has no text", value.KindOf(v))
}

func pairs(v any, pick func(string, any) any) (any, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("not an object: %s", value.KindOf(v))
	}
	out := make([]any, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, pick(k, m[k]))
	}
	return out, nil
}

func toJSON(a []any) (any, error) {
	v, err := value.Normalize(a[0])
	if err != nil {
		return nil, err
	}
	b, err := value.EncodeJSON(v, "")
	return string(b), err
}

func fromJSON(a []any) (any, error) {
	s, ok := a[0].(string)
	if !ok {
		return nil, fmt.Errorf("not a string: %s", value.KindOf(a[0]))
	}
	return value.DecodeJSON(json.RawMessage(s))
}

func compact(a []any) (any, error) {
	list, ok := a[0].([]any)
	if !ok {
		return nil, fmt.Errorf("not a list: %s", value.KindOf(a[0]))
	}
	out := make([]any, 0, len(list))
	for _, v := range list {
		if v != nil {
			out = append(out, v)
		}
	}
	return out, nil
}

// indexOf counts in letters, as len and slices do; -1 says that there is none.
func indexOf(a []any) (any, error) {
	s, ok1 := a[0].(string)
	part, ok2 := a[1].(string)
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("not a string: %s", value.KindOf(a[0]))
	}
	i := strings.Index(s, part)
	if i < 0 {
		return i, nil
	}
	return utf8.RuneCountInString(s[:i]), nil
}

// slice is the part of a list or string from one bound to another. Bounds may be nil,
// count from the end if negative, and are cut to what is there.
func slice(a []any) (any, error) {
	var letters []rune
	size := 0
	list, isList := a[0].([]any)
	if s, ok := a[0].(string); ok {
		letters = []rune(s)
		size = len(letters)
	} else if isList {
		size = len(list)
	} else {
		return nil, fmt.Errorf("a range is taken of a list or string, not of %s", value.KindOf(a[0]))
	}
	bound := func(v any, absent int) int {
		n, given := v.(int)
		if !given {
			return absent
		}
		if n < 0 {
			n += size
		}
		return min(max(n, 0), size)
	}
	from, to := bound(a[1], 0), bound(a[2], size)
	to = max(from, to)
	if isList {
		return slices.Clone(list[from:to]), nil
	}
	return string(letters[from:to]), nil
}

// instant is a time or duration as a number that sorts like it, in nanoseconds.
func instant(a []any) (any, error) {
	if t, err := asTime(a[0]); err == nil {
		return int(t.UnixNano()), nil
	}
	d, err := asDuration(a[0])
	return int(d), err
}

func asDuration(v any) (time.Duration, error) {
	s, ok := v.(string)
	if !ok {
		return 0, fmt.Errorf("not a duration: %s", value.KindOf(v))
	}
	neg := len(s) > 0 && s[0] == '-'
	if neg {
		s = s[1:]
	}
	d, err := value.ParseDuration(s)
	if neg {
		d = -d
	}
	return d, err
}

func asTime(v any) (time.Time, error) {
	s, ok := v.(string)
	if !ok {
		return time.Time{}, fmt.Errorf("not a time: %s", value.KindOf(v))
	}
	return time.Parse(time.RFC3339Nano, s)
}

func formatTime(t time.Time) string { return t.Format(time.RFC3339Nano) }

func durText(d time.Duration) string {
	if d < 0 {
		return "-" + value.FormatDuration(-d)
	}
	return value.FormatDuration(d)
}

// timeAdd is t + d, or t - d if a third argument is given.
func timeAdd(a []any) (any, error) {
	t, err := asTime(a[0])
	if err != nil {
		return nil, err
	}
	d, err := asDuration(a[1])
	if len(a) == 3 {
		d = -d
	}
	return formatTime(t.Add(d)), err
}

func timeSub(a []any) (any, error) {
	t, err := asTime(a[0])
	if err != nil {
		return nil, err
	}
	u, err := asTime(a[1])
	return durText(t.Sub(u)), err
}

func timeCmp(a []any) (any, error) {
	t, err := asTime(a[0])
	if err != nil {
		return nil, err
	}
	u, err := asTime(a[1])
	return t.Compare(u), err
}

func two(a []any) (x, y time.Duration, err error) {
	if x, err = asDuration(a[0]); err == nil {
		y, err = asDuration(a[1])
	}
	return x, y, err
}

func durAdd(a []any) (any, error) {
	x, y, err := two(a)
	if len(a) == 3 {
		y = -y
	}
	return durText(x + y), err
}

func durCmp(a []any) (any, error) {
	x, y, err := two(a)
	switch {
	case x < y:
		return -1, err
	case x > y:
		return 1, err
	}
	return 0, err
}

func durRatio(a []any) (any, error) {
	x, y, err := two(a)
	if err == nil && y == 0 {
		err = fmt.Errorf("division by 0s")
	}
	if err != nil {
		return nil, err
	}
	return float64(x) / float64(y), nil
}

// durScale is d * n, or d / n if a third argument is given.
func durScale(a []any) (any, error) {
	d, err := asDuration(a[0])
	if err != nil {
		return nil, err
	}
	var f float64
	switch n := a[1].(type) {
	case int:
		f = float64(n)
	case float64:
		f = n
	default:
		return nil, fmt.Errorf("not a number: %s", value.KindOf(a[1]))
	}
	if len(a) == 3 {
		if f == 0 {
			return nil, fmt.Errorf("division by zero")
		}
		f = 1 / f
	}
	out := float64(d) * f
	if out > 9e18 || out < -9e18 {
		return nil, fmt.Errorf("the duration is too long")
	}
	return durText(time.Duration(out)), nil
}
