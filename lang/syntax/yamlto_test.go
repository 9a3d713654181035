package syntax

import (
	"reflect"
	"testing"
)

// TestEveryStatementHasAForm holds that the writer of YAML knows every statement of
// workflows.
func TestEveryStatementHasAForm(t *testing.T) {
	rules := reflect.TypeFor[rules]()
	n := 0
	for i := range rules.NumField() {
		st, ok := reflect.New(rules.Field(i).Type.Elem()).Interface().(Stmt)
		if !ok {
			continue
		}
		n++
		c := &toYAML{}
		if c.known(st); len(c.problems) > 0 {
			t.Errorf("%T has no form in YAML: write it in yamlto.go, read it in yamlstmt.go (%v)", st, c.problems)
		}
	}
	if n < 20 {
		t.Errorf("%d statements?", n)
	}
}
