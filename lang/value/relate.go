package value

import (
	"fmt"
	"slices"
)

// AssignableTo reports whether every value of t is admitted by u, as far as types
// can tell. If not, why says what stands in the way, starting at the place that
// does not fit ("billing.plan: int is not string"). Any is assignable both ways:
// it is the escape hatch, checked at run time. Bounds and formats are run-time
// checks too.
func (t *Type) AssignableTo(u *Type) (ok bool, why string) {
	switch {
	case t.Kind == Any || u.Kind == Any:
		return true, ""
	case t.Kind == Nil:
		if u.Optional {
			return true, ""
		}
		return false, "nil is not " + u.String()
	case t.Optional && !u.Optional:
		return false, "it may be nil"
	}
	switch u.Kind {
	case Float:
		if t.Kind == Int || t.Kind == Float {
			return true, ""
		}
	case String:
		if t.Kind == String || t.Kind == Enum && t.enumOf(isString) {
			return true, ""
		}
		if t.Kind == Time || t.Kind == Duration {
			return true, ""
		}
	case Int:
		if t.Kind == Int || t.Kind == Enum && t.enumOf(isInt) {
			return true, ""
		}
	case Enum:
		if t.Kind == Enum || t.Kind == Int && len(t.Values) > 0 {
			for _, v := range t.Values {
				if !slices.Contains(u.Values, v) {
					return false, Literal(v) + " is not one of " + u.Req().String()
				}
			}
			return true, ""
		}
	case List:
		if t.Kind == List {
			ok, why := t.Elem.AssignableTo(u.Elem)
			if !ok {
				return false, "in the list: " + why
			}
			return true, ""
		}
	case Record:
		if t.Kind == Record {
			return t.recordTo(u)
		}
	case Bool, Time, Duration:
		if t.Kind == u.Kind {
			return true, ""
		}
		if u.Kind != Bool && (t.Kind == String || t.Kind == Enum && t.enumOf(isString)) {
			return false, fmt.Sprintf("%s is not %s, %s(…) makes one of it", t.Req(), u.Req(), u.Kind)
		}
	}
	return false, t.Req().String() + " is not " + u.Req().String()
}

func isString(v any) bool { _, ok := v.(string); return ok }
func isInt(v any) bool    { _, ok := v.(int); return ok }

func (t *Type) enumOf(is func(any) bool) bool {
	for _, v := range t.Values {
		if !is(v) {
			return false
		}
	}
	return true
}

func (t *Type) recordTo(u *Type) (bool, string) {
	for _, f := range u.Fields {
		have := t.Field(f.Name)
		if have == nil {
			if !f.CanOmit() && !t.Open {
				return false, f.Name + " is missing"
			}
			continue
		}
		want := f.Type
		if f.CanOmit() {
			want = want.Opt()
		}
		if ok, why := have.ReadType().AssignableTo(want); !ok {
			return false, f.Name + ": " + why
		}
	}
	if !u.Open {
		for _, f := range t.Fields {
			if u.Field(f.Name) == nil {
				return false, "field " + f.Name + " is unknown"
			}
		}
	}
	return true, ""
}

// Equal reports whether t and u admit the same values by structure; rules are
// not compared.
func (t *Type) Equal(u *Type) bool {
	if t == u {
		return true
	}
	if t == nil || u == nil || t.Kind != u.Kind || t.Optional != u.Optional || t.Open != u.Open ||
		len(t.Fields) != len(u.Fields) || t.Kind == Enum && !slices.Equal(t.Values, u.Values) {
		return false
	}
	if t.Kind == List {
		return t.Elem.Equal(u.Elem)
	}
	for _, f := range t.Fields {
		g := u.Field(f.Name)
		if g == nil || f.Optional != g.Optional || f.HasDef != g.HasDef || !f.Type.Equal(g.Type) {
			return false
		}
	}
	return true
}

// Join is the narrowest type that both t and u are assignable to: the type of a
// value that comes from one of two places. Records are joined field by field, a
// field that one side lacks becoming optional; kinds that share nothing become
// Any.
func Join(t, u *Type) *Type {
	switch {
	case t == nil || t == u:
		return u
	case u == nil:
		return t
	case t.Unknown || u.Unknown:
		return TUnknown
	case t.Kind == Any || u.Kind == Any:
		return TAny
	case t.Kind == Nil:
		return u.Opt()
	case u.Kind == Nil:
		return t.Opt()
	}
	j := join(t, u)
	if j.Kind == Any {
		return TAny
	}
	if t.Optional || u.Optional {
		j = j.Opt()
	}
	if t.Secret || u.Secret {
		j = j.Hidden()
	}
	return j
}

// maxKnown is how many values of an int are kept in mind.
const maxKnown = 64

func join(t, u *Type) *Type {
	switch {
	case t == TEmpty && u.Kind == List:
		return u
	case u == TEmpty && t.Kind == List:
		return t
	case t.Kind == Enum && u.Kind == Enum:
		values := slices.Clone(t.Values)
		for _, v := range u.Values {
			if !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
		switch len(values) {
		case len(t.Values):
			return t
		case len(u.Values):
			return u
		}
		return EnumOf(values...)
	case t.Kind == List && u.Kind == List:
		return ListOf(Join(t.Elem, u.Elem))
	case t.Kind == Record && u.Kind == Record:
		return joinRecords(t, u)
	case t.Kind == Int && u.Kind == Int && len(t.Values) > 0 && len(u.Values) > 0 && len(t.Values)+len(u.Values) <= maxKnown:
		return &Type{Kind: Int, Values: slices.Concat(t.Values, u.Values)}
	case t.Kind == u.Kind:
		return Of(t.Kind)
	}
	for _, wide := range []*Type{TInt, TFloat, TString} {
		a, _ := t.Req().AssignableTo(wide)
		b, _ := u.Req().AssignableTo(wide)
		if a && b {
			return wide
		}
	}
	return TAny
}

func joinRecords(t, u *Type) *Type {
	j := &Type{Kind: Record, Open: t.Open || u.Open}
	if t.Name == u.Name {
		j.Name = t.Name
	}
	for _, f := range t.Fields {
		g := u.Field(f.Name)
		if g == nil {
			j.Fields = append(j.Fields, &Field{Name: f.Name, Type: f.Type.Opt(), Optional: true, Declared: f.Declared})
			continue
		}
		j.Fields = append(j.Fields, &Field{
			Name: f.Name, Type: Join(f.ReadType(), g.ReadType()), Optional: f.Optional || g.Optional, Declared: declared(f, g),
		})
	}
	for _, g := range u.Fields {
		if t.Field(g.Name) == nil {
			j.Fields = append(j.Fields, &Field{Name: g.Name, Type: g.Type.Opt(), Optional: true, Declared: g.Declared})
		}
	}
	return j
}

// declared is where two fields of one name are declared.
func declared(f, g *Field) []Place {
	out := f.Declared
	for _, p := range g.Declared {
		if !slices.Contains(out, p) {
			out = append(out[:len(out):len(out)], p)
		}
	}
	return out
}
