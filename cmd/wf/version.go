package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/alecthomas/kong"
)

type versionCmd struct{}

// Help is shown by wf version --help.
func (versionCmd) Help() string {
	return `The version, the commit it was built from and the release of Go.

Examples:
  wf version`
}

// Run prints the version, the commit and the Go release.
func (versionCmd) Run(e *env) error {
	_, err := fmt.Fprintln(e.stdout, version())
	return err
}

// versionFlag is --version, which other tools have.
type versionFlag bool

// BeforeReset prints the version as soon as the flag is read.
func (versionFlag) BeforeReset(app *kong.Kong) error {
	_, err := fmt.Fprintln(app.Stdout, version())
	app.Exit(exitFine)
	return err
}

// version is the version of this build, with what it was built from.
func version() string {
	number, commit := "devel", "unknown commit"
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; v != "" && v != "(devel)" {
			number = v
		}
		changed := ""
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				commit = "commit " + s.Value[:min(len(s.Value), 12)]
			case s.Key == "vcs.modified" && s.Value == "true":
				changed = ", changed"
			}
		}
		commit += changed
	}
	return fmt.Sprintf("wf %s (%s), %s %s/%s", number, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
