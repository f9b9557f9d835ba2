package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

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

// Every verb that people see stands in a dialogue.
func TestVerbsHaveDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var all strings.Builder
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	said := 0
	var look func(*cobra.Command)
	look = func(c *cobra.Command) {
		for _, c := range c.Commands() {
			if look(c); c.Hidden || !c.Runnable() {
				continue
			}
			if said++; !regexp.MustCompile(`(?m)^(\[linux\] )?(exec|exits \d+|until '[^']*') ` + c.CommandPath() + `( |$)`).MatchString(all.String()) {
				t.Errorf("no dialogue has %s", c.CommandPath())
			}
		}
	}
	look(newRoot())
	t.Logf("%d verbs", said)
}
