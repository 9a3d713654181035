package main

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"wf/lang"
	"wf/lang/value"
)

// TestServicesReadAsTheyPrint reads what wf services prints, and finds the signatures
// that are registered.
func TestServicesReadAsTheyPrint(t *testing.T) {
	r := services(1)
	for _, service := range r.Services() {
		if service == value.HandlerService {
			continue
		}
		status, text, _ := invoke("", "services", service)
		if status != exitFine {
			t.Fatalf("%s: status %d", service, status)
		}
		p, problems := lang.Load(fstest.MapFS{"s.wf": {Data: []byte(text)}}, "s.wf", lang.Options{})
		if problems.HasErrors() {
			t.Errorf("%s: %v\n%s", service, problems, text)
			continue
		}
		read := map[string]*value.Signature{}
		for _, sig := range p.Services[0].Operations {
			read[sig.Operation] = sig
		}
		for _, op := range r.Operations(service) {
			want, err := json.Marshal(signatureObject(r.Signature(service, op)))
			if err != nil {
				t.Fatal(err)
			}
			got := []byte("nothing")
			if read[op] != nil {
				if got, err = json.Marshal(signatureObject(read[op])); err != nil {
					t.Fatal(err)
				}
			}
			if string(got) != string(want) {
				t.Errorf("%s.%s reads as\n%s\nwant\n%s", service, op, got, want)
			}
		}
		for _, line := range strings.Split(text, "\n") {
			if columnsOf(line) > maxLine+20 {
				t.Errorf("%s: a line is too long to be read: %s", service, line)
			}
		}
	}
}
