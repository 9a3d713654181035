package propose

import (
	"fmt"

	"wf/interpreter"

	"wf/golden"
	"wf/lang/graph"
)

// Rehearsal is runs of a workflow with other inputs and other answers of its services, with
// which other versions of it can be compared.
type Rehearsal struct {
	search  *search
	plays   []*outcome
	refused []refusal
}

// DefaultPlays is how many runs a rehearsal has.
const DefaultPlays = 2000

// Rehearse makes the runs: those that [Tests] would try, as many as the budget says (0:
// DefaultPlays). The graph must be loaded with probes.
func Rehearse(g *graph.Graph, opts Options) *Rehearsal {
	if opts.Budget == 0 {
		opts.Budget = DefaultPlays
	}
	r := &Rehearsal{search: newSearch(g, nil, opts)}
	r.search.compared = true
	r.search.walk(func(batch []*outcome) bool {
		r.plays = append(r.plays, batch...)
		return true
	})
	r.refused = r.search.refusals()
	return r
}

// Scenario is a run in which another version of a workflow shows.
type Scenario struct {
	Title  string   // what is special about it, in a few words
	Body   string   // what stands in its test, as far as run NAME …, without expectations
	Expect []string // what the workflow does and the other version does not, as it stands behind expect

	mocks []string // with which Body begins
}

// Text is the scenario as a test file says it.
func (s *Scenario) Text(name string) string {
	body := s.Body
	for _, e := range s.Expect {
		body += "  expect " + e + "\n"
	}
	return fmt.Sprintf("test %s {\n%s}\n", text(name), body)
}

// maxChosen is how many differences a scenario expects, beside its ending.
const maxChosen = 1

// maxOffers is how many scenarios are offered before the search gives up.
const maxOffers = 5

// Compare plays the runs with another version of the workflow and offers the first
// scenarios that tell the two apart, until one is accepted; nil if none is. Several may
// compare at once.
func (r *Rehearsal) Compare(other *graph.Graph, accept func(*Scenario) bool) *Scenario {
	s := &search{graph: other, opts: r.search.opts, stage: r.search.stage, compared: true}
	s.index()
	for _, bad := range r.refused {
		if _, violations := interpreter.Prepare(other, bad.plan.input, "run_1", golden.Start); len(violations) > 0 {
			continue
		}
		f := found{plan: bad.plan, run: &outcome{plan: bad.plan}}
		sc := &Scenario{Title: r.search.title(f), Body: r.search.scenario(f, nil), Expect: []string{"refused " + text(bad.path)}}
		if accept(sc) {
			return sc
		}
	}
	offers := 0
	for _, o := range r.plays {
		if offers == maxOffers || s.stopped() {
			return nil
		}
		expect := s.differences(o)
		if len(expect) == 0 {
			continue
		}
		offers++
		f := found{plan: o.plan, run: o}
		sc := &Scenario{Title: r.search.title(f), Body: r.search.scenario(f, nil)}
		sc.Expect = append([]string{ending(o.result.Ending, o.result.Error)}, expect[:min(len(expect), maxChosen)]...)
		if sc.Expect[0] == sc.Expect[1] {
			sc.Expect = sc.Expect[1:]
		}
		if accept(sc) {
			return sc
		}
	}
	return nil
}

// differences are what a run of the original has and this version has not.
func (s *search) differences(o *outcome) []string {
	input, violations := interpreter.Prepare(s.graph, o.plan.input, "run_1", golden.Start)
	if len(violations) > 0 {
		return []string{ending(o.result.Ending, o.result.Error)}
	}
	mine := s.play(o.plan, input, nil)
	if mine == nil { // it does not end
		return []string{ending(o.result.Ending, o.result.Error)}
	}
	return o.seen.Differences(mine.seen)
}
