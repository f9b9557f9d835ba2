// Command linnet runs a messenger: the daemon, every client verb, and a demo of the whole mesh.
//
// Each verb has a file of its own name. What verbs say goes through print.go, and only there is it decided how: for
// people, or with --json for programs. What a messenger is made of stands in messenger.go, the same for the demo and for
// everybody else.
//
//	exit code   0 done   1 it did not work   2 asked in a wrong way   3 no daemon runs   4 locked, or not allowed
//	            5 not found, or ambiguous   6 refused: blocked, revoked, full   8 damaged   130 interrupted
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }
