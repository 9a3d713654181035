package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
)

// TestLSP holds a short session with the program itself.
func TestLSP(t *testing.T) {
	status, out, errs := session(t, true)
	if status != exitFine || errs != "" {
		t.Errorf("status %d\n%s", status, errs)
	}
	for _, want := range []string{`"completionProvider"`, `"name":"wf"`, `textDocument/publishDiagnostics`, `service payments has no operation nothing`} {
		if !strings.Contains(out, want) {
			t.Errorf("the answers lack %s:\n%s", want, out)
		}
	}
	if status, _, errs := session(t, false); status != exitFailed || errs != "wf: the editor sent exit without shutdown\n" {
		t.Errorf("exit without shutdown: status %d\n%s", status, errs)
	}
	if status, _, errs := invoke("", "lsp"); status != exitFine || errs != "" {
		t.Errorf("an editor that goes away: status %d\n%s", status, errs)
	}
	if status, _, errs := invoke("what?\r\n\r\n", "lsp"); status != exitFailed || errs == "" {
		t.Errorf("something else than the protocol: status %d\n%s", status, errs)
	}
}

// session opens a document, and ends as an editor does. The streams stay open all the time.
func session(t *testing.T, shutdown bool) (status int, answers, errs string) {
	in, editor := io.Pipe()
	answer, out := io.Pipe()
	send := func(format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		if _, err := fmt.Fprintf(editor, "Content-Length: %d\r\n\r\n%s", len(text), text); err != nil {
			t.Error(err)
		}
	}
	var all bytes.Buffer
	read := func(until string) {
		for part := make([]byte, 1<<16); !strings.Contains(all.String(), until); {
			n, err := answer.Read(part)
			if err != nil {
				t.Errorf("no %s: %v", until, err)
				return
			}
			all.Write(part[:n])
		}
	}
	var stderr bytes.Buffer
	done := make(chan int)
	go func() {
		done <- run(&env{args: []string{"lsp", "--stdio"}, stdin: in, stdout: out, stderr: &stderr})
	}()
	send(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"processId":null,"rootUri":null,"capabilities":{}}}`)
	read(`"id":1`)
	send(`{"jsonrpc":"2.0","method":"initialized","params":{}}`)
	for _, other := range []string{`"$/setTrace","params":{"value":"off"}`, `"workspace/didChangeConfiguration","params":{"settings":null}`, `"textDocument/didSave","params":{"textDocument":{"uri":"file:///x"}}`,
		`"nobody/knows","params":[1]`, `"textDocument/didChange","params":{"textDocument":{"uri":"file:///never/opened.wf","version":1},"contentChanges":[]}`, `"$/cancelRequest","params":{"id":{}}`, `"textDocument/didOpen","params":7`} {
		send(`{"jsonrpc":"2.0","method":%s}`, other) // none of it ends the session
	}
	send(`{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"file:///nowhere/a.wf","languageId":"wf","version":1,"text":%q}}}`,
		"workflow w { step a { call payments.nothing }, output a }")
	read(`publishDiagnostics`)
	if shutdown {
		send(`{"jsonrpc":"2.0","id":2,"method":"shutdown"}`)
		read(`"id":2`)
	}
	send(`{"jsonrpc":"2.0","method":"exit"}`)
	status = <-done
	return status, all.String(), stderr.String()
}
