package machine

// Context is what a handler gets instead of arguments: everything known when its step
// begins.
type Context struct {
	Input  any // of the run
	Config any // what the step hands to its handler
	Past   *Past
}

// Past is what came of the steps before a step. It does not change, and is shared with
// the pasts of those steps, so that a long chain of handlers costs no more than its
// length.
type Past struct{ parents []*ended }

// ended is a step that has ended.
type ended struct {
	name   string
	result any
	past   *Past
}

// Result is what a step returned, nil if it was skipped. ok is false for a step that is
// none of those before.
func (p *Past) Result(step string) (result any, ok bool) {
	p.each(func(e *ended) bool {
		if ok = e.name == step; ok {
			result = e.result
		}
		return !ok
	})
	return result, ok
}

// All is the results of all steps before, by name. The map is the caller's.
func (p *Past) All() map[string]any {
	out := map[string]any{}
	p.each(func(e *ended) bool {
		out[e.name] = e.result
		return true
	})
	return out
}

// each visits the steps before, nearest first, until visit returns false.
func (p *Past) each(visit func(*ended) bool) {
	seen := map[*ended]bool{}
	for todo := p.parents; len(todo) > 0; {
		var next []*ended
		for _, e := range todo {
			if seen[e] {
				continue
			}
			seen[e] = true
			if !visit(e) {
				return
			}
			next = append(next, e.past.parents...)
		}
		todo = next
	}
}

// past is the past of a step. Its parents have ended.
func (m *Machine) past(step int) *Past {
	if m.pasts == nil {
		m.pasts = make([]*ended, len(m.root.states))
	}
	needs := m.root.steps[step].Needs
	p := &Past{parents: make([]*ended, len(needs))}
	for i, need := range needs {
		e := m.pasts[need.Step]
		if e == nil {
			e = &ended{name: m.root.steps[need.Step].Name, result: m.root.states[need.Step].result, past: m.past(need.Step)}
			m.pasts[need.Step] = e
		}
		p.parents[i] = e
	}
	return p
}
