package remote_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wf/builtins"
	"wf/builtins/remote"
	"wf/lang/value"
)

// shop answers as a path says, and keeps what it was asked.
type shop struct {
	asked []string
	body  func(w http.ResponseWriter)
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	line := fmt.Sprintf("%s %s key=%s correlation=%s", r.Method, r.RequestURI, r.Header.Get("Idempotency-Key"), r.Header.Get("X-Correlation-Id"))
	if a := r.Header.Get("Authorization"); a != "" {
		line += " authorization=" + a
	}
	if len(text) > 0 {
		line += " " + r.Header.Get("Content-Type") + " " + string(text)
	}
	s.asked = append(s.asked, line)
	if s.body != nil {
		s.body(w)
	}
}

func serve(t *testing.T, s *shop, path string) (remote.Address, *remote.Services) {
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	at, err := remote.ParseAddress(server.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	return at, &remote.Services{At: func(service string) (remote.Address, bool) { return at, service == "shop" }}
}

func call(ctx context.Context, s *remote.Services, method, path string, input *value.Type, args map[string]any) (builtins.Answer, error) {
	op, ok := s.Lookup("shop", "op")
	if !ok {
		return builtins.Answer{}, fmt.Errorf("nobody answers")
	}
	sig := &value.Signature{Service: "shop", Operation: "op", Input: input, Route: &value.Route{Method: method, Path: path}}
	return op.Func(ctx, builtins.Call{Service: "shop", Operation: "op", Sig: sig, Args: args, Key: "run_1:a", CorrelationID: "c 1"})
}

func record(names ...string) *value.Type {
	t := &value.Type{Kind: value.Record}
	for _, n := range names {
		t.Fields = append(t.Fields, &value.Field{Name: n, Type: value.TAny, Optional: true})
	}
	return t
}

// TestRequest: where arguments go.
func TestRequest(t *testing.T) {
	type m = map[string]any
	for _, c := range []struct {
		base, method, path string
		input              *value.Type
		args               m
		want               string
	}{
		{"", "GET", "/items/{sku}", record("sku"), m{"sku": "a/b ä?"}, "GET /items/a%2Fb%20%C3%A4%3F"},
		{"/v1/", "GET", "/items/{sku}", record("sku", "tags", "n", "f", "box", "none"), m{"sku": "a", "tags": []any{"x", "y"}, "n": 3, "f": 2.5, "box": m{"w": 1}, "none": nil},
			"GET /v1/items/a?box=%7B%22w%22%3A1%7D&f=2.5&n=3&tags=x&tags=y"},
		{"/a%20b", "DELETE", "/items/{id}", record("id", "why"), m{"id": 7, "why": "old & broken"}, "DELETE /a%20b/items/7?why=old+%26+broken"},
		{"", "GET", "/up/{name}/x", record("name"), m{"name": ".."}, "GET /up/%2E%2E/x"},
		{"", "POST", "/orders", record("sku", "count"), m{"sku": "a", "count": 2}, `POST /orders application/json {"count":2,"sku":"a"}`},
		{"", "POST", "/orders", record("note"), m{}, "POST /orders application/json {}"},
		{"", "PUT", "/orders/{id}/ship", record("id", "express"), m{"id": 7, "express": true}, `PUT /orders/7/ship application/json {"express":true}`},
		{"", "POST", "/orders/{id}/pay", record("id"), m{"id": 7}, "POST /orders/7/pay"},
	} {
		s := &shop{}
		_, services := serve(t, s, c.base)
		if _, err := call(t.Context(), services, c.method, c.path, c.input, c.args); err != nil {
			t.Errorf("%s %s: %v", c.method, c.path, err)
			continue
		}
		got := strings.Replace(s.asked[0], " key=run_1:a correlation=c 1", "", 1)
		if got != c.want {
			t.Errorf("asked\n%s, want\n%s", got, c.want)
		}
	}
}

// TestAnswer: what becomes of answers.
func TestAnswer(t *testing.T) {
	type m = map[string]any
	write := func(status int, contentType, body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header()["Date"] = nil
			if w.Header()["Content-Type"] = nil; contentType != "" {
				w.Header().Set("Content-Type", contentType)
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			w.Header().Add("Set-Cookie", "session=secret")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for _, c := range []struct {
		status         int
		contentType, s string
		want           builtins.Answer
	}{
		{200, "application/json; charset=utf-8", `{"id": 7, "price": 2.0}`, builtins.Answer{Status: 200, Body: m{"id": 7, "price": 2.0}}},
		{422, "application/problem+json", `{"title": "no"}`, builtins.Answer{Status: 422, Body: m{"title": "no"}}},
		{204, "", "", builtins.Answer{Status: 204}},
		{200, "", `[1]`, builtins.Answer{Status: 200, Body: []any{1}}},
		{200, "", `hello`, builtins.Answer{Status: 200, Body: "hello"}},
		{503, "text/html", `<h1>busy</h1>`, builtins.Answer{Status: 503, Body: "<h1>busy</h1>"}},
		{200, "text/plain", "caf\xe9", builtins.Answer{Status: 200, Body: "caf\uFFFD"}},
		{200, "application/json", `{"id": `, builtins.Answer{Class: value.Malformed, Body: "200: the body is no JSON: the text ends in the middle"}},
		{200, "text/plain", strings.Repeat("x", remote.MaxBody+1), builtins.Answer{Class: value.Malformed, Body: "200: the body is larger than 16 MB"}},
	} {
		s := &shop{body: write(c.status, c.contentType, c.s)}
		_, services := serve(t, s, "")
		got, err := call(t.Context(), services, "POST", "/x", record(), nil)
		if err != nil {
			t.Errorf("%d %s: %v", c.status, c.contentType, err)
			continue
		}
		if got.Headers["set-cookie"] != "" || c.contentType != "" && got.Headers["content-type"] != c.contentType {
			t.Errorf("headers %v", got.Headers)
		}
		got.Headers = nil
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%d %.20q (-want +got)\n%s", c.status, c.s, d)
		}
	}
}

// TestUnreachable: no answer is an error, which tells nothing that was asked.
func TestUnreachable(t *testing.T) {
	s := &shop{body: func(w http.ResponseWriter) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			conn.Close()
		}
	}}
	_, services := serve(t, s, "")
	if _, err := call(t.Context(), services, "GET", "/x", record("token"), map[string]any{"token": "sesame"}); err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("a connection that breaks is %v", err)
	}
	_, services = serve(t, &shop{body: func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "{")
	}}, "")
	if _, err := call(t.Context(), services, "GET", "/x", record(), nil); err == nil || !strings.HasPrefix(err.Error(), "the answer broke off") {
		t.Errorf("an answer that breaks off is %v", err)
	}
	if _, err := call(t.Context(), services, "GET", "/x/{sku}", record("sku"), map[string]any{"sku": ""}); err == nil || err.Error() != "the path needs sku, which is empty" {
		t.Errorf("an empty part of a path is %v", err)
	}
	op, _ := services.Lookup("shop", "op")
	if _, err := op.Func(t.Context(), builtins.Call{Service: "shop", Operation: "op", Sig: &value.Signature{}}); err == nil {
		t.Error("an operation without a route is called")
	}
	if _, ok := services.Lookup("bank", "op"); ok {
		t.Error("a service without an address is answered for")
	}
}

// TestGivenUp: a call ends with its context, though the service never answers.
func TestGivenUp(t *testing.T) {
	begun, end := make(chan bool), make(chan bool)
	s := &shop{body: func(http.ResponseWriter) {
		close(begun)
		<-end
	}}
	_, services := serve(t, s, "")
	defer close(end)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := call(ctx, services, "POST", "/x", record(), nil)
		done <- err
	}()
	<-begun
	cancel()
	select {
	case err := <-done:
		if err == nil {
			t.Error("it is answered")
		}
	case <-time.After(time.Minute):
		t.Error("it goes on")
	}
}

// TestHeaders: what identifies a request, also where a header could not hold it as it is.
func TestHeaders(t *testing.T) {
	s := &shop{}
	at, _ := serve(t, s, "")
	at.Authorization = "Bearer t"
	services := &remote.Services{At: func(string) (remote.Address, bool) { return at, true }}
	op, _ := services.Lookup("shop", "op")
	sig := &value.Signature{Input: record(), Route: &value.Route{Method: "POST", Path: "/x"}}
	if _, err := op.Func(t.Context(), builtins.Call{Sig: sig, Key: "größe\n1", CorrelationID: "c"}); err != nil {
		t.Fatal(err)
	}
	want := "POST /x key=gr%C3%B6%C3%9Fe%0A1 correlation=c authorization=Bearer t"
	if s.asked[0] != want {
		t.Errorf("asked %s, want %s", s.asked[0], want)
	}
}

func TestParseAddress(t *testing.T) {
	for _, bad := range []string{"", "shop", "ftp://shop", "http://", "http://shop?x=1", "http://shop#x", "http://[", "://"} {
		if at, err := remote.ParseAddress(bad); err == nil {
			t.Errorf("%q is taken for %v", bad, at.Base)
		}
	}
	at, err := remote.ParseAddress("https://u:p@shop:8080/v1")
	if err != nil || at.Base.User.String() != url.UserPassword("u", "p").String() {
		t.Errorf("%v %v", at, err)
	}
}
