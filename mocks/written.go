package mocks

import (
	"path"
	"sync"

	"wf/lang"
	"wf/lang/suite"
	"wf/workflows"
)

// written lists the operations that workflows/mocks mocks in the language itself, by
// file. They are named here so that a registry need not read a file for a run that
// calls none of them.
var written = []struct {
	file       string
	operations []string
}{
	{"mocks/expenses.wf", []string{"messenger.post", "ledger.pay"}},
	{"mocks/warehouse.wf", []string{"oms.export_orders", "wms.export_stock", "crm.export_customers", "analyst.compare", "dwh.start_load", "dwh.get_load", "chat.post"}},
}

// stage is the state of a file of workflows/mocks, made when one of its operations is
// first called.
func (w *World) stage(file string) *Stage {
	w.writing.Lock()
	defer w.writing.Unlock()
	if w.stages[file] == nil {
		if w.stages == nil {
			w.stages = map[string]*Stage{}
		}
		w.stages[file] = newStageOf(programs()[file]())
	}
	return w.stages[file]
}

// programs reads a file of workflows/mocks once, whatever the number of worlds.
var programs = sync.OnceValue(func() map[string]func() *suite.Suite {
	out := map[string]func() *suite.Suite{}
	for _, w := range written {
		out[w.file] = sync.OnceValue(func() *suite.Suite {
			p, problems := lang.Load(workflows.FS, path.Clean(w.file), lang.Options{})
			must(problems.Err())
			return p.Suite
		})
	}
	return out
})

// newStageOf sets up mocks with the rows that their file puts.
func newStageOf(s *suite.Suite) *Stage {
	names, err := Names(s)
	must(err)
	stage := NewStage(s, names, nil)
	for _, put := range s.Puts {
		must(stage.Put(put, names))
	}
	return stage
}
