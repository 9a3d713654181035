package syntax

var signalKeys = map[string]yamlKey{"by": {}, "schema": {}, "key": {to: "by"}, "payload": {to: "schema"}}

var waitKeys = map[string]yamlKey{"for": {}, "by": {}, "within": {}, "until": {}, "signal": {to: "for"}, "timeout": {to: "within"}}

// signals reads `signals: {decision: {by: field, schema: …}}`.
func (r *yamlReader) signals(e yentry) []Stmt {
	if !r.isMap(e.value, "signals") {
		r.gaps = true
		return nil
	}
	var out []Stmt
	for _, f := range e.value.fields {
		s := &Signal{Node: Node{Span: f.key.span}, Name: name(f.key)}
		out = append(out, s)
		if f.value.isNull() {
			continue
		}
		if !r.isMap(f.value, "a signal") {
			r.gaps = true
			continue
		}
		s.Span = f.key.span.To(f.value.span)
		entries := r.entries(f.value, signalKeys, "a signal")
		if by := find(entries, "by"); by != nil && r.isString(by.value, "by") {
			key := name(by.value)
			s.Key = &key
		}
		if schema := find(entries, "schema"); schema != nil {
			s.Record = r.payload(schema.value)
		}
	}
	return out
}

// payload is the record of a schema; a signal has no other type.
func (r *yamlReader) payload(v *yvalue) *Record {
	in := r.schema(v)
	switch {
	case in == nil || in.Record == nil:
		return nil
	case in.Schema != nil:
		r.errorf(CodeYAMLSchema, v.span, "the payload of a signal is a record of the language, and this schema says more than one can").
			Hintf("keep to types, required, enum, default, bounds and patterns of fields")
	}
	in.Record.Span = v.span
	return in.Record
}

// wait reads `wait: 10m`, `wait: {until: !expr …}` and `wait: {for: decision, within: 1d}`.
func (r *yamlReader) wait(e yentry, entries []yentry) []Stmt {
	w := &Wait{Node: e.at()}
	if e.value.kind != yMap {
		if w.For = r.duration(e.value, "wait"); w.For == nil {
			return nil
		}
		return append([]Stmt{w}, r.clauses(entries)...)
	}
	keys := r.entries(e.value, waitKeys, "wait")
	forIt, until := find(keys, "for"), find(keys, "until")
	switch {
	case (forIt == nil) == (until == nil):
		r.errorf(CodeYAMLMissing, e.key.span, "wait takes a duration, or one of for and until").
			Hintf("write wait: 10m, wait: {until: !expr input.due} or wait: {for: SIGNAL, within: 1d}")
		return nil
	case until != nil:
		w.Until = r.expr(until.value)
		for _, k := range keys {
			if k.name != "until" {
				r.errorf(CodeYAMLType, k.key.span, "%s belongs to a wait for a signal", k.key.text)
			}
		}
	case r.isString(forIt.value, "for"):
		signal := name(forIt.value)
		w.Signal = &signal
		if by := find(keys, "by"); by != nil {
			w.Key = r.expr(by.value)
		}
		if within := find(keys, "within"); within != nil {
			w.Within = r.duration(within.value, "within")
		}
	default:
		return nil
	}
	first := Stmt(w)
	if l := find(entries, "let"); l != nil && l.value.kind == yScalar {
		first = &Let{Node: e.at(), Name: name(l.value), Wait: w}
	}
	return append([]Stmt{first}, r.clauses(entries)...)
}

// wait is the key of a wait.
func (c *toYAML) wait(w *Wait) yitem {
	if w.For != nil {
		return pair("wait", c.duration(w.For))
	}
	out := mapping()
	out.short = true
	if w.Until != nil {
		out.items = append(out.items, pair("until", c.expr(w.Until)))
	}
	if w.Signal != nil {
		out.items = append(out.items, pair("for", nameText(w.Signal.Text)))
	}
	if w.Key != nil {
		out.items = append(out.items, pair("by", c.expr(w.Key)))
	}
	if w.Within != nil {
		out.items = append(out.items, pair("within", c.duration(w.Within)))
	}
	return pair("wait", out)
}

// signals adds the signals of a workflow.
func (c *toYAML) signals(w *Workflow, add func(yitem)) {
	all := &ynode{kind: yMap}
	for _, st := range w.Stmts {
		s, ok := st.(*Signal)
		if !ok {
			continue
		}
		one := mapping()
		one.short = true
		if s.Key != nil {
			one.items = append(one.items, pair("by", nameText(s.Key.Text)))
		}
		if s.Record != nil {
			one.short = false
			schema := c.record(s.Record)
			schema.short = false
			c.atFoot(schema, s)
			one.items = append(one.items, pair("schema", schema))
		}
		it := c.about(s, pair(yamlText(s.Name.Text, true), one))
		it.blank = false
		all.items = append(all.items, it)
	}
	if len(all.items) > 0 {
		add(yitem{key: "signals", value: all, blank: true})
	}
}
