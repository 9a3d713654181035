package propose

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"

	"wf/builtins"
	"wf/golden"
	"wf/interpreter"
	"wf/interpreter/machine"
	"wf/lang"
	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/value"
)

// Run is a run that took place and has ended.
type Run struct {
	Graph         *graph.Graph
	Input         map[string]any // with its defaults
	ID            string
	CorrelationID string
	Seed          uint64
	Start         time.Time
	Events        []machine.Event // behind Started
	Thought       *Thought        // nil: it took place
}

// Recorded is a run as a test file.
type Recorded struct {
	Name    string // of the test file
	Text    string
	Golden  string // name of the file with the trace
	Trace   string
	MadeUp  []string    // paths of the secrets in whose place something else stands
	Failed  []string    // why the test fails, as it is now; nil: it passes
	Codes   []diag.Code // of these
	Differs []string    // where the test goes another way than the run did, and why that may be; nil: it does not
}

// Record writes a run as a test: its input, answers of the services and what was done from
// outside, at the times at which it came. fsys has the definition, and test names a file
// that is not there yet. What the run was told in secret is made up. Of runs that took
// place only one that has ended can be written.
func Record(fsys fs.FS, definition, test string, services func() Services, r Run) (*Recorded, error) {
	out := &Recorded{Name: test}
	rec := &record{run: r, answers: map[string]string{}, calls: map[machine.ID]*sent{}, timers: map[machine.ID]timer{}, secrets: map[string]string{}}
	var entries []machine.Entry
	m := machine.New(r.Graph, r.Input, r.config(func(e machine.Entry) { entries = append(entries, e) }))
	if err := interpreter.Replay(m, r.Events, nil); err != nil {
		return nil, err
	}
	if !m.Done() && r.Thought == nil {
		return nil, errors.New("the run has not ended yet")
	}
	rec.result = m.Result()
	rec.finding = r.Thought != nil
	if err := rec.play(); err != nil {
		return nil, err
	}
	if rec.finding {
		if err := rec.usual(fsys, definition, services()); err != nil {
			return nil, err
		}
	}
	out.Text = LaidOut(test, rec.file(relative(path.Dir(test), definition)))
	out.MadeUp = rec.madeUp
	p, problems := lang.Load(With(fsys, test, out.Text), test, lang.Options{Catalog: services(), StubHandlers: true})
	if problems.HasErrors() {
		return nil, fmt.Errorf("the run cannot be said as a test: %w", problems)
	}
	kept := &keptFiles{text: map[string]string{}}
	var again []machine.Entry
	results := golden.Run(p, golden.Options{Builtins: func() builtins.Services { return services() }, Files: kept, Update: true,
		Ran: func(_ *golden.Result, ran *golden.Ran) { again = slices.Clone(ran.Entries) }})
	for _, f := range results[0].Failures {
		out.Codes = append(out.Codes, f.Code)
		out.Failed = append(out.Failed, f.Summary)
		out.Differs = append(out.Differs, f.Summary)
	}
	out.Golden = results[0].Golden
	out.Trace = kept.text[out.Golden]
	if d := differs(entries, again); d != "" {
		out.Differs = append(out.Differs, d)
	}
	if rec.tied && len(out.Differs) > 0 {
		out.Differs = append(out.Differs, "timers of one moment fire in another order than a test has them")
	}
	out.Differs = append(out.Differs, rec.doubts...)
	return out, nil
}

func (r Run) config(trace func(machine.Entry)) machine.Config {
	return machine.Config{RunID: r.ID, CorrelationID: r.CorrelationID, Seed: r.Seed, Start: r.Start, Trace: trace}
}

// record is a run while it is made to a test. It is played again on a machine whose clock
// is that of tests: timers fire when they are due, and answers take whole milliseconds, in
// the order in which all of it took place.
type record struct {
	run    Run
	result *machine.Result

	m        *machine.Machine
	now, was time.Duration // on the clock of the test, and on that of the run
	calls    map[machine.ID]*sent
	timers   map[machine.ID]timer
	set      int // timers
	made     []*sent
	deeds    []string
	secrets  map[string]string // what stands in place of a text that must not be written
	madeUp   []string          // where
	doubts   []string
	tied     bool              // of timers that end at one moment one that was set later fires first
	heard    int               // of Thought.Unheard: how many have happened
	finding  bool              // the test is of something that is to be mended
	answers  map[string]string // of operations, by the names of their mocks, when all is well
	well     []string          // mocks for all that is not in the story of a finding
}

// sent is a call that was made.
type sent struct {
	place    string
	sig      *value.Signature
	bounded  bool          // it has a timeout
	now, was time.Duration // when
	reply    string        // what came of it; "": nothing did, while somebody waited
	took     *Answer       // it took effect, and nobody hears of it; nil: it did not, or somebody does
	gone     time.Duration // when nobody waited any more; 0: somebody does
}

// timer is one that is set.
type timer struct {
	due time.Duration
	set int // which of the run it is
}

// tick is the shortest time between two things that happen.
const tick = time.Millisecond

// play goes through the events.
func (rec *record) play() error {
	rec.hide()
	rec.m = machine.New(rec.run.Graph, rec.run.Input, rec.run.config(nil))
	commands, err := rec.m.Apply(machine.Started{})
	if err != nil {
		return err
	}
	rec.follow(commands)
	for i, ev := range rec.run.Events {
		rec.unheardUntil(i, ev)
		rec.event(ev)
	}
	rec.unheardUntil(len(rec.run.Events), nil)
	return nil
}

// follow takes note of what the machine asks for.
func (rec *record) follow(commands []machine.Command) {
	for _, c := range commands {
		switch c := c.(type) {
		case machine.Call:
			rec.makes(c.ID, &sent{place: c.Place, sig: c.Call.Sig, bounded: c.Call.Policy.Timeout != nil})
		case machine.SetTimer:
			rec.timers[c.ID] = timer{c.At, rec.set}
			rec.set++
		case machine.CancelCall:
			rec.leaves(c.ID)
		case machine.CancelTimer:
			delete(rec.timers, c.ID)
		}
	}
}

// makes takes note of a call that is made now.
func (rec *record) makes(id machine.ID, s *sent) {
	s.now, s.was = rec.now, rec.was
	rec.calls[id] = s
	rec.made = append(rec.made, s)
}

// leaves takes note that nobody waits for an answer any more.
func (rec *record) leaves(id machine.ID) *sent {
	s := rec.calls[id]
	if s != nil {
		s.gone = rec.now
	}
	delete(rec.calls, id)
	return s
}

// event plays one event.
func (rec *record) event(ev machine.Event) {
	real := machine.At(ev)
	switch e := ev.(type) {
	case machine.CallReturned:
		if s := rec.answer(e.ID, real, ev); s != nil {
			s.reply = rec.returned(s, e)
		}
	case machine.CallFailed:
		if s := rec.answer(e.ID, real, ev); s != nil {
			s.reply = rec.failed(s, e)
		}
	case machine.TimerFired:
		due, set := rec.timers[e.ID]
		if !set {
			rec.letGo(e.ID, real)
			return // it came too late to matter
		}
		delete(rec.timers, e.ID)
		for _, other := range rec.timers {
			if other.due == due.due && other.set < due.set {
				rec.tied = true
			}
		}
		rec.apply(ev, due.due)
	case machine.CallHeld: // by other runs, which a test does not have
	default:
		rec.outside(ev, real)
	}
}

// letGo takes note that a call that was held has been made: its answer took as long as it
// did from then on.
func (rec *record) letGo(timer machine.ID, real time.Duration) {
	call := timer
	call.Kind, call.Attempt = machine.KindCall, timer.Attempt-1
	if s := rec.calls[call]; s != nil && timer.Kind == machine.KindBackoff {
		s.was = real
	}
}

// answer plays the answer to a call at its time; nil if nobody waits for it any more.
func (rec *record) answer(id machine.ID, real time.Duration, ev machine.Event) *sent {
	s := rec.calls[id]
	if s == nil {
		return nil
	}
	delete(rec.calls, id)
	rec.apply(ev, rec.moment(s.now+(real-s.was).Round(tick)))
	return s
}

// moment is a time for something that is neither a timer nor happens at the same time as
// anything else: behind what has happened, and before the next timer.
func (rec *record) moment(at time.Duration) time.Duration {
	at = max(at, rec.now+tick)
	for _, t := range rec.timers {
		if t.due <= at && t.due > rec.now {
			at = max(t.due-tick, rec.now+(t.due-rec.now)/2)
		}
	}
	return at
}

// apply gives an event to the machine.
func (rec *record) apply(ev machine.Event, at time.Duration) bool {
	rec.now, rec.was = max(rec.now, at), machine.At(ev)
	commands, err := rec.m.Apply(interpreter.Stamp(ev, rec.now))
	if err != nil {
		return false
	}
	rec.follow(commands)
	return true
}

// outside plays what somebody did.
func (rec *record) outside(ev machine.Event, real time.Duration) {
	if !rec.apply(ev, rec.moment(rec.now+(real-rec.was).Round(tick))) {
		return // the run refused it
	}
	what := ""
	switch ev := ev.(type) {
	case machine.CancelRequested:
		what = "cancel"
	case machine.SignalReceived:
		what = "signal " + ev.Name
		if ev.Payload != nil {
			t := value.TAny
			if sig := rec.run.Graph.SendableAs(ev.Name); sig != nil && sig.Payload != nil {
				t = sig.Payload
			}
			what += " " + source(t, rec.told(t, ev.Payload))
		}
		if rec.finding { // a definition that is mended may have ended by then
			what += " if running"
		}
	case machine.StepResolved:
		what = "resolve " + ev.Step + " " + source(rec.step(ev.Step), rec.told(rec.step(ev.Step), ev.Result))
	case machine.StepRetried:
		what = strings.TrimSpace("retry " + ev.Step)
	}
	rec.deeds = append(rec.deeds, "after "+value.FormatDuration(rec.now)+" "+what)
}

func (rec *record) step(name string) *value.Type {
	for _, s := range rec.run.Graph.Steps {
		if s.Name == name {
			return s.Result
		}
	}
	return value.TAny
}

// hide looks for what is secret in a run.
func (rec *record) hide() {
	rec.secret("input", rec.run.Graph.Input, rec.run.Input)
	places := map[machine.ID]*value.Signature{}
	m := machine.New(rec.run.Graph, rec.run.Input, rec.run.config(nil))
	look := func(commands []machine.Command) {
		for _, c := range commands {
			if c, ok := c.(machine.Call); ok {
				places[c.ID] = c.Call.Sig
			}
		}
	}
	commands, _ := m.Apply(machine.Started{})
	look(commands)
	for _, ev := range rec.run.Events {
		switch ev := ev.(type) {
		case machine.CallReturned:
			if sig := places[ev.ID]; sig != nil {
				if t, _ := sig.Body(ev.Status, ev.Class); t != nil {
					rec.secret(sig.Name(), t, ev.Body)
				}
			}
		case machine.SignalReceived:
			if sig := rec.run.Graph.SendableAs(ev.Name); sig != nil && sig.Payload != nil {
				rec.secret("signal "+ev.Name, sig.Payload, ev.Payload)
			}
		case machine.StepResolved:
			rec.secret(ev.Step, rec.step(ev.Step), ev.Result)
		}
		commands, _ = m.Apply(ev) // what is refused changes nothing
		look(commands)
	}
}

// secret makes something up for each secret text in a value.
func (rec *record) secret(at string, t *value.Type, v any) {
	if v == nil || !t.HasSecret() {
		return
	}
	if t.Secret {
		if !slices.Contains(rec.madeUp, at) {
			rec.madeUp = append(rec.madeUp, at)
		}
		rec.secretText(t, v)
		return
	}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			rec.secret(at+"[]", t.Elem, e)
		}
	case map[string]any:
		for _, f := range t.Fields {
			rec.secret(at+"."+f.Name, f.Type, v[f.Name])
		}
	}
}

// secretText lists the texts in a secret.
func (rec *record) secretText(t *value.Type, v any) {
	switch v := v.(type) {
	case string:
		if rec.secrets[v] == "" && v != "" {
			rec.secrets[v] = standIn(t, len(rec.secrets)+1)
		}
	case []any:
		for _, e := range v {
			rec.secretText(value.TAny, e)
		}
	case map[string]any:
		for _, e := range v {
			rec.secretText(value.TAny, e)
		}
	}
}

// standIn is the nth text in place of a secret.
func standIn(t *value.Type, n int) string {
	if t.Kind == value.String {
		text := fmt.Sprintf("made up %d", n)
		if _, violations := t.Conform(text, nil); len(violations) == 0 {
			return text
		}
		if text, ok := value.Example(t).(string); ok {
			return text
		}
	}
	return fmt.Sprintf("made up %d", n)
}

// leastSecret is how long a secret must be to be looked for inside other texts.
const leastSecret = 4

// told is a value as it may be written: secrets are made up, also where they stand in
// other texts.
func (rec *record) told(t *value.Type, v any) any {
	if v == nil || len(rec.secrets) == 0 && !t.HasSecret() {
		return v
	}
	if t.Secret {
		if text, ok := v.(string); ok && rec.secrets[text] != "" {
			return rec.secrets[text]
		}
		if t.Kind == value.Any {
			return rec.told(&value.Type{Kind: value.Any}, v)
		}
		return value.Example(t)
	}
	switch v := v.(type) {
	case string:
		return rec.plain(v)
	case []any:
		elem := value.TAny
		if t.Kind == value.List {
			elem = t.Elem
		}
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = rec.told(elem, e)
		}
		return out
	case map[string]any:
		out := maps.Clone(v)
		for name, e := range v {
			ft := value.TAny
			if f := t.Field(name); f != nil {
				ft = f.Type
			}
			out[name] = rec.told(ft, e)
		}
		return out
	}
	return v
}

// plain is a text without the secrets in it.
func (rec *record) plain(text string) string {
	known := slices.SortedFunc(maps.Keys(rec.secrets), func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) }) // the longest first
	for _, s := range known {
		if text == s || len(s) >= leastSecret {
			text = strings.ReplaceAll(text, s, rec.secrets[s])
		}
	}
	return text
}

// returned writes an answer.
func (rec *record) returned(s *sent, ev machine.CallReturned) string {
	p := value.Pattern{Status: ev.Status, Name: ev.Class}
	if ev.Class != "" {
		p.Status = 0
	}
	if p.Name == value.BreakerOpen {
		rec.doubt("%s was refused by the breaker of all runs, which a test does not have", s.place)
		return "unreachable" + text1("the breaker was open") + rec.after(s)
	}
	if p.Name == value.Timeout {
		return rec.failed(s, machine.CallFailed{Class: value.Timeout})
	}
	body, err := value.Normalize(ev.Body)
	if err != nil {
		return "malformed" + rec.after(s)
	}
	t, declared := s.sig.Body(p.Status, p.Name)
	odd := ""
	switch {
	case s.sig.Handler, p.Name == value.Malformed, p.Name == value.Unreachable:
	case !declared && !s.sig.Possible(p):
		odd = " undeclared"
	case t != nil:
		if _, unknown, violations := t.ConformLoosely(body, nil); len(violations) > 0 {
			odd = " malformed"
		} else if len(unknown) > 0 {
			odd = " undeclared"
		}
	}
	if t == nil {
		t = value.TAny
	}
	out := p.String()
	if body != nil {
		told := rec.told(t, body)
		if odd != "" { // its type does not help to say it
			t = value.TAny
		}
		out += " " + source(t, told)
	}
	if len(ev.Headers) > 0 {
		out += " headers " + source(value.TAny, rec.told(value.TAny, value.Object(ev.Headers)))
	}
	return out + rec.after(s) + odd
}

func text1(s string) string { return " " + text(s) }

// failed writes that no answer came.
func (rec *record) failed(s *sent, ev machine.CallFailed) string {
	if s.took != nil {
		return rec.lost(s) + rec.after(s)
	}
	out := value.Unreachable
	if ev.Class == value.Timeout {
		if out = value.Timeout; s.bounded {
			rec.doubt("%s timed out before its timeout, which no mock does", s.place)
		}
	}
	if ev.Message != "" && rec.run.Thought == nil {
		out += text1(rec.plain(ev.Message))
	}
	return out + rec.after(s)
}

// after is how long an answer took.
func (rec *record) after(s *sent) string { return afterwards(rec.now - s.now) }

// afterwards says how long an answer takes, if that is not the usual time.
func afterwards(took time.Duration) string {
	if took == latency {
		return ""
	}
	return " after " + value.FormatDuration(took)
}

// latency of an answer of which a mock says nothing.
const latency = 10 * time.Millisecond

// never is how long an answer takes that nobody waited for.
const never = 366 * 24 * time.Hour

func (rec *record) doubt(format string, args ...any) {
	if d := fmt.Sprintf(format, args...); !slices.Contains(rec.doubts, d) {
		rec.doubts = append(rec.doubts, d)
	}
}

// file writes the test file.
func (rec *record) file(definition string) string {
	var b strings.Builder
	name, about, imports, expect := rec.headed()
	if len(rec.madeUp) > 0 {
		about = append(about, fmt.Sprintf("What it was told in secret is made up here: %s.", strings.Join(rec.madeUp, ", ")))
	}
	for _, line := range about {
		b.WriteString("// " + comment(line) + "\n")
	}
	b.WriteString("\n")
	for _, file := range append([]string{definition}, imports...) {
		fmt.Fprintf(&b, "import %s\n", text(file))
	}
	if rec.finding {
		b.WriteString(rec.services())
	}
	fmt.Fprintf(&b, "\ntest %s {\n", text(comment(name)))
	fmt.Fprintf(&b, "  seed %d\n  clock time(%s)\n", int64(rec.run.Seed), text(rec.run.Start.UTC().Format(time.RFC3339Nano)))
	if !rec.finding {
		b.WriteString(strings.Join(rec.mocks(), ""))
	}
	b.WriteString(strings.Join(rec.lines(), ""))
	for _, e := range expect {
		b.WriteString("  expect " + e + "\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// headed is what a test says beside what happens in it.
func (rec *record) headed() (name string, about, imports, expect []string) {
	r, g := rec.run, rec.run.Graph
	if t := r.Thought; t != nil {
		return t.Name, t.About, t.Imports, t.Expect
	}
	ending := string(rec.result.Ending)
	if rec.result.Error != nil {
		ending += " " + rec.result.Error.Code
	}
	about = []string{fmt.Sprintf("Run %s of %s, which began at %s and ended %s.", r.ID, g.FullName(), r.Start.UTC().Format(time.RFC3339), ending)}
	for _, e := range (&search{graph: g}).expectations(rec.result) {
		if rec.plain(e) == e { // it tells no secret
			expect = append(expect, e)
		}
	}
	return "run " + r.ID, about, nil, append(expect, "golden")
}

// comment is a text on one line.
func comment(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// mocks writes the answers, by operation and place.
func (rec *record) mocks() (out []string) {
	rec.eachOperation(func(name string, places []string, at map[string][]string) {
		out = append(out, scripted(name, places, at))
	})
	return out
}

// eachOperation visits the operations that were called, in order, with the replies at each place.
func (rec *record) eachOperation(visit func(name string, places []string, at map[string][]string)) {
	var order []string
	byOp := map[string][]*sent{}
	for _, s := range rec.made {
		name := mockName(s.sig)
		if byOp[name] == nil {
			order = append(order, name)
		}
		byOp[name] = append(byOp[name], s)
		switch {
		case s.reply != "":
		case s.took != nil:
			s.reply = rec.lost(s) + rec.aftermath(s)
		case s.bounded:
			s.reply = value.Timeout
		default:
			s.reply = value.Timeout + " after " + value.FormatDuration(never)
		}
	}
	for _, name := range order {
		var places []string
		at := map[string][]string{}
		for _, s := range byOp[name] {
			if at[s.place] == nil {
				places = append(places, s.place)
			}
			at[s.place] = append(at[s.place], s.reply)
		}
		visit(name, places, at)
	}
}

// differs is the first thing that one run of a workflow did otherwise than another one:
// what each of its steps was told is compared in order; "": nothing.
func differs(was, is []machine.Entry) string {
	type steps struct {
		names []string
		lines map[string][]string
	}
	sorted := func(list []machine.Entry) steps {
		out := steps{lines: map[string][]string{}}
		for _, e := range list {
			if e.Kind == machine.EntryTakenOver { // no machine knows of it
				continue
			}
			if out.lines[e.Step] == nil {
				out.names = append(out.names, e.Step)
			}
			out.lines[e.Step] = append(out.lines[e.Step], turn(e))
		}
		return out
	}
	a, b := sorted(was), sorted(is)
	for _, name := range a.names {
		old, fresh := a.lines[name], b.lines[name]
		for i, line := range old {
			switch {
			case i >= len(fresh):
				return fmt.Sprintf("the test ends before: %s", line)
			case fresh[i] != line:
				return fmt.Sprintf("the run did: %s; the test does: %s", line, fresh[i])
			}
		}
		if len(fresh) > len(old) {
			return fmt.Sprintf("the test goes on with: %s", fresh[len(old)])
		}
	}
	for _, name := range b.names {
		if a.lines[name] == nil {
			return fmt.Sprintf("the test goes on with: %s", b.lines[name][0])
		}
	}
	return ""
}

// turn is what an entry tells of the way that a run took, without times and values.
func turn(e machine.Entry) string {
	place := e.Place
	if place == "" {
		place = e.Step
	}
	if e.Attempt > 0 && e.Place != "" {
		place += fmt.Sprintf("#%d", e.Attempt)
	}
	out := strings.TrimSpace(place + " " + string(e.Kind))
	for _, s := range []string{e.Operation, e.Outcome, string(e.Ending), e.Signal, string(e.State)} {
		if s != "" {
			out += " " + s
		}
	}
	if e.Error != nil {
		out += " " + e.Error.Code
	}
	return out
}

// keptFiles are golden files in memory.
type keptFiles struct{ text map[string]string }

// Open opens a file that was written.
func (k *keptFiles) Open(name string) (fs.File, error) {
	if text, ok := k.text[name]; ok {
		return openText(name, text), nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// Write keeps a file.
func (k *keptFiles) Write(name string, data []byte) error {
	k.text[name] = string(data)
	return nil
}

// Remove forgets one.
func (k *keptFiles) Remove(name string) error {
	delete(k.text, name)
	return nil
}
