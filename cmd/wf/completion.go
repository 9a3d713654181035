package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	completion "github.com/posener/complete"
	"github.com/willabides/kongplete"

	"wf/lang"
	"wf/lang/explain"
	"wf/lang/graph"
	"wf/lang/value"
)

type completionCmd struct {
	Shell string `arg:"" help:"bash, zsh or fish." enum:"bash,zsh,fish"`
}

// Help is shown by wf completion --help.
func (completionCmd) Help() string {
	return `The shell asks wf itself for what may come next: commands, flags and their values, definitions,
workflows and fields of their inputs, steps, codes and services.

Examples:
  source <(wf completion bash)                                   # in ~/.bashrc
  source <(wf completion zsh)                                    # in ~/.zshrc
  wf completion fish > ~/.config/fish/completions/wf.fish`
}

// scripts tell each shell to run wf with the line so far in COMP_LINE. Bash replaces
// what stands behind the last colon of a word only, and so must be known.
var scripts = map[string]string{
	"bash": "complete -o filenames -C 'WF_SHELL=bash wf' wf\n",
	"zsh":  "autoload -U +X bashcompinit && bashcompinit\ncomplete -o filenames -C wf wf\n",
	"fish": `function __complete_wf
    set -lx COMP_LINE (commandline -cp)
    test -z (commandline -ct)
    and set COMP_LINE "$COMP_LINE "
    wf
end
complete -f -c wf -a "(__complete_wf)"
`,
}

// Run prints the script.
func (c *completionCmd) Run(e *env) error {
	_, err := io.WriteString(e.stdout, scripts[c.Shell])
	return err
}

// complete answers a shell that asks for completions; false if none does.
func complete(e *env, parser *kong.Kong) bool {
	line, asked := os.LookupEnv("COMP_LINE")
	if !asked {
		return false
	}
	if os.Getenv("WF_SHELL") == "bash" {
		words := strings.Fields(line)
		if last := words[len(words)-1]; strings.HasSuffix(line, last) {
			parser.Stdout = &forBash{parser.Stdout, last[:strings.LastIndexByte(last, ':')+1]}
		}
	}
	definitions := completion.PredictFunc(definitionFiles)
	kongplete.Complete(parser, kongplete.WithExitFunc(func(int) {}), kongplete.WithPredictors(map[string]completion.Predictor{
		"definition": definitions,
		"file":       completion.PredictFiles("*"),
		"explain":    completion.PredictFunc(func(a completion.Args) []string { return append(steps(a), definitions.Predict(a)...) }),
		"service":    completion.PredictFunc(func(completion.Args) []string { return servicesAndOperations() }),
		"workflow":   completion.PredictFunc(func(a completion.Args) []string { return workflowNames(a) }),
		"slip":       completion.PredictSet(slips()...),
		"field":      completion.PredictFunc(func(a completion.Args) []string { return fields(a) }),
	}))
	return true
}

// definitionFiles lists the definitions, and the folders on the way to some.
func definitionFiles(a completion.Args) []string {
	var out []string
	for _, pattern := range []string{"*.wf", "*.yaml", "*.yml"} {
		out = append(out, completion.PredictFiles(pattern).Predict(a)...)
	}
	out = slices.DeleteFunc(out, func(name string) bool { return name == "./" || name == a.Last })
	slices.Sort(out)
	return slices.Compact(out)
}

// forBash writes completions without what stands in front of a colon, and without the
// slash of a folder, which bash adds.
type forBash struct {
	w      io.Writer
	prefix string
}

// Write writes one completion.
func (b *forBash) Write(text []byte) (int, error) {
	word := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(string(text), "\n"), b.prefix), "/")
	_, err := io.WriteString(b.w, word+"\n")
	return len(text), err
}

// steps lists codes, or the steps of the file whose name is typed.
func steps(a completion.Args) []string {
	file, _, ok := strings.Cut(a.Last, ":")
	if !ok {
		return explain.Codes()
	}
	var out []string
	if p := glance(file); p != nil {
		for _, g := range p.Workflows {
			graph.EachStep(g.Steps, func(prefix string, _ []*graph.Step, s *graph.Step) {
				out = append(out, file+":"+stepArgument(prefix, s))
			})
		}
	}
	return out
}

// glance reads a definition as far as it goes; nil for none.
func glance(file string) *lang.Program {
	if filepath.Ext(file) == "" {
		return nil
	}
	p, _ := lang.Load(hostFS{}, filepath.ToSlash(file), lang.Options{Catalog: services(1), StubHandlers: true})
	return p
}

func servicesAndOperations() []string {
	r := services(1)
	var out []string
	for _, s := range r.Services() {
		out = append(out, s)
		for _, op := range r.Operations(s) {
			out = append(out, s+"."+op)
		}
	}
	return out
}

// typed is the definition that the line names already; nil if it names none.
func typed(a completion.Args) *lang.Program {
	for _, word := range a.Completed {
		if ext := filepath.Ext(word); ext == ".wf" || isYAML(word) {
			if p := glance(word); p != nil && len(p.Workflows) > 0 {
				return p
			}
		}
	}
	return nil
}

func workflowNames(a completion.Args) []string {
	p := typed(a)
	if p == nil {
		return nil
	}
	var out []string
	for _, g := range p.Workflows {
		out = append(out, g.FullName())
	}
	return out
}

// fields lists the paths of the inputs.
func fields(a completion.Args) []string {
	p := typed(a)
	if p == nil {
		return nil
	}
	var out []string
	var visit func(path string, t *value.Type)
	visit = func(path string, t *value.Type) {
		for _, f := range t.Fields {
			if f.Type.Kind == value.Record {
				visit(path+f.Name+".", f.Type)
			} else {
				out = append(out, path+f.Name+"=")
			}
		}
	}
	for _, g := range p.Workflows {
		visit("", g.Input)
	}
	return out
}
