// Command wf checks, draws and runs workflow files. See README.md.
package main

import "os"

func main() { os.Exit(run(hostEnv())) }
