package syntax

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"wf/lang/diag"
	"wf/lang/schema"
)

// schemaUse says what becomes of a JSON Schema keyword.
type schemaUse int8

const (
	useShape  schemaUse = iota + 1 // our types say the same
	useNote                        // for people and tools, without meaning for a run
	useSchema                      // only the JSON Schema itself can say it, so it is kept
)

var schemaKeys = map[string]schemaUse{
	"type": useShape, "properties": useShape, "required": useShape, "enum": useShape, "const": useShape, "default": useShape, "items": useShape,
	"minLength": useShape, "maxLength": useShape, "minimum": useShape, "maximum": useShape, "minItems": useShape, "maxItems": useShape,
	"pattern": useShape, "format": useShape, "additionalProperties": useShape, "x-wf-secret": useShape, "x-wf-nonempty": useShape, "x-wf-type": useShape,
	"title": useNote, "description": useNote, "$schema": useNote, "$id": useNote, "id": useNote, "$comment": useNote, "examples": useNote, "example": useNote,
	"deprecated": useNote, "readOnly": useNote, "writeOnly": useNote,
	"if": useSchema, "then": useSchema, "else": useSchema, "oneOf": useSchema, "anyOf": useSchema, "allOf": useSchema, "not": useSchema, "$ref": useSchema,
	"$defs": useSchema, "definitions": useSchema, "$anchor": useSchema, "patternProperties": useSchema, "propertyNames": useSchema, "dependencies": useSchema,
	"dependentRequired": useSchema, "dependentSchemas": useSchema, "uniqueItems": useSchema, "contains": useSchema, "minContains": useSchema, "maxContains": useSchema,
	"multipleOf": useSchema, "exclusiveMinimum": useSchema, "exclusiveMaximum": useSchema, "minProperties": useSchema, "maxProperties": useSchema,
	"prefixItems": useSchema, "additionalItems": useSchema, "unevaluatedProperties": useSchema, "unevaluatedItems": useSchema,
	"contentEncoding": useNote, "contentMediaType": useNote,
}

// schemaFormats are the formats our types check, under their names.
var schemaFormats = map[string]string{
	"email": "email", "uri": "url", "url": "url", "uuid": "uuid", "date": "date", "hostname": "hostname", "ipv4": "ip", "ipv6": "ip", "ip": "ip",
}

// maxSchemaRefs is how many references are followed to know the types behind them; what
// more of them lead to is checked as well, but has type any.
const maxSchemaRefs = 1000

// schemaReader turns a JSON Schema into a record.
type schemaReader struct {
	*yamlReader
	root   *yvalue
	active []*yvalue        // what references led to, outermost first
	refs   int              // references followed
	beyond bool             // it says more than a record can
	nulls  map[*yvalue]bool // entries of `required` that null satisfies
}

// schema reads the schema of the input; nil if it is none.
func (r *yamlReader) schema(v *yvalue) *Input {
	if v.isNull() {
		return nil
	}
	if !r.isMap(v, "schema") {
		return nil
	}
	s := &schemaReader{yamlReader: r, root: v, nulls: map[*yvalue]bool{}}
	before := r.errors()
	if t := v.field("type"); t != nil && t.text != "object" {
		r.errorf(CodeYAMLSchema, t.span, "the input of a workflow is an object").Hintf("write type: object")
		return nil
	}
	s.references(v)
	in := &Input{Record: s.record(v)}
	s.keywords(v)
	if r.errors() > before {
		r.gaps = true
	} else if s.beyond {
		in.Schema = s.raw(v)
	}
	return in
}

// keywords reports keywords nobody knows, and notes those only the schema can say.
func (s *schemaReader) keywords(v *yvalue) {
	for _, f := range v.fields {
		switch schemaKeys[f.key.text] {
		case useSchema:
			s.beyond = true
			if s.kept != nil {
				s.kept.beyond = append(s.kept.beyond, f)
			}
		case useNote:
			s.drop(v, f)
		case useShape:
			if f.key.text == "required" && f.value.kind != yList {
				s.errorf(CodeYAMLSchema, f.value.span, "required takes a list of properties, not %s", f.value.describe()).Hintf("list the names on the object that has them")
			}
		case 0:
			s.drop(v, f)
			d := s.warnf(CodeYAMLSchema, f.key.span, "JSON Schema has no keyword %s; it is not checked", f.key.text)
			d.Hint = diag.DidYouMean(f.key.text, slices.Sorted(maps.Keys(schemaKeys)))
		}
	}
}

// schemaData are keywords whose values are data and no schemas.
var schemaData = []string{"enum", "const", "default", "examples", "example"}

// references reports references that lead out of the file, or nowhere.
func (s *schemaReader) references(v *yvalue) {
	if ref := v.field("$ref"); ref != nil && s.isString(ref, "$ref") && s.root.field("$id") == nil && s.root.field("id") == nil {
		switch pointer, inside := strings.CutPrefix(ref.text, "#"); {
		case !inside:
			s.errorf(CodeYAMLSchema, ref.span, "the schema refers to %s, and nothing outside the file is read", ref.text).Hintf("put the definition under $defs and refer to #/$defs/…")
		case strings.HasPrefix(pointer, "/"):
			s.pointer(ref, strings.Split(pointer[1:], "/"))
		}
	}
	for _, f := range v.fields {
		if !slices.Contains(schemaData, f.key.text) {
			s.references(f.value)
		}
	}
	for _, item := range v.items {
		s.references(item)
	}
}

// pointer reports a reference that leads nowhere.
func (s *schemaReader) pointer(ref *yvalue, parts []string) {
	at := s.root
	for _, p := range parts {
		next := locate(at, []string{p})
		if next != at {
			at = next
			continue
		}
		var names []string
		for _, f := range at.fields {
			names = append(names, f.key.text)
		}
		d := s.errorf(CodeYAMLSchema, ref.span, "%s leads nowhere: there is no %s", ref.text, p)
		if d.Hint = diag.DidYouMean(p, names); d.Hint == "" {
			d.Hintf("a reference leads to #/$defs/NAME or #/definitions/NAME of the same schema")
		}
		return
	}
}

// record reads the properties of an object.
func (s *schemaReader) record(v *yvalue) *Record {
	rec := &Record{Node: Node{Span: v.span}, Open: true}
	if more := v.field("additionalProperties"); more != nil {
		if more.kind == yScalar {
			if b, ok := s.boolean(more, "additionalProperties"); ok {
				rec.Open = b || v.field("patternProperties") != nil
			}
		} else {
			s.beyond = true
		}
	}
	required := map[string]bool{}
	var names []*yvalue
	if req := v.field("required"); req != nil && req.kind == yList {
		names = s.stringList(req, "required")
	}
	for _, n := range names {
		required[n.text] = true
	}
	props := v.field("properties")
	if props != nil && s.isMap(props, "properties") {
		for _, f := range props.fields {
			field, nullable := s.field(f, required[f.key.text])
			rec.Fields = append(rec.Fields, field)
			for _, n := range names {
				if nullable && n.text == f.key.text {
					s.nulls[n] = true
				}
			}
			delete(required, f.key.text)
		}
	}
	for _, n := range names {
		if required[n.text] {
			delete(required, n.text)
			rec.Fields = append(rec.Fields, &Field{Node: Node{Span: n.span}, Name: name(n), Shape: &NamedShape{Node{Span: n.span}, "any"}})
		}
	}
	return rec
}

// field reads one property; nullable tells that it may be null, too.
func (s *schemaReader) field(f yfield, required bool) (out *Field, nullable bool) {
	out = &Field{Node: Node{Span: f.key.span.To(f.value.span)}, Name: name(f.key), Optional: !required}
	if f.value.kind != yMap {
		out.Shape = s.anything(f.value)
		if f.value.kind != yScalar || f.value.tag != "!!bool" {
			s.errorf(CodeYAMLSchema, f.value.span, "a property takes a schema, not %s", f.value.describe())
		}
		s.beyond = true
		return out, false
	}
	out.Shape, out.Rules, nullable = s.shape(f.value)
	out.Optional = out.Optional || nullable
	if secret := f.value.field("x-wf-secret"); secret != nil {
		out.Secret, _ = s.boolean(secret, "x-wf-secret")
	}
	if def := f.value.field("default"); def != nil && !def.isNull() {
		if shape, ok := out.Shape.(*NamedShape); ok && shape.Name == "bool" && def.plain && slices.Contains(oldWords, strings.ToLower(def.text)) {
			b, _ := s.boolean(def, "default")
			out.Default = generated(strconv.FormatBool(b), def.span)
		} else {
			out.Default = s.expr(def)
		}
	}
	if rec, ok := out.Shape.(*Record); ok && fillable(rec) && !nullable {
		out.Optional = false // its defaults apply, so it is never missing
	}
	if out.Default != nil {
		out.Optional = false
	}
	return out, nullable
}

// fillable reports whether defaults give every field of a record a value.
func fillable(rec *Record) bool {
	for _, f := range rec.Fields {
		inner, isRecord := f.Shape.(*Record)
		if f.Default == nil && (!isRecord || !fillable(inner)) {
			return false
		}
	}
	return len(rec.Fields) > 0
}

// anything is the shape of what our types cannot say.
func (s *schemaReader) anything(v *yvalue) Shape { return &NamedShape{Node{Span: v.span}, "any"} }

// shape reads a schema as a shape with the rules behind it; nullable tells that
// null is allowed too.
func (s *schemaReader) shape(v *yvalue) (sh Shape, rules []*Rule, nullable bool) {
	if v.kind != yMap {
		s.errorf(CodeYAMLSchema, v.span, "a schema is a mapping, not %s", v.describe())
		return s.anything(v), nil, false
	}
	s.keywords(v)
	if ref := v.field("$ref"); ref != nil {
		return s.reference(v, ref)
	}
	if list := v.field("enum"); list != nil {
		return s.enum(v, list), nil, false
	}
	if c := v.field("const"); c != nil {
		return s.enum(v, &yvalue{kind: yList, span: c.span, items: []*yvalue{c}}), nil, false
	}
	typ, nullable := s.typeName(v)
	switch typ {
	case "object":
		return s.record(v), nil, nullable
	case "array":
		list := &ListShape{Node: Node{Span: v.span}, Elem: s.anything(v)}
		if items := v.field("items"); items != nil {
			if items.kind == yList {
				s.beyond = true
			} else {
				elem, rules, nullable := s.shape(items)
				if nullable {
					elem, rules, s.beyond = s.anything(items), nil, true
				}
				list.Elem, list.Rules = elem, rules
				if secret := items.field("x-wf-secret"); secret != nil {
					s.errorf(CodeYAMLSchema, secret.span, "elements are not secret one by one").Hintf("put x-wf-secret on the list")
				}
			}
		}
		return list, s.bounds(v, "minItems", "maxItems"), nullable
	case "string":
		sh, rules = s.stringShape(v)
		return sh, rules, nullable
	case "integer":
		return &NamedShape{Node{Span: v.span}, "int"}, s.bounds(v, "minimum", "maximum"), nullable
	case "number":
		return &NamedShape{Node{Span: v.span}, "float"}, s.bounds(v, "minimum", "maximum"), nullable
	case "boolean":
		return &NamedShape{Node{Span: v.span}, "bool"}, nil, nullable
	}
	return s.anything(v), nil, nullable
}

// reference reads what a $ref of the same schema leads to; what contains itself is any.
func (s *schemaReader) reference(v, ref *yvalue) (sh Shape, rules []*Rule, nullable bool) {
	pointer, inside := strings.CutPrefix(ref.text, "#/")
	if !inside || ref.kind != yScalar {
		return s.anything(v), nil, false
	}
	target := s.root
	for part := range strings.SplitSeq(pointer, "/") {
		if target = target.field(part); target == nil {
			return s.anything(v), nil, false
		}
	}
	if s.refs++; s.refs > maxSchemaRefs || slices.Contains(s.active, target) {
		return s.anything(v), nil, false
	}
	s.active = append(s.active, target)
	defer func() { s.active = s.active[:len(s.active)-1] }()
	return s.shape(target)
}

var schemaTypes = []string{"array", "boolean", "integer", "null", "number", "object", "string"}

// typeName is the one type a schema allows besides null; "" if it allows several.
func (s *schemaReader) typeName(v *yvalue) (typ string, nullable bool) {
	t := v.field("type")
	if t == nil {
		switch {
		case v.field("properties") != nil:
			return "object", false
		case v.field("items") != nil:
			return "array", false
		}
		return "", false
	}
	var names []string
	for _, n := range s.stringList(t, "type") {
		if !slices.Contains(schemaTypes, n.text) {
			d := s.errorf(CodeYAMLSchema, n.span, "JSON Schema has no type %s", n.text)
			if d.Hint = diag.DidYouMean(n.text, schemaTypes); d.Hint == "" {
				d.Hintf("types are array, boolean, integer, null, number, object and string")
			}
			continue
		}
		if n.text == "null" {
			nullable = true
			continue
		}
		names = append(names, n.text)
	}
	if len(names) == 1 {
		return names[0], nullable
	}
	s.beyond = s.beyond || len(names) > 1 || nullable
	return "", nullable
}

// besideEnum are the keywords an enum leaves nothing to do for.
var besideEnum = []string{"type", "enum", "const", "default", "x-wf-secret"}

// enum reads a list of literals; only strings and ints can be a type of ours.
func (s *schemaReader) enum(v, list *yvalue) Shape {
	if list.kind != yList || len(list.items) == 0 {
		s.errorf(CodeYAMLSchema, list.span, "enum takes a list of values, not %s", list.describe())
		return s.anything(v)
	}
	for _, f := range v.fields {
		if use := schemaKeys[f.key.text]; use == useShape && !slices.Contains(besideEnum, f.key.text) {
			s.beyond = true
		}
	}
	typ, _ := s.typeName(v)
	out := &EnumShape{Node: Node{Span: list.span}}
	for _, item := range list.items {
		if typ != "" && typ != map[string]string{"!!str": "string", "!!int": "integer"}[item.tag] && (typ != "number" || item.tag != "!!int") {
			s.beyond = true
		}
		lit := Literal{Node: Node{Span: item.span}}
		switch {
		case item.kind == yScalar && item.tag == "!!str":
			lit.Value = item.text
		case item.kind == yScalar && item.tag == "!!int":
			if n, ok := s.integer(item); ok {
				lit.Value = n
			}
		default:
			s.beyond = true
			return s.anything(v)
		}
		out.Values = append(out.Values, lit)
	}
	return out
}

func (s *schemaReader) stringShape(v *yvalue) (Shape, []*Rule) {
	rules := s.bounds(v, "minLength", "maxLength")
	if p := v.field("pattern"); p != nil && s.isString(p, "pattern") {
		t := text(p)
		rules = append(rules, &Rule{Node: Node{Span: p.span}, Pattern: &t})
	}
	named := "string"
	if f := v.field("format"); f != nil && s.isString(f, "format") {
		switch format := schemaFormats[f.text]; {
		case format != "":
			rules = append(rules, &Rule{Node: Node{Span: f.span}, Format: format})
		case f.text == "date-time" && len(rules) == 0:
			named = "time"
		case slices.Contains(schema.Formats, f.text):
			s.beyond = true
		default:
			d := s.warnf(CodeYAMLSchema, f.span, "the format %s is not checked", f.text)
			if d.Hint = diag.DidYouMean(f.text, schema.Formats); d.Hint == "" {
				d.Hintf("formats that are checked: %s", strings.Join(schema.Formats, ", "))
			}
		}
	}
	if t := v.field("x-wf-type"); t != nil {
		if t.text != "duration" {
			s.errorf(CodeYAMLSchema, t.span, "x-wf-type takes duration, not %s", t.describe())
		}
		named = "duration"
	}
	return &NamedShape{Node{Span: v.span}, named}, rules
}

// bounds reads a lower and an upper bound. At least one element is `nonempty`; none is
// no rule.
func (s *schemaReader) bounds(v *yvalue, low, high string) []*Rule {
	var rules []*Rule
	length := low != "minimum"
	if full := v.field("x-wf-nonempty"); full != nil && length {
		if b, ok := s.boolean(full, "x-wf-nonempty"); ok && b {
			rules = append(rules, &Rule{Node: Node{Span: full.span}, Nonempty: true})
		}
	}
	if b := s.bound(v, low, length); b != nil {
		switch {
		case length && b.text == "0":
		case low == "minItems" && b.text == "1":
			rules = append(rules, &Rule{Node: Node{Span: b.span}, Nonempty: true})
		default:
			rules = append(rules, &Rule{Node: Node{Span: b.span}, Min: s.expr(b)})
		}
	}
	if b := s.bound(v, high, length); b != nil {
		rules = append(rules, &Rule{Node: Node{Span: b.span}, Max: s.expr(b)})
	}
	return rules
}

func (s *schemaReader) bound(v *yvalue, key string, whole bool) *yvalue {
	b := v.field(key)
	if b == nil {
		return nil
	}
	if b.kind == yScalar && (b.tag == "!!int" || b.tag == "!!float" && !whole) {
		return b
	}
	what := "a number"
	if whole {
		what = "an int"
	}
	s.errorf(CodeYAMLSchema, b.span, "%s takes %s, not %s", key, what, b.describe())
	return nil
}

// raw is the schema as JSON, once it has proved to be one.
func (s *schemaReader) raw(v *yvalue) *schema.Schema {
	j := jsonWriter{r: s.yamlReader, skip: s.nulls}
	j.value(v)
	out, err := schema.Compile(j.b.Bytes())
	if err == nil {
		return out
	}
	var wrong *schema.Error
	if !errors.As(err, &wrong) {
		s.errorf(CodeYAMLSchema, v.span, "not a JSON Schema: %v", err)
		return nil
	}
	d := s.errorf(CodeYAMLSchema, locate(v, wrong.Path).span, "not a JSON Schema: %s", wrong.Message)
	d.Hint = wrong.Hint
	return nil
}

// locate follows a JSON pointer as far as it leads.
func locate(v *yvalue, path []string) *yvalue {
	for _, part := range path {
		part = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
		next := v.field(part)
		if i, err := strconv.Atoi(part); err == nil && v.kind == yList && i >= 0 && i < len(v.items) {
			next = v.items[i]
		}
		if next == nil {
			return v
		}
		v = next
	}
	return v
}

// jsonWriter writes a value as JSON; what only this language knows is left out.
type jsonWriter struct {
	r    *yamlReader
	b    bytes.Buffer
	skip map[*yvalue]bool // elements of lists
}

func (j *jsonWriter) value(v *yvalue) {
	switch v.kind {
	case yMap:
		j.b.WriteByte('{')
		first := true
		for _, f := range v.fields {
			if f.value.isExpr() || strings.HasPrefix(f.key.text, "x-wf-") {
				continue
			}
			if !first {
				j.b.WriteByte(',')
			}
			first = false
			j.text(f.key.text)
			j.b.WriteByte(':')
			j.value(f.value)
		}
		j.b.WriteByte('}')
	case yList:
		j.b.WriteByte('[')
		first := true
		for _, item := range v.items {
			if j.skip[item] {
				continue
			}
			if !first {
				j.b.WriteByte(',')
			}
			first = false
			j.value(item)
		}
		j.b.WriteByte(']')
	default:
		switch v.tag {
		case "!!null":
			j.b.WriteString("null")
		case "!!bool", "!!int", "!!float":
			j.b.WriteString(j.r.scalarText(v))
		default:
			j.text(v.text)
		}
	}
}

func (j *jsonWriter) text(s string) {
	b, err := json.Marshal(s)
	if err != nil {
		b = []byte(`""`)
	}
	j.b.Write(b)
}
