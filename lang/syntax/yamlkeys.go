package syntax

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"wf/lang/diag"
)

// yamlKey is what is known of a key: the key it stands for, "" for itself, and if
// it has no effect, what to do instead.
type yamlKey struct {
	to    string
	inert string
}

// Hints for inert keys that carry information only.
const (
	noteOnly  = "it tells people something and steers nothing; keep it if Tasker reads this file too"
	noQueue   = "there is no queue and no database whose behaviour it could set"
	noEvents  = "nothing is published; a run's trace has every event"
	rubyClass = "it is about Ruby code, and none is run here; keep it if Tasker reads this file too"
)

var workflowKeys = map[string]yamlKey{
	"name": {}, "namespace_name": {}, "namespace": {to: "namespace_name"}, "version": {}, "description": {}, "describe": {to: "description"},
	"imports": {}, "import": {to: "imports"}, "schema": {}, "input_schema": {to: "schema"}, "input": {to: "schema"},
	"retry": {}, "timeout": {}, "within": {}, "limit": {}, "breaker": {}, "circuit_breaker": {to: "breaker"}, "use": {}, "retryable": {}, "permanent": {}, "do": {},
	"signals": {}, "steps": {}, "step_templates": {to: "steps"}, "on_failed": {}, "finally": {}, "output": {}, "environments": {}, "named_steps": {}, "concurrent": {},
	"task_handler_class": {inert: rubyClass}, "module_namespace": {inert: rubyClass},
	"default_dependent_system": {inert: noteOnly}, "system_dependencies": {inert: noteOnly}, "metadata": {inert: noteOnly}, "annotations": {inert: noteOnly},
	"custom_events": {inert: noEvents}, "domain_events": {inert: noEvents}, "loaded_from": {inert: noteOnly},
	"handler_config": {inert: "a handler reads the handler_config of its step; move it there"}, "configuration": {inert: "a handler reads the handler_config of its step; move it there"},
	"lifecycle": {inert: "within bounds the time of a run"}, "identity_strategy": {inert: noQueue},
}

// statementKeys are the keys of a statement; steps, clauses and the items of `do`
// have them in common.
var statementKeys = map[string]yamlKey{
	"call": {}, "with": {}, "on": {}, "let": {}, "value": {}, "ensure": {}, "else": {}, "return": {}, "degrade": {}, "fail": {}, "message": {}, "retry": {}, "undo": {}, "steps": {}, "finally": {}, "wait": {}, "switch": {}, "key": {}, "idempotency_key": {to: "key"},
}

// switchKeys and caseKeys are those of a switch and of its arms.
var (
	switchKeys = map[string]yamlKey{"on": {}, "value": {to: "on"}, "cases": {}, "else": {}, "default": {to: "else"}}
	caseKeys   = with(elseKeys, map[string]yamlKey{"when": {}, "case": {to: "when"}})
	elseKeys   = with(statementKeys, map[string]yamlKey{"do": {}, "steps": {}, "finally": {}})
)

var stepKeys = with(statementKeys, map[string]yamlKey{
	"name": {}, "description": {}, "describe": {to: "description"}, "when": {}, "do": {},
	"timeout": {}, "within": {}, "use": {}, "retryable": {}, "permanent": {}, "limit": {},
	"handler_class": {}, "handler": {}, "handler_config": {}, "default_retryable": {}, "default_retry_limit": {}, "retry_limit": {to: "default_retry_limit"},
	"depends_on_step": {}, "depends_on_steps": {}, "depends_on": {}, "dependencies": {to: "depends_on"}, "after": {to: "depends_on"},
	"timeout_seconds": {}, "skippable": {}, "type": {}, "step_type": {to: "type"},
	"for": {}, "first": {}, "tolerate": {}, "steps": {}, "finally": {},
	"dependent_system": {inert: noteOnly}, "system_dependency": {inert: noteOnly}, "custom_events": {inert: noEvents}, "publishes_events": {inert: noEvents},
	"result_schema": {inert: "results have the types their calls and returns give them"}, "composition": {inert: "write what the step does with call, let and return"},
	"batch_config": {inert: "there are no batches; a step runs once"},
})

var clauseKeys = with(statementKeys, map[string]yamlKey{"outcome": {}, "outcomes": {to: "outcome"}, "when": {}, "do": {}})

// asideKeys are those of what is executed like a step and is none: undo, on_failed and
// finally.
var asideKeys = with(statementKeys, map[string]yamlKey{"do": {}, "timeout": {}, "within": {}, "use": {}, "retryable": {}, "permanent": {}})

// undoKeys are those of an undo.
var undoKeys = with(asideKeys, map[string]yamlKey{"until": {}})

var retryKeys = map[string]yamlKey{
	"attempts": {}, "max_attempts": {to: "attempts"}, "limit": {to: "attempts"}, "backoff": {}, "max_backoff": {}, "jitter": {},
	"retryable": {}, "backoff_base_ms": {}, "max_backoff_ms": {}, "initial_delay": {}, "max_delay": {},
}

var breakerKeys = map[string]yamlKey{"failures": {}, "in": {}, "open": {}, "failure_threshold": {to: "failures"}, "window": {to: "in"}}

var handlerKeys = map[string]yamlKey{
	"callable": {}, "initialization": {}, "method": {inert: "a handler is one function"}, "handler_method": {inert: "a handler is one function"},
	"resolver": {inert: "a handler is found by its name"},
}

// configNotes are keys of handler_config that look like a policy.
var configNotes = map[string]string{
	"timeout_seconds": "timeout: 30s", "timeout": "timeout: 30s", "retries": "retry: {attempts: 3}", "retry_delay": "retry: {backoff: 1s}",
	"retry_backoff": "retry: {backoff: 1s}", "jitter_factor": "retry: {jitter: 10%}", "enable_exponential_backoff": "retry: {backoff: 1s}",
}

func with(a, b map[string]yamlKey) map[string]yamlKey {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// mayBeEmpty are keys that say nothing if nothing stands behind them.
var mayBeEmpty = []string{
	"namespace_name", "version", "description", "imports", "schema", "timeout", "within", "limit", "use", "retryable", "permanent", "do", "environments",
	"named_steps", "concurrent", "on", "with", "when", "message", "handler_config", "default_retryable", "default_retry_limit", "depends_on_step",
	"depends_on_steps", "depends_on", "timeout_seconds", "skippable", "type", "initialization", "backoff", "max_backoff", "jitter", "backoff_base_ms",
	"max_backoff_ms", "initial_delay", "max_delay", "module_namespace",
}

// notInTree are keys that are checked, or choose what is read, and leave nothing behind.
var notInTree = []string{"named_steps", "concurrent", "skippable", "type"}

// yentry is a field of a mapping under the name the reader knows it by.
type yentry struct {
	name       string
	key, value *yvalue
}

// span covers key and value.
func (e yentry) span() diag.Span { return e.key.span.To(e.value.span) }

// at is the node of a statement that is this entry.
func (e yentry) at() Node { return Node{Span: e.span()} }

// entries sorts out the keys of a mapping: unknown and inert ones are reported and
// left out. what names the mapping in messages.
func (r *yamlReader) entries(v *yvalue, keys map[string]yamlKey, what string) []yentry {
	out := make([]yentry, 0, len(v.fields))
	seen := map[string]*yvalue{}
	for _, f := range v.fields {
		name := f.key.text
		known, ok := keys[name]
		if !ok {
			r.drop(v, f)
			r.unknownKey(f.key, keys, what)
			continue
		}
		if known.inert != "" {
			r.drop(v, f)
			r.noEffect(f.key, known.inert)
			continue
		}
		if !f.value.isNull() && slices.Contains(notInTree, name) || known.to == "type" || name == "default_retryable" && strings.ToLower(f.value.text) != "false" {
			r.drop(v, f)
		}
		if known.to != "" {
			name = known.to
		}
		if f.value.isNull() && slices.Contains(mayBeEmpty, name) {
			r.drop(v, f)
			continue
		}
		if first := seen[name]; first != nil {
			r.errorf(CodeYAMLDuplicate, f.key.span, "%s and %s are the same", f.key.text, first.text).See(first.span, "the other one")
			continue
		}
		seen[name] = f.key
		out = append(out, yentry{name, f.key, f.value})
	}
	return out
}

func (r *yamlReader) unknownKey(key *yvalue, keys map[string]yamlKey, what string) {
	if r.flooded() {
		return
	}
	known := slices.Sorted(maps.Keys(keys))
	d := r.warnf(CodeYAMLUnknown, key.span, "%s has no key %s; it is not read", what, key.text)
	d.Suggest(key.span, key.text, known)
}

// inertUse is an inert key where it was met first, and how often.
type inertUse struct {
	span  diag.Span
	hint  string
	count int
}

// noEffect notes a key that is known and changes nothing here.
func (r *yamlReader) noEffect(key *yvalue, hint string) {
	use := r.inert[key.text]
	if use == nil {
		use = &inertUse{span: key.span, hint: hint}
		r.inert[key.text] = use
		r.order = append(r.order, key.text)
	}
	use.count++
}

// reportInert warns of each inert key once.
func (r *yamlReader) reportInert() {
	for _, key := range r.order {
		use := r.inert[key]
		places := ""
		if use.count > 1 {
			places = " (" + plural(use.count, "place") + ")"
		}
		r.warnf(CodeYAMLInert, use.span, "%s has no effect here%s", key, places).Hintf("%s", use.hint)
	}
	slices.SortStableFunc(r.problems, func(a, b *diag.Diagnostic) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
}

// find is the entry of a name, nil if it is not given.
func find(entries []yentry, name string) *yentry {
	for i := range entries {
		if entries[i].name == name {
			return &entries[i]
		}
	}
	return nil
}
