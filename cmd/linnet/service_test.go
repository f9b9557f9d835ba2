package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func servicePaths(home string) paths {
	return newPathsIn(home+"/config", home+"/data", home+"/state", home+"/run")
}

// The files are in order for any folder that a user may have.
func TestServiceFile(t *testing.T) {
	home := `/home/Ada & "Ben" 100% $HOME \n <x>`
	for system, want := range map[string][]string{
		"linux": {
			`ExecStart="/opt/Ada's %%h $$PATH/linnet" up --foreground`,
			`ReadWritePaths="/home/Ada & \"Ben\" 100%% $$HOME \\n <x>/config" "`,
		},
		"darwin":  {`<string>/opt/Ada&#39;s %h $PATH/linnet</string>`, `100% $HOME \n &lt;x&gt;/state/linnet.log</string>`},
		"windows": {`<Command>/opt/Ada&#39;s %h $PATH/linnet</Command>`},
	} {
		t.Setenv("LINNET_HOME", "")
		text, err := serviceFile(system, `/opt/Ada's %h $PATH/linnet`, servicePaths(home))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: %s is not in\n%s", system, w, text)
			}
		}
		if system != "linux" {
			for d := xml.NewDecoder(strings.NewReader(text)); ; {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%s: %v", system, err)
				}
			}
		}
		if strings.Contains(text, "LINNET_HOME") {
			t.Errorf("%s: a home that is not set", system)
		}
	}
	t.Setenv("LINNET_HOME", "/srv/l")
	text, err := serviceFile("linux", "/usr/bin/linnet", servicePaths("/srv/l"))
	if err != nil || !strings.Contains(text, `Environment="LINNET_HOME=/srv/l/config"`) {
		t.Errorf("%v\n%s", err, text)
	}
	if _, err := serviceFile("linux", "/opt/line\nbreak", servicePaths("/h")); err == nil {
		t.Error("a line break is taken")
	}
	if _, err := serviceFile("plan9", "/bin/linnet", servicePaths("/h")); err == nil {
		t.Error("any system is taken")
	}
}
