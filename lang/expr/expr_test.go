package expr

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wf/lang/diag"
	"wf/lang/value"
)

// scope of the tests: a few names of each kind.
type scope map[string]*value.Type

func (s scope) Lookup(name string) (*value.Type, bool) { t, ok := s[name]; return t, ok }

func (s scope) Unknown(name string, span diag.Span) *diag.Diagnostic {
	return diag.Errorf("WF203", span, "there is no %s here", name)
}

func field(name string, t *value.Type) *value.Field { return &value.Field{Name: name, Type: t} }

var (
	plan3  = value.EnumOf("free", "pro", "enterprise")
	person = value.RecordOf(field("name", value.TString), field("age", value.TInt), &value.Field{Name: "nick", Type: value.TString, Optional: true})
	names  = scope{
		"n": value.TInt, "f": value.TFloat, "s": value.TString, "b": value.TBool, "plan": plan3,
		"p": person, "maybe": person.Opt(), "xs": value.ListOf(value.TInt), "ps": value.ListOf(person),
		"t": value.TTime, "d": value.TDuration, "any": value.TAny, "secret": value.TString.Hidden(), "missing": value.TInt.Opt(),
		"opts": value.ListOf(value.TInt.Opt()), "level": value.EnumOf(1, 2, 3),
	}
	env = map[string]any{
		"n": 7, "f": 2.5, "s": "Ada", "b": true, "plan": "pro",
		"p": map[string]any{"name": "Ada", "age": 36}, "maybe": nil, "xs": []any{3, 1, 2},
		"ps": []any{map[string]any{"name": "Ada", "age": 36}, map[string]any{"name": "Bob", "age": 17, "nick": "bo"}},
		"t":  "2026-01-02T09:00:00Z", "d": "1m30s", "any": map[string]any{"x": []any{1}}, "secret": "s3cr3t", "missing": nil,
		"opts": []any{1, nil, 3}, "level": 2,
	}
)

func at(text string) Source {
	return Source{Text: text, Span: diag.Span{File: "x.wf", Start: 100, End: 100 + len(text)}}
}

func TestEval(t *testing.T) {
	for _, c := range []struct {
		text, typ string
		want      any
	}{
		{`1 + 2 * 3`, "int", 7},
		{`n % 2`, "int", 1},
		{`5 / 2`, "float", 2.5},
		{`n + f`, "float", 9.5},
		{`-n`, "int", -7},
		{`2 ** 3`, "float", 8.0},
		{`"a" + s`, "string", "aAda"},
		{`"hi ${s}, ${n + 1}!"`, "string", "hi Ada, 8!"},
		{`"${"x" + "${n}"}"`, "string", "x7"},
		{`"\${n} \"q\" \\ \u00e9"`, `"${n} \"q\" \\ é"`, `${n} "q" \ é`},
		{`""`, `""`, ""},
		{`p.name`, "string", "Ada"},
		{`p.nick`, "string?", nil},
		{`p.nick ?? "none"`, "string", "none"},
		{`maybe?.name`, "string?", nil},
		{`maybe?.name ?? s`, "string", "Ada"},
		{`missing ?? 3`, "int", 3},
		{`missing == nil`, "bool", true},
		{`b and not (n > 7)`, "bool", true},
		{`b ? n : 0`, "int", 7},
		{`b ? n : nil`, "int?", 7},
		{`plan == "pro"`, "bool", true},
		{`plan in ["pro", "free"]`, "bool", true},
		{`{ free: 1, pro: 2, enterprise: 3 }[plan]`, "int", 2},
		{`{ a: n, "b c": s, in: 1 }`, `{ a int, b c string, in int }`, map[string]any{"a": 7, "b c": "Ada", "in": 1}},
		{"{\n a: n\n b: s\n}", `{ a int, b string }`, map[string]any{"a": 7, "b": "Ada"}},
		{"{ a: n +\n 1\n b: [1,\n 2] }", `{ a int, b [int] }`, map[string]any{"a": 8, "b": []any{1, 2}}},
		{"{ a: b\n ? 1\n : 2 }", `{ a int }`, map[string]any{"a": 1}},
		{`{}`, `{ }`, map[string]any{}},
		{`[1, 2.5]`, "[float]", []any{1, 2.5}},
		{`xs[0]`, "int", 3},
		{`xs[-1]`, "int", 2},
		{`xs[1:]`, "[int]", []any{1, 2}},
		{`len(xs) + len(s) + len(p)`, "int", 8},
		{`filter(xs, # > 1)`, "[int]", []any{3, 2}},
		{`map(ps, .name)`, "[string]", []any{"Ada", "Bob"}},
		{`map(ps, .nick ?? "-")`, "[string]", []any{"-", "bo"}},
		{`map(ps, { n: .name, old: .age > 30 })`, "[{ n string, old bool }]", []any{map[string]any{"n": "Ada", "old": true}, map[string]any{"n": "Bob", "old": false}}},
		{"map(ps,\n {\n n: .name\n x: { y: #index } })[1].x.y", "int", 1},
		{`map(filter(xs, # > 1), { v: { w: # } })[0].v.w`, "int", 3},
		{`sum(map(ps, { a: .age }), .a)`, "int", 53},
		{`find(ps, .age < 18)?.name`, "string?", "Bob"},
		{`count(ps, .age > 30)`, "int", 1},
		{`sum(map(ps, .age))`, "int", 53},
		{`map(ps, { who: .name, older: { in: .age + 1 } })`, "[{ who string, older { in int } }]", []any{
			map[string]any{"who": "Ada", "older": map[string]any{"in": 37}}, map[string]any{"who": "Bob", "older": map[string]any{"in": 18}}}},
		{"map(ps,\n{\n who: .name\n \"age\": .age })", "[{ who string, age int }]", []any{map[string]any{"who": "Ada", "age": 36}, map[string]any{"who": "Bob", "age": 17}}},
		{`map(xs, { n: # })[0].n + len(map(xs, {}))`, "int", 6},
		{`map(xs, # * #index)`, "[int]", []any{0, 1, 4}},
		{`filter(ps, .age < xs[#index] * 10)`, "[{ name string, age int, nick? string }]", []any{}},
		{`find(xs, #index == 1 and # == 1)`, "int?", 1},
		{`filter(xs, #index > 0 and any(ps, #index == 1))`, "[int]", []any{1, 2}},
		{`all(xs, # > 0) and any(xs, # == 2) and none(xs, # > 9)`, "bool", true},
		{`sort(xs)`, "[int]", []any{1, 2, 3}},
		{`sort([90s, 5s, 1h])`, "[duration]", []any{"5s", "1m30s", "1h"}},
		{`sort([t, time("2026-01-02T09:30:00+01:00")])[0]`, "time", "2026-01-02T09:30:00+01:00"},
		{`sortBy([{ d: 90s }, { d: 5s }], .d)[0].d`, "duration", "5s"},
		{`first(xs)`, "int?", 3},
		{`max(xs)`, "int?", 3},
		{`min([])`, "any", nil},
		{`max(ps[0].age, 40)`, "int", 40},
		{`max(n, f)`, "float", 7},
		{`join(split("a,b", ","), "-")`, "string", "a-b"},
		{`"né"[1:2]`, "string", "é"},
		{`s[-1:] + s[:1] + s[1:1] + s[:99]`, "string", "aAAda"},
		{`indexOf("éa", "a") + len("éa")`, "int", 3},
		{`any.x[0:1]`, "any", []any{1}},
		{`s < "B" and "a" < "b"`, "bool", true},
		{`level + 1`, "int", 3},
		{`level > 1 and level == 2 and level in [1, 2]`, "bool", true},
		{`max(level, 0)`, "int", 2},
		{`s not contains "x" and s not matches "^x" and not (s == "x")`, "bool", true},
		{`1 < n < 10 and 1m < d <= 90s`, "bool", true},
		{`upper(trim("  x "))`, "string", "X"},
		{`s contains "d" and s startsWith "A" and s matches "^A.a$"`, "bool", true},
		{`int("12") + int(2.9)`, "int", 14},
		{`round(2.5) + floor(-2.5) + ceil(2.1)`, "int", 3},
		{`string(2.5) + string(true)`, "string", "2.5true"},
		{`keys({ b: 1, a: 2 })`, "[string]", []any{"a", "b"}},
		{`values({ b: 1, a: 2 })`, "[int]", []any{2, 1}},
		{`toJSON({ b: 1, a: [nil] })`, "string", `{"a":[null],"b":1}`},
		{`fromJSON("{\"a\": 1}").a`, "any", 1},
		{`compact(opts)`, "[int]", []any{1, 3}},
		{`1..3`, "[int]", []any{1, 2, 3}},
		{`30s`, "duration", "30s"},
		{`30s * 2`, "duration", "1m"},
		{`d + 30s`, "duration", "2m"},
		{`d > 1m`, "bool", true},
		{`d == 90s`, "bool", true},
		{`d / 30s`, "float", 3.0},
		{`t + 1h`, "time", "2026-01-02T10:00:00Z"},
		{`t + 1h - t`, "duration", "1h"},
		{`t < t + 1s`, "bool", true},
		{`t == time("2026-01-02T10:00:00+01:00")`, "bool", true},
		{`b ? 45s : 30s`, "duration", "45s"},
		{`any.x[0]`, "any", 1},
		{`any.y?.z`, "any", nil},
		{`concat(xs, [9])`, "[int]", []any{3, 1, 2, 9}},
		{`(maybe ?? p).name`, "string", "Ada"},
		{`maybe?.name == nil ? "no" : "yes"`, `"no" | "yes"`, "no"},
		{`not b`, "bool", false},
		{`maybe != nil and maybe.name == "Ada"`, "bool", false},
		{`maybe == nil or maybe.name == "Ada"`, "bool", true},
		{`not (maybe == nil) and len(maybe.name) > 0`, "bool", false},
		{`p.nick != nil ? p.nick + "!" : "none"`, "string", "none"},
		{`missing == nil ? 0 : missing + 1`, "int", 0},
		{`maybe?.nick == "bo" and maybe.name + maybe.nick == "x"`, "bool", false},
		{`5 % 3`, "int", 2},
		{`{ a: [ { b: 1 }, { b: 2 } ] }`, "{ a [{ b int }] }", map[string]any{"a": []any{map[string]any{"b": 1}, map[string]any{"b": 2}}}},
	} {
		p, problems := Compile(at(c.text), names)
		if len(problems) > 0 {
			t.Errorf("%s: %v", c.text, problems)
			continue
		}
		if got := p.Type().String(); got != c.typ {
			t.Errorf("%s: type %s, want %s", c.text, got, c.typ)
		}
		got, err := p.Eval(NewMachine(), env)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.text, diff)
		}
	}
}

// TestProblems shows each problem as "code text-under-the-caret".
func TestProblems(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{`1 +`, []string{`WF301 +`}},
		{`nope`, []string{`WF203 nope`}},
		{`nope + other.x`, []string{`WF203 nope`, `WF203 other`}},
		{`p.nam`, []string{`WF303 nam`}},
		{`s.x`, []string{`WF303 x`}},
		{`maybe.name`, []string{`WF304 maybe`}},
		{`maybe != nil or maybe.name == "x"`, []string{`WF304 maybe`}},
		{`(maybe == nil or b) and maybe.name == "x"`, []string{`WF304 maybe`}},
		{`maybe?.age != 3 and maybe.name == "x"`, []string{`WF304 maybe`}},
		{`maybe == nil ? maybe.name : "x"`, []string{`WF304 maybe`}},
		{`missing + 1`, []string{`WF304 missing`}},
		{`p.nick + "x"`, []string{`WF304 p.nick`}},
		{`"x ${p.nick}"`, []string{`WF304 p.nick`}},
		{`"é ${s} ${p.nope} z"`, []string{`WF303 nope`}},
		{`"x ${p}"`, []string{`WF307 p`}},
		{`s + 1`, []string{`WF305 s + 1`}},
		{`not n == 7`, []string{`WF305 not n`}},
		{`missing ?? 1 + 2`, []string{`WF301 +`}},
		{`b ?: b`, []string{`WF302 b ?: b`}},
		{`{ 1: 2 }`, []string{`WF302 1`}},
		{`9223372036854775808`, []string{`WF301 9223372036854775808`}},
		{`s in "Ada"`, []string{`WF305 s in "Ada"`}},
		{`s[0]`, []string{`WF310 s[0`}},
		{`t in [t]`, []string{`WF305 t in [t`}},
		{`sort(ps)`, []string{`WF307 sort(ps`}},
		{`max(map(ps, .name))`, []string{`WF307 max(map(ps, .name`}},
		{`mean(["a"])`, []string{`WF307 mean(["a"`}},
		{`n and b`, []string{`WF305 n and b`}},
		{`plan == "prop"`, []string{`WF308 "prop"`}},
		{`plan in ["pro", "fre"]`, []string{`WF308 "fre"`}},
		{`s == 1`, []string{`WF308 s == 1`}},
		{`fliter(xs, # > 1)`, []string{`WF306 fliter`}},
		{`now()`, []string{`WF302 now`}},
		{`len()`, []string{`WF307 len`}},
		{`len(n)`, []string{`WF307 len(n`}},
		{`filter(xs, { # > 1 })`, []string{`WF302 {`}},
		{`#index`, []string{`WF301 #`}},
		{`filter(xs, #place > 1)`, []string{`WF302 #`}},
		{`filter(xs, #)`, []string{`WF307 filter(xs, #`}},
		{`10%`, []string{`WF302 10%`}},
		{`n in 5xx`, []string{`WF302 5xx`}},
		{`if b { 1 } else { 2 }`, []string{`WF302 if`}},
		{`let x = 1; x`, []string{`WF302 let`, `WF302 =`, `WF302 ;`}},
		{`n = 1`, []string{`WF302 =`}},
		{`'x'`, []string{`WF103 'x'`}},
		{`{ free: 1, pro: 2 }[plan]`, []string{`WF310 plan`}},
		{`xs["a"]`, []string{`WF303 "a"`}},
		{`#`, []string{`WF301 #`}},
		{`1 / 0`, []string{`WF309 1 / 0`}},
		{`{ a: 1, a: 2 }`, []string{`WF301 a`}},
		{`s.upper()`, []string{`WF302 upper`}},
		{`$env`, []string{`WF302 $`}},
		{`int("x")`, []string{`WF309 int`}},
		{`d + 1`, []string{`WF305 d + 1`}},
		{`s matches "("`, []string{`WF307 "("`}},
		{`"a" "b"`, []string{`WF301 "b"`}},
		{`nil.x`, []string{`WF301 .`}},
	} {
		_, problems := Compile(at(c.text), names)
		problems.Sort()
		got := []string{}
		for _, d := range problems {
			if d.Span.Start < 100 || d.Span.End > 100+len(c.text) || d.Span.End < d.Span.Start {
				t.Errorf("%s: span %v is outside the expression", c.text, d.Span)
				continue
			}
			got = append(got, fmt.Sprintf("%s %s", d.Code, c.text[d.Span.Start-100:d.Span.End-100]))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q\n%v", c.text, got, c.want, problems)
		}
	}
}

func TestRunTimeErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`xs[n]`, "out of range"},
		{`any.y.z`, "nothing to read z from"},
		{`int(s)`, "invalid"},
		{`time(s)`, "parsing time"},
		{`n / 0`, "finite"},
	} {
		p, problems := Compile(at(c.text), names)
		if len(problems) > 0 {
			t.Errorf("%s: %v", c.text, problems)
			continue
		}
		if v, err := p.Eval(NewMachine(), env); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s = %v, error %v, want one about %q", c.text, v, err, c.want)
		}
	}
}

func TestCanonical(t *testing.T) {
	for _, c := range [][2]string{
		{"{ a:1\n b: n+2 }", `{a: 1, b: n + 2}`},
		{"p.nick??\"x\"", `p.nick ?? "x"`},
		{"30s*n", `30s * n`},
	} {
		p, problems := Compile(at(c[0]), names)
		if len(problems) > 0 || p.String() != c[1] {
			t.Errorf("%s: %s, want %s %v", c[0], p, c[1], problems)
		}
	}
}

// TestFastPath holds the plans that bypass the engine against the engine itself.
func TestFastPath(t *testing.T) {
	for _, text := range []string{`p.name`, `maybe?.name`, `any.x`, `any.nope`, `p.nick`, `maybe`, `any?.x`, `any.nope?.deep.deeper`} {
		fast, problems := Compile(at(text), names)
		slow, more := Compile(at("["+text+"][0]"), names)
		if len(problems)+len(more) > 0 {
			t.Fatal(problems, more)
		}
		a, err1 := fast.Eval(NewMachine(), env)
		b, err2 := slow.Eval(NewMachine(), env)
		if !cmp.Equal(a, b) || (err1 == nil) != (err2 == nil) {
			t.Errorf("%s: fast %v %v, engine %v %v", text, a, err1, b, err2)
		}
	}
}

// FuzzCompile compiles and evaluates whatever comes: it must not panic, what it says has
// a place in the text, and what it computes is a value. Its seeds are the conditions and
// results of the shipped files, too.
func FuzzCompile(f *testing.F) {
	files, err := filepath.Glob("../../workflows/*.wf")
	if err != nil || len(files) == 0 {
		f.Fatalf("no files: %v", err)
	}
	seeds := map[string]bool{}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)(?:ensure|return|when|expect|timeout) (.*?)(?: else .*| \{.*)?$`).FindAllSubmatch(src, -1) {
			seeds[string(m[1])] = true
		}
	}
	for _, seed := range slices.Sorted(maps.Keys(seeds)) {
		f.Add(seed)
	}
	for _, seed := range []string{`1 + n`, `"a ${s}"`, `{ a: 1, b: [n] }`, `filter(xs, # > 1)`, `maybe?.name ?? "x"`, `30s * 2`, `t + d`, "{ a: 1\n b: 2 }", `(((`, `"${`, `#`, `é`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, problems := Compile(at(text), names)
		for _, d := range problems {
			if d.Span.Start < 100 || d.Span.End > 100+len(text) || d.Span.End < d.Span.Start {
				t.Errorf("%q: span %v of %v is outside", text, d.Span, d)
			}
		}
		if problems.HasErrors() {
			return
		}
		v, err := p.Eval(NewMachine(), env)
		if err == nil && !value.InDomain(v) {
			t.Errorf("%q: %T is not a value", text, v)
		}
	})
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Compile(at(`{ id: p.name, total: n * 2, note: s ?? "x" }`), names)
	}
}

func BenchmarkEval(b *testing.B) {
	for _, text := range []string{`p.name`, `n > 3 and plan == "pro"`, `{ id: p.name, n: n, s: s }`, `{ id: p.name, total: n * 2, s: s }`} {
		b.Run(text, func(b *testing.B) {
			p, _ := Compile(at(text), names)
			m := NewMachine()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Eval(m, env); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
