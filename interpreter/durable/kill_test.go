//go:build unix

package durable_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wf/builtins"
	"wf/interpreter/durable"
	"wf/interpreter/journal"
	"wf/interpreter/journal/sqlite"
	"wf/interpreter/machine"
	"wf/lang"
	"wf/lang/graph"
)

// TestMain is a worker process if a test has started it as one.
func TestMain(m *testing.M) {
	if dir := os.Getenv("WF_KILL_DIR"); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// shop is a workflow with steps side by side, retries, and effects that are taken back.
const shop = `
service shop {
  5xx
  operation find idempotent { input { sku string }, 200 { id int } }
  operation hold { input { id int }, 201 { held int } }
  operation free idempotent { input { key string }, 200 }
  operation pay { input { cents int }, 201 { paid int }, 402 }
}
workflow order {
  input { skus [string], cents int }
  retry 3 attempts, backoff 1ms
  timeout 1m
  step look for sku in input.skus by sku {
    call shop.find { sku: sku }
    return body.id
  }
  step hold for id in look by string(id) {
    call shop.hold { id: id }
    undo { call shop.free { key: key } }
    return body.held
  }
  step pay after hold {
    call shop.pay { cents: input.cents }
    on 402 { fail NO_MONEY }
    return body.paid
  }
  output { held: hold, paid: pay }
}`

// suicide kills the process, as kill -9 does, at one of the moments that are counted, or
// makes it stand still until it is told to go on.
type suicide struct {
	left   atomic.Int64
	pauses bool
	writes sync.RWMutex // held by who writes: a process that stands still in the middle of it would keep the lock of the file
}

func (s *suicide) moment() {
	if s.left.Add(-1) != 0 {
		return
	}
	if s.pauses {
		s.writes.Lock()
		defer s.writes.Unlock()
		goOn := make(chan os.Signal, 1)
		signal.Notify(goOn, syscall.SIGCONT)
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		<-goOn // it arrives a moment later
	} else {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // until it arrives
	}
}

// dying is a store whose process dies before or after a write.
type dying struct {
	journal.Store
	suicide *suicide
}

func (d dying) Append(ctx context.Context, a journal.Append) error {
	d.suicide.moment()
	d.suicide.writes.RLock()
	err := d.Store.Append(ctx, a)
	d.suicide.writes.RUnlock()
	d.suicide.moment()
	return err
}

func (d dying) Alive(ctx context.Context, worker string, until time.Time) error {
	d.suicide.writes.RLock()
	defer d.suicide.writes.RUnlock()
	return d.Store.Alive(ctx, worker, until)
}

func (d dying) Claim(ctx context.Context, worker string, now time.Time, n int, runs ...string) ([]journal.Claim, error) {
	d.suicide.writes.RLock()
	defer d.suicide.writes.RUnlock()
	return d.Store.Claim(ctx, worker, now, n, runs...)
}

// diary is a file in which services write down what they are asked, before they answer.
type diary struct {
	file    *os.File
	suicide *suicide
}

func (d diary) Lookup(service, operation string) (*builtins.Operation, bool) {
	return &builtins.Operation{Func: func(_ context.Context, c builtins.Call) (builtins.Answer, error) {
		d.suicide.moment()
		if _, err := fmt.Fprintf(d.file, "\n%s %s#%d %s %s %s .\n", c.RunID, c.Place, c.Attempt, operation, c.Key, os.Getenv("WF_KILL_NAME")); err != nil {
			return builtins.Answer{}, err
		}
		d.suicide.moment()
		info, err := d.file.Stat()
		if err != nil {
			return builtins.Answer{}, err
		}
		return answer(operation, c, int(info.Size())), nil
	}}, true
}

// answer depends on the call, and what is found is another one each time it is looked for:
// a run that acted on an answer before that was written would act on two. Some first
// attempts fail.
func answer(operation string, c builtins.Call, time int) builtins.Answer {
	switch operation {
	case "find":
		return builtins.Answer{Status: 200, Body: map[string]any{"id": len(c.Args["sku"].(string)) + 10*time}}
	case "hold":
		id := c.Args["id"].(int) % 10
		if id == 2 && c.Attempt == 1 {
			return builtins.Answer{Status: 503}
		}
		return builtins.Answer{Status: 201, Body: map[string]any{"held": id}}
	case "pay":
		if c.Args["cents"] == 13 {
			return builtins.Answer{Status: 402}
		}
		return builtins.Answer{Status: 201, Body: map[string]any{"paid": c.Args["cents"]}}
	}
	return builtins.Answer{Status: 200}
}

func compileShop(d journal.Definition) (*graph.Graph, error) {
	p, problems := lang.Load(mapFS(d.Files), d.Main, lang.Options{})
	if problems.HasErrors() {
		return nil, problems
	}
	return p.Workflows[0], nil
}

// child works on the store in a folder until nothing is left, or it dies.
func child(dir string) error {
	at, err := strconv.ParseInt(os.Getenv("WF_KILL_AT"), 10, 64)
	if err != nil {
		return err
	}
	s := &suicide{pauses: os.Getenv("WF_KILL_PAUSES") != ""}
	lease := time.Millisecond
	if text := os.Getenv("WF_KILL_LEASE"); text != "" {
		if lease, err = time.ParseDuration(text); err != nil {
			return err
		}
	}
	s.left.Store(at)
	file, err := os.OpenFile(filepath.Join(dir, "diary"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	store, err := sqlite.Open(filepath.Join(dir, "runs.db"), sqlite.Options{})
	if err != nil {
		return err
	}
	w := durable.New(durable.Options{Store: dying{store, s}, Name: os.Getenv("WF_KILL_NAME"), Services: diary{file, s}, Compile: compileShop, Lease: lease, Runs: 4, Poll: time.Millisecond})
	return w.Serve(context.Background(), func() bool {
		live, err := store.List(context.Background(), journal.Filter{States: []journal.State{journal.Running, journal.Waiting}, Limit: 1})
		return err == nil && len(live) == 0
	})
}

// murder is a store that several processes work on, all but the last of which are killed.
type murder struct {
	*testing.T
	dir   string
	store *sqlite.Store
	tries int
}

func newMurder(t *testing.T, inputs ...map[string]any) *murder {
	m := &murder{T: t, dir: t.TempDir()}
	var err error
	if m.store, err = sqlite.Open(filepath.Join(m.dir, "runs.db"), sqlite.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.store.Close() })
	d := journal.Definition{Hash: "h", Workflow: "order", Main: "order.wf", Files: map[string][]byte{"order.wf": []byte(shop)}}
	g, err := compileShop(d)
	if err != nil {
		t.Fatal(err)
	}
	if d.Graph, err = g.Hash(); err != nil {
		t.Fatal(err)
	}
	for i, input := range inputs {
		run := journal.Run{ID: fmt.Sprintf("r%d", i), Workflow: "order", Definition: "h", Seed: uint64(i), Start: time.Now()}
		if _, err := durable.Create(t.Context(), m.store, nil, d, g, run, input); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// worker is a process that dies, or pauses, at a moment; 0: never.
func (m *murder) worker(at int, env ...string) (cmd *exec.Cmd, out *bytes.Buffer) {
	m.Helper()
	m.tries++
	self, err := os.Executable()
	if err != nil {
		m.Fatal(err)
	}
	cmd, out = exec.Command(self), &bytes.Buffer{}
	cmd.Env = append(os.Environ(), "WF_KILL_DIR="+m.dir, fmt.Sprintf("WF_KILL_AT=%d", at), fmt.Sprintf("WF_KILL_NAME=w%d", m.tries))
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout, cmd.Stderr = out, out
	return cmd, out
}

// process starts a worker that dies at a moment; 0: never. It reports whether it died.
func (m *murder) process(at int) (died bool) {
	m.Helper()
	answered := m.answered()
	before := len(m.diary())
	cmd, out := m.worker(at)
	err := cmd.Run()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); err != nil && (!ok || status.Signal() != syscall.SIGKILL) {
		m.Fatalf("worker %d ends with %v\n%s", m.tries, err, out.String())
	}
	made := map[string]bool{}
	for _, line := range m.diary()[before:] {
		call := strings.Join(strings.Fields(line)[:2], " ")
		switch {
		case answered[call]:
			m.Errorf("worker %d called %s, which had been answered", m.tries, call)
		case made[call]:
			m.Errorf("worker %d called %s twice, and did not die in between", m.tries, call)
		}
		made[call] = true
	}
	return err != nil
}

// diary is what services were asked, a line for each call. One that a kill has torn is none.
func (m *murder) diary() []string {
	text, err := os.ReadFile(filepath.Join(m.dir, "diary"))
	if err != nil && !os.IsNotExist(err) {
		m.Fatal(err)
	}
	return slices.DeleteFunc(strings.Split(string(text), "\n"), func(line string) bool { return !strings.HasSuffix(line, " .") })
}

// answered are the calls whose answers are in the store: "run place#attempt".
func (m *murder) answered() map[string]bool {
	out := map[string]bool{}
	runs, err := m.store.List(m.Context(), journal.Filter{})
	if err != nil {
		m.Fatal(err)
	}
	for _, r := range runs {
		events, err := m.store.Events(m.Context(), r.ID)
		if err != nil {
			m.Fatal(err)
		}
		for _, b := range events {
			ev, err := journal.Decode(b)
			if err != nil {
				m.Fatal(err)
			}
			if ev, ok := ev.(machine.CallReturned); ok {
				out[r.ID+" "+ev.ID.String()] = true
			}
		}
	}
	return out
}

// keys holds that a call is made again with its old key, and that none was made of which
// the store does not know; it returns how often calls were made again.
func (m *murder) keys() (again int) {
	first := map[string]string{}
	answered := m.answered()
	for _, line := range m.diary() {
		f := strings.Fields(line)
		call, key := f[0]+" "+f[1], f[3]
		if !answered[call] {
			m.Errorf("%s was called, and the run has never heard of it", call)
		}
		if old, known := first[call]; known {
			again++
			if old != key {
				m.Errorf("%s was called with %s and with %s", call, old, key)
			}
		}
		first[call] = key
	}
	return again
}

// outcomes are the states and outputs of the runs.
func (m *murder) outcomes() map[string]string {
	out := map[string]string{}
	runs, err := m.store.List(m.Context(), journal.Filter{})
	if err != nil {
		m.Fatal(err)
	}
	for _, r := range runs {
		out[r.ID] = fmt.Sprintf("%s %s %s", r.State, r.Code, r.Output)
	}
	return out
}

func order(cents int, skus ...any) map[string]any {
	return map[string]any{"skus": skus, "cents": cents}
}

// TestKill kills workers with SIGKILL at every moment of a run that pays and of one that
// does not: before and after each write, before and after each effect.
func TestKill(t *testing.T) {
	for name, input := range map[string]map[string]any{"completed": order(500, "a", "bb", "ccc"), "compensated": order(13, "a", "bb")} {
		t.Run(name, func(t *testing.T) {
			whole := newMurder(t, input)
			if whole.process(0) {
				t.Fatal("it died by itself")
			}
			want := whole.outcomes()
			if !strings.HasPrefix(want["r0"], name) {
				t.Fatalf("without a kill the run ends %s", want["r0"])
			}
			stride := 1
			if testing.Short() {
				stride = 9
			}
			for at := 1; ; at += stride {
				m := newMurder(t, input)
				died := m.process(at)
				if !died {
					break
				}
				m.process(0)
				if d := cmp.Diff(want, m.outcomes()); d != "" {
					t.Errorf("killed at moment %d, it ends otherwise (-want +got)\n%s", at, d)
				}
				if again := m.keys(); again > len(input["skus"].([]any)) {
					t.Errorf("killed at moment %d, %d calls were made again", at, again)
				}
			}
		})
	}
}

// TestKillAgainAndAgain kills workers that have many runs at random moments, one after the
// other. WF_SOAK=1000 does so a thousand times.
func TestKillAgainAndAgain(t *testing.T) {
	kills := 5
	if s := os.Getenv("WF_SOAK"); s != "" {
		var err error
		if kills, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for kills > 0 {
		var inputs []map[string]any
		for i := range 12 {
			inputs = append(inputs, order(13+i%3, "a", "bb", "ccc", "dddd"))
		}
		m := newMurder(t, inputs...)
		for m.process(1 + rng.IntN(120)) {
			kills--
		}
		for id, outcome := range m.outcomes() {
			want := `completed  {"held":[1,2,3,4],"paid":` + fmt.Sprint(inputs[id[1]-'0']["cents"]) + `}`
			if len(id) > 2 {
				n, _ := strconv.Atoi(id[1:])
				want = `completed  {"held":[1,2,3,4],"paid":` + fmt.Sprint(inputs[n]["cents"]) + `}`
			}
			if strings.Contains(want, `"paid":13}`) {
				want = "compensated NO_MONEY "
			}
			if outcome != want {
				t.Errorf("run %s ends %q, not %q", id, outcome, want)
			}
		}
		if again, most := m.keys(), (m.tries-1)*12*4; again > most { // each death leaves at most four calls of each run in doubt
			t.Errorf("%d calls were made again by %d workers, which is more than were in doubt", again, m.tries)
		}
	}
}
