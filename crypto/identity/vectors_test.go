package identity

import (
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var updating = flag.Bool("update", false, "write the vectors in testdata anew")

// update writes vectors, if the tests were told to.
func update(t testing.TB, file string, v any) {
	t.Helper()
	if !*updating {
		return
	}
	b, err := json.MarshalIndent(v, "", " ")
	if err == nil {
		err = os.WriteFile(file, append(b, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
