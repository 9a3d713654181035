package main

import (
	"os"
	"slices"
	"strings"

	"wf/builtins"
	"wf/builtins/remote"
	"wf/lang/diag"
	"wf/lang/graph"
)

// remotes says where real services are.
type remotes struct {
	Service []string `help:"Call a service over HTTP, as its operations say (http), at this address: shop=https://shop.example/v1. Else at that in WF_SERVICE_SHOP_URL; with the header Authorization in WF_SERVICE_SHOP_AUTHORIZATION." placeholder:"NAME=URL" sep:"none"`
}

// addresses are those of services.
type addresses struct {
	flags, environment map[string]remote.Address // by name; by name in upper case
	mocked             func(service string) bool // by a file of mocks, which comes before the environment; nil: none is
}

// Prefix and ends of the variables of a service.
const (
	variablePrefix  = "WF_SERVICE_"
	urlEnd          = "_URL"
	authorizedByEnd = "_AUTHORIZATION"
)

// addresses reads the flags and the environment.
func (r remotes) addresses() (*addresses, error) {
	out := &addresses{flags: map[string]remote.Address{}, environment: map[string]remote.Address{}}
	add := func(to map[string]remote.Address, name, where, text string) error {
		at, err := remote.ParseAddress(text)
		if err != nil {
			return wrong("%s: this is no address of a service: %v", where, err)
		}
		at.Authorization = os.Getenv(variablePrefix + strings.ToUpper(name) + authorizedByEnd)
		to[name] = at
		return nil
	}
	for _, spec := range r.Service {
		name, text, _ := strings.Cut(spec, "=")
		if err := add(out.flags, name, "--service "+name, text); err != nil {
			return nil, err
		}
	}
	for _, v := range os.Environ() {
		name, text, _ := strings.Cut(v, "=")
		service, found := strings.CutPrefix(name, variablePrefix)
		if service, isURL := strings.CutSuffix(service, urlEnd); found && isURL && text != "" {
			if err := add(out.environment, service, name, text); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// of is the address of a service.
func (a *addresses) of(service string) (remote.Address, bool) {
	if at, ok := a.flags[service]; ok {
		return at, true
	}
	if a.mocked != nil && a.mocked(service) {
		return remote.Address{}, false
	}
	at, ok := a.environment[strings.ToUpper(service)]
	return at, ok
}

// over puts the real services before others.
func (a *addresses) over(below builtins.Services) builtins.Services {
	if len(a.flags) == 0 && len(a.environment) == 0 {
		return below
	}
	return &remote.Services{At: a.of, Below: below}
}

// reachable reports an operation that is to be called over HTTP and does not say how.
func (a *addresses) reachable(g *graph.Graph) error {
	var err error
	g.EachServiceCall(func(c *graph.Call) {
		if _, ok := a.of(c.Sig.Service); ok && c.Sig.Route == nil && err == nil {
			err = wrong("%s cannot be called over HTTP: it does not say how", c.Sig.Name()).hinted(`add to the operation: http POST "/…"`)
		}
	})
	return err
}

// fits reports what is wrong with the addresses for a workflow.
func (a *addresses) fits(g *graph.Graph) error {
	if err := a.reachable(g); err != nil {
		return err
	}
	return a.called(g)
}

// called reports an address of a service that nobody calls.
func (a *addresses) called(g *graph.Graph) error {
	var names []string
	g.EachServiceCall(func(c *graph.Call) { names = append(names, c.Sig.Service) })
	for name := range a.flags {
		if !slices.Contains(names, name) {
			slices.Sort(names)
			x := wrong("--service %s: %s calls no service of that name", name, g.FullName())
			if x.hint = diag.DidYouMean(name, names); x.hint == "" && len(names) > 0 {
				x.hint = "it calls " + strings.Join(slices.Compact(names), ", ")
			}
			return x
		}
	}
	return nil
}
