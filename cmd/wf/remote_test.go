package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const remoteOrder = `
service shop {
  5xx
  permanent 409
  operation find idempotent {
    http GET "/items/{sku}"
    input { sku string, colour? string }
    200 { id int }
    404
  }
  operation order {
    http POST "/orders"
    input { id int, card secret string }
    201 { order string }
    409
  }
}
workflow order {
  input { sku string, card secret string, correlation_id? string }
  retry 3 attempts, backoff 1ms
  timeout 1m
  step look {
    call shop.find { sku: input.sku, colour: "red" }
    on 404 { fail NO_SUCH_ARTICLE }
  }
  step buy { call shop.order { id: look.id, card: input.card } }
  output { order: buy.order }
}
`

// httpShop is a shop whose first order fails.
type httpShop struct {
	mu    sync.Mutex
	asked []string
}

func (s *httpShop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	s.asked = append(s.asked, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", r.Method, r.RequestURI, r.Header.Get("Idempotency-Key"), r.Header.Get("X-Correlation-Id"), body)))
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.Method == "GET" && strings.HasSuffix(r.URL.Path, "/rug"):
		w.WriteHeader(404)
	case r.Method == "GET":
		fmt.Fprint(w, `{"id": 7, "more": true}`)
	case len(s.asked) == 2:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(503)
		fmt.Fprint(w, "<h1>busy</h1>")
	default:
		w.WriteHeader(201)
		fmt.Fprintf(w, `{"order": "o-%d"}`, len(s.asked))
	}
}

// TestRemote: runs call real services over HTTP, with keys and ids, kept in a store or not.
func TestRemote(t *testing.T) {
	dir := t.TempDir()
	file, store := filepath.Join(dir, "order.wf"), filepath.Join(dir, "runs.db")
	if err := os.WriteFile(file, []byte(remoteOrder), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv(keyVariable, strings.Repeat("0f", 32))
	shop := &httpShop{}
	server := httptest.NewServer(shop)
	defer server.Close()
	where := "shop=" + server.URL + "/v1"
	status, out, stderr := invoke("", "run", file, "--set", "sku=lamp", "--set", "card=4242", "--set", "correlation_id=c-1", "--store", store, "--id", "r1", "--service", where)
	if status != 0 || !strings.Contains(out, `"order": "o-3"`) {
		t.Fatalf("status %d\n%s%s", status, out, stderr)
	}
	want := []string{
		"GET /v1/items/lamp?colour=red r1:look c-1",
		`POST /v1/orders r1:buy c-1 {"card":"4242","id":7}`,
		`POST /v1/orders r1:buy c-1 {"card":"4242","id":7}`,
	}
	if got := strings.Join(shop.asked, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("asked\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if status, out, _ = invoke("", "show", "r1", "--store", store, "--trace"); status != 0 || strings.Contains(out, "4242") || !strings.Contains(out, `answer 503 "<h1>busy</h1>"`) {
		t.Errorf("status %d\n%s", status, out)
	}

	t.Setenv("WF_SERVICE_SHOP_URL", server.URL)
	if status, _, stderr = invoke("", "run", file, "--set", "sku=rug", "--set", "card=1"); status != 1 || !strings.Contains(stderr, "NO_SUCH_ARTICLE") {
		t.Errorf("by the environment: status %d\n%s", status, stderr)
	}
	if status, _, stderr = invoke("", "start", file, "--set", "sku=lamp", "--set", "card=1", "--store", store, "--id", "r2"); status != 0 {
		t.Errorf("status %d\n%s", status, stderr)
	}
	if status, _, stderr = invoke("", "resume", "--store", store); status != 0 || !strings.Contains(stderr, "r2  order  completed") {
		t.Errorf("resumed: status %d\n%s", status, stderr)
	}
	server.Close()
	if status, _, stderr = invoke("", "run", file, "--set", "sku=lamp", "--set", "card=1"); status != 1 || !strings.Contains(stderr, "UNREACHABLE") {
		t.Errorf("nobody is there: status %d\n%s", status, stderr)
	}
}

// TestRemoteMistakes: what is wrong with an address is told before anything runs.
func TestRemoteMistakes(t *testing.T) {
	dir := t.TempDir()
	file, plain := filepath.Join(dir, "order.wf"), filepath.Join(dir, "plain.wf")
	mocks := filepath.Join(dir, "mocks.wf")
	for name, text := range map[string]string{file: remoteOrder, plain: strings.ReplaceAll(remoteOrder, `http GET "/items/{sku}"`, ""),
		mocks: "import \"order.wf\"\nmock shop { operation find { 200 { id: 1 } }, operation order { 201 { order: \"mocked\" } } }\n"} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	set := []string{"--set", "sku=lamp", "--set", "card=1"}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"run", file, "--service", "shop"}, "wf: --service shop: this is no address of a service: it begins with http:// or https://"},
		{[]string{"run", file, "--service", "shop=http://x?y=1"}, "it has no ? and no #"},
		{[]string{"run", file, "--service", "shpo=http://localhost:1"}, "wf: --service shpo: order calls no service of that name\n  hint: did you mean shop?"},
		{[]string{"run", plain, "--service", "shop=http://localhost:1"}, "wf: shop.find cannot be called over HTTP: it does not say how\n  hint: add to the operation: http POST \"/…\""},
		{[]string{"run", file, "--service", "shop=http://localhost:1", "--virtual"}, "wf: --service calls real services, and a run with --virtual calls nobody"},
	} {
		if status, out, stderr := invoke("", append(c.args, set...)...); status != exitWrong || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: status %d\n%s%s\nwant\n%s", c.args, status, out, stderr, c.want)
		}
	}
	t.Setenv("WF_SERVICE_SHOP_URL", "nowhere")
	if status, _, stderr := invoke("", append([]string{"run", file}, set...)...); status != exitWrong || !strings.Contains(stderr, "WF_SERVICE_SHOP_URL: this is no address") {
		t.Errorf("status %d\n%s", status, stderr)
	}
	t.Setenv("WF_SERVICE_SHOP_URL", "http://localhost:1")
	if status, out, stderr := invoke("", append([]string{"run", file, "--mocks", mocks}, set...)...); status != 0 || !strings.Contains(out, "mocked") {
		t.Errorf("mocks come before the environment: status %d\n%s%s", status, out, stderr)
	}
}
