// Command wf checks, draws and runs workflow files. See README.md.
package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

func main() {
	startCalm()
	os.Exit(run(hostEnv()))
}

// startCalm puts the first garbage collection off until 16 MB are in use: most commands
// are over before, and a tenth faster. From then on it is as ever.
func startCalm() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(400)
	type first struct{ _ [16]byte }
	runtime.SetFinalizer(&first{}, func(*first) { debug.SetGCPercent(100) })
}
