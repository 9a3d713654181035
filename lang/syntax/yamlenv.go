package syntax

import (
	"slices"

	"wf/lang/diag"
)

// merged lays the chosen environment over the document: mappings are merged,
// steps by name, everything else is replaced. All environments are checked.
func (r *yamlReader) merged(root *yvalue) *yvalue {
	envs := root.field("environments")
	if envs == nil {
		return root
	}
	for _, f := range root.fields {
		if f.value == envs && !envs.isNull() { // one without a value is like any empty key
			r.drop(root, f)
		}
	}
	if envs.isNull() || !r.isMap(envs, "environments") {
		return root
	}
	base := *root
	base.fields = slices.DeleteFunc(slices.Clone(root.fields), func(f yfield) bool { return f.key.text == "environments" })
	out := &base
	known := stepsToOverride(&base)
	var names []string
	for _, f := range envs.fields {
		names = append(names, f.key.text)
		if f.value.isNull() || !r.isMap(f.value, "an environment") {
			continue
		}
		overlay := r.overlay(known, f.value)
		if f.key.text == r.environment {
			out = r.lay(&base, overlay, true)
		}
	}
	if r.environment != "" && !slices.Contains(names, r.environment) {
		d := r.warnf(CodeYAMLEnvironment, envs.span, "there is no environment %s; nothing is overridden", r.environment)
		d.Hint = diag.DidYouMean(r.environment, names)
	}
	return out
}

// overlay checks the overrides of one environment, brings its keys to the names
// the document uses, and drops what has nothing to override.
func (r *yamlReader) overlay(steps *overridable, env *yvalue) *yvalue {
	out := *env
	out.fields = nil
	for _, f := range env.fields {
		known, ok := workflowKeys[f.key.text]
		if !ok {
			r.unknownKey(f.key, workflowKeys, "an environment")
			continue
		}
		if known.to == "steps" || f.key.text == "steps" {
			f = r.overlaySteps(steps, f)
		}
		out.fields = append(out.fields, f)
	}
	return &out
}

// allSteps is the name by which an override of tasker-core means every step.
const allSteps = "ALL"

// overridable is the steps of a document: the key they stand under, and their names.
type overridable struct {
	key   string
	names []string
	known map[string]bool
}

func stepsToOverride(base *yvalue) *overridable {
	out := &overridable{known: map[string]bool{allSteps: true}}
	for _, b := range base.fields {
		if b.key.text != "steps" && workflowKeys[b.key.text].to != "steps" {
			continue
		}
		out.key = b.key.text
		for _, st := range b.value.items {
			if n := st.field("name"); n != nil {
				out.names = append(out.names, n.text)
				out.known[n.text] = true
			}
		}
	}
	return out
}

func (r *yamlReader) overlaySteps(base *overridable, f yfield) yfield {
	if base.key != "" {
		f.key = &yvalue{tag: f.key.tag, text: base.key, span: f.key.span}
	}
	if f.value.kind != yList {
		r.errorf(CodeYAMLType, f.value.span, "%s takes a list of steps, not %s", f.key.text, f.value.describe())
		return yfield{f.key, &yvalue{kind: yList, span: f.value.span}}
	}
	steps := *f.value
	steps.items = nil
	for _, st := range f.value.items {
		if !r.isMap(st, "a step") {
			continue
		}
		n := st.field("name")
		switch {
		case n == nil:
			r.errorf(CodeYAMLMissing, r.span(st.span.Start, st.span.Start), "the step to override has no name")
		case !base.known[n.text]:
			d := r.warnf(CodeYAMLEnvironment, n.span, "there is no step %s to override", n.text)
			if !r.flooded() {
				d.Hint = diag.DidYouMean(n.text, base.names)
			}
		default:
			steps.items = append(steps.items, st)
		}
	}
	return yfield{f.key, &steps}
}

// lay merges two mappings; top tells that they are whole documents.
func (r *yamlReader) lay(base, over *yvalue, top bool) *yvalue {
	out := *base
	out.fields = slices.Clone(base.fields)
	index := make(map[string]int, len(out.fields))
	for i, f := range out.fields {
		index[f.key.text] = i
	}
	for _, f := range over.fields {
		i, known := index[f.key.text]
		switch {
		case !known:
			out.fields = append(out.fields, f)
		case top && (f.key.text == "steps" || f.key.text == "step_templates"):
			out.fields[i].value = r.laySteps(out.fields[i].value, f.value)
		case out.fields[i].value.kind == yMap && f.value.kind == yMap:
			out.fields[i].value = r.lay(out.fields[i].value, f.value, false)
		default:
			out.fields[i] = f
		}
	}
	return &out
}

// laySteps merges steps by name, in the order of the base.
func (r *yamlReader) laySteps(base, over *yvalue) *yvalue {
	out := *base
	out.items = slices.Clone(base.items)
	byName := map[string][]*yvalue{}
	for _, o := range over.items {
		name := o.field("name").text
		byName[name] = append(byName[name], o)
	}
	for i, st := range out.items {
		for _, o := range byName[allSteps] {
			out.items[i] = r.lay(out.items[i], unnamed(o), false)
		}
		n := st.field("name")
		if n == nil {
			continue
		}
		for _, o := range byName[n.text] {
			out.items[i] = r.lay(out.items[i], unnamed(o), false)
		}
	}
	return &out
}

// unnamed is an override without the name it is found by.
func unnamed(o *yvalue) *yvalue {
	out := *o
	out.fields = slices.DeleteFunc(slices.Clone(o.fields), func(f yfield) bool { return f.key.text == "name" })
	return &out
}
