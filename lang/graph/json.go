package graph

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"wf/lang/expr"
	"wf/lang/schema"
	"wf/lang/value"
)

// The JSON form of a graph holds its meaning and nothing of its source: equal
// graphs, from .wf or YAML, give equal bytes.

type graphJSON struct {
	Namespace string         `json:"namespace,omitempty"`
	Name      string         `json:"name"`
	Version   string         `json:"version,omitempty"`
	Describe  string         `json:"describe,omitempty"`
	Input     *value.Type    `json:"input"`
	Schema    *schema.Schema `json:"schema,omitempty"`
	Prelude   []any          `json:"prelude,omitempty"`
	Within    *expr.Program  `json:"within,omitempty"`
	Limit     *expr.Program  `json:"limit,omitempty"`
	Breaker   *breakerJSON   `json:"breaker,omitempty"`
	Guards    []guardJSON    `json:"guards,omitempty"`
	Signals   []signalJSON   `json:"signals,omitempty"`
	Steps     []stepJSON     `json:"steps"`
	OnFailed  []stepJSON     `json:"on_failed,omitempty"`
	Finally   []stepJSON     `json:"finally,omitempty"`
	Output    *expr.Program  `json:"output,omitempty"`
	Workflows []graphJSON    `json:"workflows,omitempty"` // that it calls, directly or by others, each once
}

type signalJSON struct {
	Name    string      `json:"name"`
	Key     string      `json:"key,omitempty"`
	Payload *value.Type `json:"payload,omitempty"`
}

type stepJSON struct {
	Name     string        `json:"name"`
	Describe string        `json:"describe,omitempty"`
	Needs    []needJSON    `json:"needs,omitempty"`
	When     *expr.Program `json:"when,omitempty"`
	Within   *expr.Program `json:"within,omitempty"`
	Body     []any         `json:"body"`
	Result   *value.Type   `json:"result"`
}

type needJSON struct {
	Step  string `json:"step"`
	Data  bool   `json:"data"`
	After bool   `json:"after"`
}

type policyJSON struct {
	Attempts   *expr.Program `json:"attempts,omitempty"`
	Backoff    *expr.Program `json:"backoff,omitempty"`
	MaxBackoff *expr.Program `json:"max_backoff,omitempty"`
	Timeout    *expr.Program `json:"timeout,omitempty"`
	Jitter     float64       `json:"jitter,omitempty"`
	Retryable  []string      `json:"retryable,omitempty"`
	Permanent  []string      `json:"permanent,omitempty"`
}

type clauseJSON struct {
	On   []value.Pattern `json:"on"`
	When *expr.Program   `json:"when,omitempty"`
	Body []any           `json:"body"`
}

type armJSON struct {
	When *expr.Program `json:"when,omitempty"`
	Body []any         `json:"body"`
}

type stmtJSON struct {
	Do      string        `json:"do"`
	Name    string        `json:"name,omitempty"`
	Place   string        `json:"place,omitempty"`
	Call    string        `json:"call,omitempty"`
	Runs    string        `json:"workflow,omitempty"` // instead of Call
	Signal  string        `json:"signal,omitempty"`
	Until   *expr.Program `json:"until,omitempty"`
	Code    string        `json:"code,omitempty"`
	Value   *expr.Program `json:"value,omitempty"`
	Else    any           `json:"else,omitempty"`
	Policy  *policyJSON   `json:"policy,omitempty"`
	Clauses []clauseJSON  `json:"clauses,omitempty"`
	Arms    []armJSON     `json:"arms,omitempty"`

	Undo     []stepJSON    `json:"undo,omitempty"` // the one step
	Pivots   []string      `json:"undo_until,omitempty"`
	Finally  []stepJSON    `json:"finally,omitempty"` // the one step
	Steps    []stepJSON    `json:"steps,omitempty"`   // of a group; of a loop the one without a name
	By       *expr.Program `json:"by,omitempty"`      // key of an item, or of the signal that is waited for
	Key      *expr.Program `json:"key,omitempty"`     // of a call
	Of       *expr.Program `json:"of,omitempty"`
	First    *expr.Program `json:"first,omitempty"`
	Limit    *expr.Program `json:"limit,omitempty"`
	Tolerate *expr.Program `json:"tolerate,omitempty"`
	Share    float64       `json:"share,omitempty"`
}

// MarshalJSON writes the graph without its source places, and behind it those of the
// workflows it calls.
func (g *Graph) MarshalJSON() ([]byte, error) {
	out := g.json()
	for _, called := range g.Called() {
		out.Workflows = append(out.Workflows, called.json())
	}
	return json.Marshal(out)
}

func (g *Graph) json() graphJSON {
	var signals []signalJSON
	for _, s := range g.Signals {
		signals = append(signals, signalJSON{s.Name, s.Key, s.Payload})
	}
	return graphJSON{Signals: signals, Namespace: g.Namespace, Name: g.Name, Version: g.Version, Describe: g.Describe, Input: g.Input, Schema: g.Schema,
		Prelude: block(g.Prelude), Within: setting(g.Within), Limit: setting(g.Limit), Breaker: breaker(g.Breaker), Guards: guards(g), Output: g.Output, Steps: stepsJSON(g.Steps), OnFailed: blockJSON(g.OnFailed), Finally: blockJSON(g.Finally)}
}

func stepsJSON(steps []*Step) []stepJSON {
	out := make([]stepJSON, len(steps))
	for i, s := range steps {
		out[i] = stepJSON{Name: s.Name, Describe: s.Describe, When: s.When, Within: setting(s.Within), Body: block(s.Body), Result: s.Result}
		for _, n := range s.Needs {
			out[i].Needs = append(out[i].Needs, needJSON{steps[n.Step].Name, n.Data, n.After})
		}
	}
	return out
}

func blockJSON(b *Block) []stepJSON {
	if b == nil {
		return nil
	}
	return stepsJSON(b.Steps)
}

func clausesJSON(clauses []*Clause) []clauseJSON {
	var out []clauseJSON
	for _, c := range clauses {
		out = append(out, clauseJSON{c.On, c.When, block(c.Body)})
	}
	return out
}

// Hash is a fingerprint of the graph's meaning.
func (g *Graph) Hash() (string, error) {
	text, err := json.Marshal(g)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}

func setting(s *Setting) *expr.Program {
	if s == nil {
		return nil
	}
	return s.Value
}

func block(body []Stmt) []any {
	out := make([]any, len(body))
	for i, st := range body {
		out[i] = statement(st)
	}
	return out
}

func statement(st Stmt) stmtJSON {
	switch st := st.(type) {
	case *Let:
		return stmtJSON{Do: "let", Name: st.Name, Value: st.Value}
	case *Ensure:
		return stmtJSON{Do: "ensure", Value: st.Cond, Else: statement(st.Else)}
	case *Call:
		if st.Sig.Signal {
			return stmtJSON{Do: "wait", Name: st.Bind, Place: st.Place, Signal: st.Sig.Operation, By: st.By, Policy: policy(st.Policy), Clauses: clausesJSON(st.Clauses)}
		}
		out := stmtJSON{Do: "call", Name: st.Bind, Place: st.Place, Call: st.Sig.Name(), Value: st.Args, Key: st.Key, Policy: policy(st.Policy), Clauses: clausesJSON(st.Clauses), Undo: blockJSON(st.Undo)}
		for _, p := range st.Until {
			out.Pivots = append(out.Pivots, p.Name)
		}
		if st.Runs != nil {
			out.Call, out.Runs = "", st.Sig.Name()
		}
		return out
	case *Wait:
		return stmtJSON{Do: "wait", Value: setting(st.For), Until: st.Until}
	case *Switch:
		out := stmtJSON{Do: "switch"}
		for _, a := range st.Arms {
			out.Arms = append(out.Arms, armJSON{a.When, block(a.Body)})
		}
		return out
	case *Group:
		return stmtJSON{Do: "steps", Steps: stepsJSON(st.Steps), First: setting(st.First), Limit: setting(st.Limit), Clauses: clausesJSON(st.Clauses), Finally: blockJSON(st.Finally)}
	case *Loop:
		return stmtJSON{Do: "for", Name: st.Var, Value: st.In, Of: setting(st.Of), By: st.By, Steps: stepsJSON(st.Steps), First: setting(st.First), Limit: setting(st.Limit),
			Tolerate: setting(st.Tolerate), Share: st.Share}
	case *Return:
		return stmtJSON{Do: "return", Value: st.Value}
	case *Degrade:
		return stmtJSON{Do: "degrade", Value: st.Value}
	case *Fail:
		return stmtJSON{Do: "fail", Code: st.Code, Value: st.Message}
	case *Retry:
		return stmtJSON{Do: "retry", Policy: policy(st.Policy)}
	}
	panic(fmt.Sprintf("unknown statement %T", st))
}

func policy(p *Policy) *policyJSON {
	if p == nil {
		return nil
	}
	out := &policyJSON{Attempts: setting(p.Attempts), Backoff: setting(p.Backoff), MaxBackoff: setting(p.MaxBackoff), Timeout: setting(p.Timeout), Jitter: p.Jitter}
	for _, r := range p.Rules {
		if r.Retryable {
			out.Retryable = append(out.Retryable, r.String())
		} else {
			out.Permanent = append(out.Permanent, r.String())
		}
	}
	return out
}

type breakerJSON struct {
	Failures *expr.Program `json:"failures"`
	In       *expr.Program `json:"in"`
	Open     *expr.Program `json:"open"`
}

func breaker(b *Breaker) *breakerJSON {
	if b == nil {
		return nil
	}
	return &breakerJSON{setting(b.Failures), setting(b.In), setting(b.Open)}
}

// guardJSON is what a service, or an operation, says of its calls.
type guardJSON struct {
	Of    string       `json:"of"` // "billing", or "billing.charge"
	Guard *value.Guard `json:"guard"`
}

// guards lists what bounds the calls of a graph, each service and operation once, by first
// use.
func guards(g *Graph) []guardJSON {
	var out []guardJSON
	seen := map[string]bool{}
	add := func(of string, g *value.Guard) {
		if g != nil && !seen[of] {
			seen[of] = true
			out = append(out, guardJSON{of, g})
		}
	}
	g.EachCall(func(c *Call) {
		add(c.Sig.Service, c.Sig.ServiceGuard)
		add(c.Sig.Name(), c.Sig.Guard)
	})
	return out
}
