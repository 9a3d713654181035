// Package remote calls services over HTTP: what a definition says of an operation (its
// route, §4.5 of SPEC.md) and the address of its service are all it takes.
//
// A [Services] is put before other builtins.Services: it answers for the services whose
// addresses it knows, and leaves the others to them. It neither retries nor judges: what
// becomes of an answer is for the run to decide. Redirects, proxies and TLS are as net/http
// does them.
package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"wf/builtins"
	"wf/lang/value"
)

// MaxBody is how many bytes of an answer are read. A longer one is malformed.
const MaxBody = 16 << 20

// Headers that a request has beside those of its body. The first is known to services that
// do a request once however often it is made; see
// https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header.
const (
	KeyHeader         = "Idempotency-Key"
	CorrelationHeader = "X-Correlation-Id"
)

// Address is where a service is.
type Address struct {
	Base          *url.URL
	Authorization string // header of every request; "": none, or what Base says (user:password@)
}

// ParseAddress reads the address of a service.
func ParseAddress(text string) (Address, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return Address{}, errors.New("it is no URL") // whose text may hold a password
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return Address{}, errors.New("it begins with http:// or https:// and the name of a host")
	case u.RawQuery != "" || u.Fragment != "":
		return Address{}, errors.New("it has no ? and no #: the operations add their paths to it")
	}
	return Address{Base: u}, nil
}

// Services answers for services whose addresses it knows.
type Services struct {
	At     func(service string) (Address, bool)
	Client *http.Client      // nil: http.DefaultClient
	Below  builtins.Services // answers for the others; nil: nobody does
}

// Lookup finds an operation.
func (s *Services) Lookup(service, operation string) (*builtins.Operation, bool) {
	if at, ok := s.At(service); ok {
		return &builtins.Operation{Func: func(ctx context.Context, c builtins.Call) (builtins.Answer, error) { return s.call(ctx, at, c) }}, true
	}
	if s.Below == nil {
		return nil, false
	}
	return s.Below.Lookup(service, operation)
}

// call makes one attempt. Its time is bounded by the context alone.
func (s *Services) call(ctx context.Context, at Address, c builtins.Call) (builtins.Answer, error) {
	req, err := request(ctx, at, c)
	if err != nil {
		return builtins.Answer{}, err
	}
	client := s.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return builtins.Answer{}, plain(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody+1))
	if err != nil {
		return builtins.Answer{}, fmt.Errorf("the answer broke off: %w", plain(err))
	}
	a := builtins.Answer{Status: resp.StatusCode, Headers: headers(resp.Header)}
	if len(text) > MaxBody {
		return malformed(a, fmt.Sprintf("the body is larger than %d MB", MaxBody>>20)), nil
	}
	if a.Body, err = body(resp.Header.Get("Content-Type"), text); err != nil {
		return malformed(a, err.Error()), nil
	}
	return a, nil
}

func malformed(a builtins.Answer, why string) builtins.Answer {
	return builtins.Answer{Class: value.Malformed, Headers: a.Headers, Body: fmt.Sprintf("%d: %s", a.Status, why)}
}

// plain is an error without the URL, in which arguments stand.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// request says a call in HTTP: arguments that the path names stand there, the others in the
// query of a GET, HEAD or DELETE, and in a JSON body else.
func request(ctx context.Context, at Address, c builtins.Call) (*http.Request, error) {
	if c.Sig == nil || c.Sig.Route == nil {
		return nil, fmt.Errorf("%s.%s says no http route, so it cannot be called over HTTP", c.Service, c.Operation)
	}
	route := c.Sig.Route
	path, named, err := fill(route.Path, c.Args)
	if err != nil {
		return nil, err
	}
	u := *at.Base
	u.Path, u.RawPath = "", "" // what is escaped stays so
	target := strings.TrimSuffix(u.String(), "/") + strings.TrimSuffix(at.Base.EscapedPath(), "/") + path
	rest := map[string]any{}
	for name, v := range c.Args {
		if !slices.Contains(named, name) && v != nil {
			rest[name] = v
		}
	}
	var text []byte
	switch route.Method {
	case http.MethodGet, http.MethodHead, http.MethodDelete:
		q, err := query(rest)
		if err != nil {
			return nil, err
		}
		if q != "" {
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
			target += sep + q
		}
	default:
		if len(c.Sig.Input.Fields) > len(named) || c.Sig.Input.Open {
			if text, err = value.EncodeJSON(rest, ""); err != nil {
				return nil, err
			}
		}
	}
	req, err := http.NewRequestWithContext(ctx, route.Method, target, bytes.NewReader(text))
	if err != nil {
		return nil, plain(err)
	}
	if text != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set(KeyHeader, headerText(c.Key))
	req.Header.Set(CorrelationHeader, headerText(c.CorrelationID))
	if at.Authorization != "" {
		req.Header.Set("Authorization", at.Authorization)
	}
	return req, nil
}

// fill puts arguments into a path, and says which.
func fill(path string, args map[string]any) (out string, named []string, err error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(path, "{")
		b.WriteString(before)
		if !found {
			return b.String(), named, nil
		}
		name, after, _ := strings.Cut(rest, "}")
		text, err := scalar(args[name])
		if err != nil || text == "" {
			return "", nil, fmt.Errorf("the path needs %s, which is empty", name)
		}
		text = url.PathEscape(text)
		if strings.Trim(text, ".") == "" { // a name of a folder, for whoever reads it
			text = strings.ReplaceAll(text, ".", "%2E")
		}
		b.WriteString(text)
		named, path = append(named, name), after
	}
}

// scalar spells a single value.
func scalar(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	}
	text, err := value.EncodeJSON(v, "")
	return string(text), err
}

// query spells arguments behind a path: a list as one of each element, sorted by name.
func query(args map[string]any) (string, error) {
	q := url.Values{}
	for name, v := range args {
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for _, e := range list {
			text, err := scalar(e)
			if err != nil {
				return "", err
			}
			q.Add(name, text)
		}
	}
	return q.Encode(), nil
}

// headerText is a text as a header can hold it.
func headerText(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return url.PathEscape(s)
		}
	}
	return s
}

// headers are those of an answer, but for cookies, which are somebody's secret.
func headers(h http.Header) map[string]string {
	out := make(map[string]string, len(h))
	for name, list := range h {
		if name != "Set-Cookie" {
			out[strings.ToLower(name)] = strings.ToValidUTF8(strings.Join(list, ", "), "\uFFFD")
		}
	}
	return out
}

// body is what an answer says: JSON, or a text if it says to be something else; nil if there
// is nothing.
func body(contentType string, text []byte) (any, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	kind, _, err := mime.ParseMediaType(contentType)
	json := err != nil || kind == "application/json" || strings.HasSuffix(kind, "+json")
	if json {
		v, err := value.DecodeJSON(text)
		if err == nil {
			return v, nil
		}
		if contentType != "" {
			return nil, fmt.Errorf("the body is no JSON: %w", err)
		}
	}
	return strings.ToValidUTF8(string(text), "\uFFFD"), nil
}
