package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"wf/golden/explore"
	"wf/lang/value"
)

type diffCmd struct {
	Old      string `arg:"" help:"The version to compare with, .wf or .yaml." predictor:"definition"`
	New      string `arg:"" help:"The version that is compared." predictor:"definition"`
	Workflow string `help:"Which workflow of the files, if they have several." placeholder:"NAME" predictor:"workflow"`
	Faults   string `help:"How many things may go another way than well in one run. If it is not given, two, if that can be afforded." placeholder:"N"`
	Input    string `short:"i" help:"JSON file with the input to compare with, instead of those of the tests; - reads standard input." placeholder:"FILE" predictor:"file"`
	Limit    int    `help:"How many pairs of runs are made before one thing at once has to do." default:"20000"`
	Choices  int    `help:"How many choices are tried in each version to find what must not happen; 0: it is not looked for." default:"50000"`
	Runs     bool   `help:"Show of each change a run, line by line."`
	Format   string `help:"text, json or markdown." enum:"text,json,markdown" default:"text"`
	Jobs     int    `short:"j" help:"Workers; as many as there are processors if not given. The result is the same." placeholder:"N"`
}

// Help is shown by wf diff --help.
func (diffCmd) Help() string {
	return `Runs two versions of a workflow in the same worlds, with the same input, the same answers
and the same failures, and says what they do otherwise: how runs end, what is called, how
often and with what, what comes out, how long it takes. What changes the text and not the
behaviour shows nothing.

Each thing that can go another way than well is tried by itself, and with each other one:
the outcomes that services declare, timeouts, lost connections, answers that are lost,
trouble that passes and trouble that stays, signals that come early or never, a run that is
cancelled, a process that dies, and answers of one moment in another order.

Both versions are explored, too, and held to the invariants of their tests: what must not
happen, and does now, stands first, with its story; then what is mended.

The exit status is 0 if both behave alike, 1 if not, 2 if a definition is wrong.

Examples:
  wf diff main/flow.wf flow.wf
  wf diff main/flow.wf flow.wf --runs
  wf diff main/flow.wf flow.wf --format markdown > comment.md`
}

// Run compares.
func (c *diffCmd) Run(e *env) error {
	opts := explore.Options{Faults: -1, Limit: c.Limit, Choices: c.Choices, Heard: &explore.Heard{}, Workers: c.Jobs, Cancel: true, Signals: true}
	if c.Faults != "" {
		n, err := strconv.Atoi(c.Faults)
		if err != nil || n < 0 {
			return wrong("--faults takes a number, not %s", c.Faults)
		}
		opts.Faults = n
	}
	if c.Limit < 1 {
		return wrong("--limit takes a number from 1 on, not %d", c.Limit)
	}
	if c.Choices < 0 {
		return wrong("--choices takes a number from 0 on, not %d", c.Choices)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	old, wrongOld := c.load(e, c.Old, &opts)
	fresh, err := c.load(e, c.New, &opts)
	if err = cmp.Or(wrongOld, err); err != nil { // all that is wrong with both is told
		return err
	}
	ctx, stop := e.interrupt(context.Background())
	defer stop()
	line := newProgressLine(e, c.Format == "text")
	opts.Progress = func(at explore.Progress) { line.show(func() string { return comparedSoFar(at) }) }
	opts.Stop = func() bool { return ctx.Err() != nil }
	var declared, unjudged []string
	if c.Choices > 0 {
		opts.Demands, declared, unjudged = demands(old, fresh)
	}
	d, err := explore.Compare(old.graph, fresh.graph, opts)
	line.hide()
	if err != nil {
		return wrong("%s: %v", c.New, err)
	}
	d.Declared = append(d.Declared, declared...)
	show := &compared{e: e, d: d, runs: c.Runs, unjudged: unjudged}
	switch c.Format {
	case "json":
		err = show.json()
	case "markdown":
		show.markdown()
	default:
		show.text()
	}
	switch {
	case err != nil:
		return err
	case d.Stopped:
		return &exit{status: exitInterrupted}
	case d.Changed():
		return &exit{status: exitFailed}
	}
	return nil
}

// comparedSoFar says how far a comparison is.
func comparedSoFar(at explore.Progress) string {
	if at.Version != "" {
		return fmt.Sprintf("the %s version, %s at once: %s tried, %s to go", at.Version, plural(at.Faults, "fault"), plural64(uint64(at.Tried), "choice"), thousands(uint64(at.Waiting)))
	}
	return fmt.Sprintf("%s at once: %s compared, %s to go", plural(at.Faults, "fault"), plural64(uint64(at.Tried), "pair"), thousands(uint64(at.Waiting)))
}

// compared prints what is otherwise.
type compared struct {
	e    *env
	d    *explore.Diff
	runs bool

	unjudged []string // which rules of the new version's tests say nothing of a version
}

func (x *compared) text() {
	w, d := x.e.stdout, x.d
	fmt.Fprintf(w, "%s\n", x.e.paintOut(x.title(), "1"))
	for _, line := range x.extents() {
		fmt.Fprintf(w, "  %s\n", line)
	}
	x.found()
	if len(d.Declared) > 0 {
		fmt.Fprintln(w)
		for _, line := range d.Declared {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
	for i, c := range d.Changes {
		fmt.Fprintln(w)
		x.change(i+1, c)
	}
	if line := x.missed(); line != "" {
		fmt.Fprintf(w, "\n  %s\n", line)
	}
	fmt.Fprintf(w, "\n%s\n", x.verdict())
}

func (x *compared) title() string {
	if x.d.Was != x.d.Workflow {
		return x.d.Was + " → " + x.d.Workflow
	}
	return x.d.Workflow
}

// extents say what was compared, and how far.
func (x *compared) extents() []string {
	out := []string{x.extent()}
	for _, line := range []string{x.explored(), x.kept()} {
		if line != "" {
			out = append(out, line)
		}
	}
	return append(out, x.unjudged...)
}

// extent says which pairs of runs were made.
func (x *compared) extent() string {
	d := x.d
	s := plural64(uint64(d.Runs), "pair") + " of runs from " + plural(len(d.Inputs), "input")
	if d.Plain > 0 {
		s += fmt.Sprintf(" and %d like them", d.Plain)
	}
	switch {
	case d.Stopped:
		return s + ", then stopped"
	case d.Faults == 0:
		return s + ": all goes well"
	}
	s += ": " + withUpTo(d.Faults)
	if d.Some > 0 {
		s += fmt.Sprintf(", and for %d of the inputs up to %d", d.Some, d.Faults+1)
	}
	return s
}

func withUpTo(n int) string {
	if n == 1 {
		return "one thing at a time goes another way than well"
	}
	return fmt.Sprintf("up to %d things at once go another way than well", n)
}

// verdict is the last line.
func (x *compared) verdict() string {
	d := x.d
	switch {
	case d.Stopped:
		return "stopped"
	case d.Changed():
		var parts []string
		if f := d.Found; f != nil {
			if n := len(f.Wrong); n > 0 {
				parts = append(parts, plural(n, "new finding"))
			}
			if n := len(f.Mended); n > 0 {
				parts = append(parts, fmt.Sprintf("%d mended", n))
			}
		}
		if n := len(d.Declared); n > 0 {
			parts = append(parts, plural(n, "declaration"))
		}
		if n := len(d.Changes); n > 0 {
			parts = append(parts, fmt.Sprintf("%s of behaviour, in %s of %s runs", plural(n, "change"), thousands(uint64(d.Differ)), thousands(uint64(d.Runs))))
		}
		return x.e.paintOut("≠", "33") + " " + strings.Join(parts, ", ")
	case d.Same:
		return x.e.paintOut("=", "32") + " the definitions are the same"
	}
	return x.e.paintOut("=", "32") + " the definitions differ, and no run does"
}

// change prints one.
func (x *compared) change(n int, c *explore.Change) {
	w := x.e.stdout
	fmt.Fprintf(w, "%s %s\n", x.e.paintOut(fmt.Sprintf("%d.", n), "1"), x.e.paintOut(when(c), "1"))
	if len(c.Inputs) > 0 {
		fmt.Fprintf(w, "   only with %s\n", inputs(c))
	}
	if len(c.Old) > 0 {
		fmt.Fprintf(w, "   was  %s\n   now  %s\n", x.paint(c.Old), x.paint(c.New))
	}
	for _, line := range factLines(c) {
		fmt.Fprintf(w, "   %s\n", line)
	}
	if x.runs {
		for line := range strings.Lines(example(c)) {
			color := ""
			switch line[0] {
			case '-':
				color = "31"
			case '+':
				color = "32"
			}
			fmt.Fprintf(w, "     %s\n", x.e.paintOut(strings.TrimRight(line, "\n"), color))
		}
	}
}

func (x *compared) paint(ends []string) string {
	out := make([]string, len(ends))
	for i, s := range ends {
		color := "31"
		switch word, _, _ := strings.Cut(s, " "); word {
		case "completed":
			color = "32"
		case "degraded", "compensated", "cancelled":
			color = "33"
		}
		out[i] = x.e.paintOut(s, color)
	}
	return either(out)
}

// when says in which runs a change shows.
func when(c *explore.Change) string {
	if len(c.When) == 0 {
		return "when all goes well"
	}
	parts := make([]string, len(c.When))
	for i, w := range c.When {
		s := strings.Join(w.Calls, ", ") + ": " + either(w.Ways)
		switch w.How {
		case explore.Once:
			s += ", once"
		case explore.Times:
			s += fmt.Sprintf(", %d times", w.Times)
		case explore.Always:
			s += ", at every attempt"
		case explore.AllItems:
			s += ", at every attempt of every item"
		case explore.Around:
			if s = strings.Join(w.Ways, " or ") + " during " + either(w.Calls); strings.HasPrefix(s, "comes ") { // a signal
				s = either(w.Calls) + " " + strings.Join(w.Ways, " or ")
			}
		case explore.First:
			s = "of what falls on one moment " + either(w.Calls) + " comes first"
		}
		parts[i] = s
	}
	return strings.Join(parts, "; and ")
}

// either is "a, b or c".
func either(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// inputs says with which inputs a change shows.
func inputs(c *explore.Change) string {
	words := make([]string, len(c.Inputs))
	for i, label := range c.Inputs {
		if words[i] = "the input " + label; strings.Contains(label, " is ") || strings.HasPrefix(label, "with") {
			words[i] = "an input where " + label
		} else if test, ok := strings.CutPrefix(label, "that of "); ok {
			words[i] = fmt.Sprintf("the input of test %q", test)
		} else if label == "an example" {
			words[i] = label + " of the input"
		}
	}
	return either(words)
}

// shortest and longest time, if they differ.
func span(of [2]time.Duration) string {
	round := func(d time.Duration) string {
		unit := 100 * time.Millisecond
		switch {
		case d >= 10*time.Second:
			unit = time.Second
		case d < time.Second:
			unit = 10 * time.Millisecond
		}
		return value.FormatDuration(d.Round(unit))
	}
	if a, b := round(of[0]), round(of[1]); a != b {
		return a + " to " + b
	}
	return round(of[0])
}

// maxFacts bounds what is shown of what follows from another ending.
const maxFacts = 4

// factLines say what else is otherwise, one thing a line.
func factLines(c *explore.Change) []string {
	var out []string
	for i, f := range c.Facts {
		if len(c.Old) > 0 && i == maxFacts && len(c.Facts) > i+1 {
			out = append(out, fmt.Sprintf("and %d values of arguments and output", len(c.Facts)-i))
			break
		}
		was, now := some(f.Old), some(f.New)
		switch f.Kind {
		case "place":
			out = append(out, fmt.Sprintf("fails in %s, not in %s", now, was))
		case "message":
			out = append(out, fmt.Sprintf("%s says: %s → %s", f.What, quoted(f.Old), quoted(f.New)))
		case "finding":
			if len(f.New) > 0 {
				out = append(out, "new finding: "+now)
			}
			if len(f.Old) > 0 {
				out = append(out, "no longer found: "+was)
			}
		case "step":
			out = append(out, fmt.Sprintf("step %s: %s → %s", f.What, was, now))
		case "result":
			out = append(out, fmt.Sprintf("result %s: %s → %s", f.What, was, now))
		case "attempts":
			if f.What != "" {
				was = f.What + " " + was
			}
			out = append(out, was+" → "+now)
		case "operation":
			out = append(out, fmt.Sprintf("calls %s, not %s", now, was))
		case "calls":
			switch {
			case len(f.Old) == 0:
				out = append(out, "calls "+f.What+" now")
			case len(f.New) == 0:
				out = append(out, "no longer calls "+f.What)
			default:
				out = append(out, fmt.Sprintf("calls %s: %s → %s", f.What, was, now))
			}
		case "argument":
			out = append(out, fmt.Sprintf("argument of %s: %s → %s", f.What, was, now))
		case "key":
			out = append(out, fmt.Sprintf("key of %s: %s → %s", f.What, was, now))
		case "output":
			out = append(out, fmt.Sprintf("%s: %s → %s", strings.TrimSpace("output "+f.What), was, now))
		case "time":
			out = append(out, fmt.Sprintf("takes %s → %s", span(f.Times[0]), span(f.Times[1])))
		}
	}
	if len(c.Called) > 0 {
		out = append(out, "calls "+both(c.Called)+" now")
	}
	if len(c.Dropped) > 0 {
		out = append(out, "no longer calls "+both(c.Dropped))
	}
	return out
}

func quoted(list []string) string {
	words := make([]string, len(list))
	for i, s := range list {
		words[i] = strconv.Quote(s)
	}
	return some(words)
}

func both(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// some shows the first of several examples.
func some(list []string) string {
	switch len(list) {
	case 0:
		return "nothing"
	case 1:
		return list[0]
	case 2:
		return list[0] + " or " + list[1]
	}
	return list[0] + " and so on"
}

// example is a run in which a change shows, as the difference of its two traces.
func example(c *explore.Change) string {
	lines := func(story []explore.Line) []byte {
		var b strings.Builder
		for _, l := range story {
			b.WriteString(l.Text + "\n")
		}
		return []byte(b.String())
	}
	out := string(diff.Diff("was", lines(c.OldStory), "now", lines(c.NewStory)))
	for _, head := range []string{"diff was now\n", "--- was\n", "+++ now\n"} {
		out = strings.Replace(out, head, "", 1)
	}
	return out
}

// markdown prints a comment for a pull request: a table, then a run of each change.
func (x *compared) markdown() {
	w, d := x.e.stdout, x.d
	cell := func(s string) string {
		return strings.NewReplacer("|", "\\|", "<", "&lt;", "\n", " ").Replace(s)
	}
	fmt.Fprintf(w, "### %s\n\n", cell(x.title()))
	plain := *x.e
	plain.colorOut = false
	fmt.Fprintf(w, "**%s**\n", cell((&compared{e: &plain, d: d}).verdict()))
	x.foundMarkdown(cell)
	if len(d.Declared) > 0 {
		fmt.Fprintln(w)
		for _, line := range d.Declared {
			fmt.Fprintf(w, "- %s\n", cell(line))
		}
	}
	if len(d.Changes) > 0 {
		fmt.Fprint(w, "\n| when | was | now |\n|---|---|---|\n")
		for _, c := range d.Changes {
			title := when(c)
			if len(c.Inputs) > 0 {
				title += "; only with " + inputs(c)
			}
			was, now := either(c.Old), either(c.New)
			if len(c.Old) == 0 {
				was, now = "", strings.Join(factLines(c), "; ")
			}
			fmt.Fprintf(w, "| %s | %s | %s |\n", cell(title), cell(was), cell(now))
		}
		for _, c := range d.Changes {
			fmt.Fprintf(w, "\n<details><summary>%s</summary>\n\n", cell(when(c)))
			if len(c.Old) > 0 {
				for _, line := range factLines(c) {
					fmt.Fprintf(w, "- %s\n", cell(line))
				}
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "~~~diff\n%s~~~\n\n</details>\n", example(c))
		}
	}
	fmt.Fprintf(w, "\n%s.\n", cell(strings.Join(x.extents(), "; ")))
	if line := x.missed(); line != "" {
		fmt.Fprintf(w, "\n%s.\n", cell(line))
	}
}

// missed says what is not known.
func (x *compared) missed() string {
	if len(x.d.Missed) == 0 {
		return ""
	}
	return "no run came by " + both(x.d.Missed) + ": what is otherwise there is not known"
}

// diffVersion is the version of the JSON form.
const diffVersion = 1

type (
	diffObject struct {
		Version  int            `json:"diff_version"`
		Old      string         `json:"old"`
		New      string         `json:"new"`
		Same     bool           `json:"same"`
		Changed  bool           `json:"changed"`
		Faults   int            `json:"faults"`
		Stopped  bool           `json:"stopped"`
		Runs     int            `json:"runs"`
		Differ   int            `json:"differ"`
		Inputs   []string       `json:"inputs"`
		Missed   []string       `json:"missed"`
		Declared []string       `json:"declared"`
		Found    *diffFound     `json:"found,omitempty"`
		Changes  []diffedChange `json:"changes"`
	}
	diffedChange struct {
		When     []diffedWhen  `json:"when"`
		Inputs   []string      `json:"inputs,omitempty"`
		Old      []string      `json:"old,omitempty"`
		New      []string      `json:"new,omitempty"`
		Facts    []diffedFact  `json:"facts,omitempty"`
		Called   []string      `json:"called,omitempty"`
		Dropped  []string      `json:"dropped,omitempty"`
		Runs     int           `json:"runs"`
		Title    string        `json:"title"`
		OldStory []exploreLine `json:"old_story"`
		NewStory []exploreLine `json:"new_story"`
	}
	diffedWhen struct {
		Calls []string `json:"calls"`
		Ways  []string `json:"ways"`
		How   string   `json:"how,omitempty"`
		Times int      `json:"times,omitempty"`
	}
	diffedFact struct {
		Kind string   `json:"kind"`
		What string   `json:"what,omitempty"`
		Old  []string `json:"old,omitempty"`
		New  []string `json:"new,omitempty"`
	}
)

func storyLines(lines []explore.Line) []exploreLine {
	out := []exploreLine{}
	for _, l := range lines {
		out = append(out, exploreLine{float64(l.At) / float64(time.Millisecond), l.Text, l.Note})
	}
	return out
}

// json prints one object.
func (x *compared) json() error {
	d := x.d
	some := func(list []string) []string { return append([]string{}, list...) }
	o := diffObject{Version: diffVersion, Old: d.Was, New: d.Workflow, Same: d.Same, Changed: d.Changed(), Faults: d.Faults, Stopped: d.Stopped, Runs: d.Runs, Differ: d.Differ,
		Inputs: []string{}, Missed: some(d.Missed), Declared: some(d.Declared), Found: x.foundObject(), Changes: []diffedChange{}}
	for _, in := range d.Inputs {
		o.Inputs = append(o.Inputs, in.Label)
	}
	for _, c := range d.Changes {
		out := diffedChange{When: []diffedWhen{}, Inputs: c.Inputs, Old: c.Old, New: c.New, Called: c.Called, Dropped: c.Dropped, Runs: c.Runs, Title: when(c), OldStory: storyLines(c.OldStory), NewStory: storyLines(c.NewStory)}
		for _, w := range c.When {
			out.When = append(out.When, diffedWhen{w.Calls, w.Ways, string(w.How), w.Times})
		}
		for _, f := range c.Facts {
			if f.Kind == "time" {
				f.Old, f.New = []string{span(f.Times[0])}, []string{span(f.Times[1])}
			}
			out.Facts = append(out.Facts, diffedFact{f.Kind, f.What, f.Old, f.New})
		}
		o.Changes = append(o.Changes, out)
	}
	return writeJSON(x.e.stdout, o)
}
