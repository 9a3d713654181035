package mocks

import (
	"context"
	"path"
	"strings"
	"sync"

	"wf/builtins"
	"wf/lang"
	"wf/lang/value"
	"wf/workflows"
)

// written lists the operations that workflows/mocks mocks in the language itself, by
// file. They are named here so that a registry need not read a file for a run that
// calls none of them.
var written = []struct {
	file       string
	operations []string
}{
	{"mocks/warehouse.wf", []string{"oms.export_orders", "wms.export_stock", "crm.export_customers", "analyst.compare", "dwh.start_load", "dwh.get_load", "chat.post"}},
}

// registerWritten adds the services of workflows/mocks. The state of a file is made when
// one of its operations is first called.
func registerWritten(r *builtins.Registry) {
	for _, w := range written {
		stage := sync.OnceValue(func() *Stage { return stageOf(w.file) })
		for _, name := range w.operations {
			service, operation, _ := strings.Cut(name, ".")
			sig := func() *value.Signature { return signatures()[name] }
			must(r.Declare(service, operation, sig, func(ctx context.Context, c builtins.Call) (builtins.Answer, error) {
				op, _ := stage().Lookup(service, operation)
				return op.Func(ctx, c)
			}))
		}
	}
}

// stageOf sets up the mocks of an embedded file, with the rows that the file puts.
func stageOf(file string) *Stage {
	p, problems := lang.Load(workflows.FS, path.Clean(file), lang.Options{})
	must(problems.Err())
	names, err := Names(p.Suite)
	must(err)
	s := NewStage(p.Suite, names, nil)
	for _, put := range p.Suite.Puts {
		must(s.Put(put, names))
	}
	return s
}
