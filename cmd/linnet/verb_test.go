package main

import (
	"testing"

	"github.com/linnetmesh/linnet/node/api"
)

// Every operation of the API has the verb that it names; and all flags and verbs say what they are for.
func TestOperationsHaveVerbs(t *testing.T) {
	root := newRoot()
	verbs := make(map[string]bool)
	for _, c := range root.Commands() {
		verbs[c.Name()] = true
		if c.Short == "" {
			t.Errorf("%s says nothing of itself", c.Name())
		}
	}
	for _, o := range api.Operations() {
		if o.Verb != "" && !verbs[o.Verb] {
			t.Errorf("%s names a verb %q that there is none of", o.Name, o.Verb)
		}
	}
	if !verbs[api.WatchVerb] {
		t.Errorf("there is no verb %q", api.WatchVerb)
	}
}
