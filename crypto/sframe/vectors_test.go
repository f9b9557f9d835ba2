package sframe

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The vectors of the working group (github.com/sframe-wg/sframe, commit 3d07d8f): test-vectors.json belongs to RFC
// 9605, test-vectors-aes256.json to draft-barnes-sframe-iana-256.

type hexBytes []byte

func (h *hexBytes) UnmarshalText(b []byte) error {
	d, err := hex.DecodeString(string(b))
	*h = d
	return err
}

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

type headerVector struct {
	KID     uint64   `json:"kid"`
	CTR     uint64   `json:"ctr"`
	Encoded hexBytes `json:"encoded"`
}

type aeadVector struct {
	Suite   Suite    `json:"cipher_suite"`
	Key     hexBytes `json:"key"`
	EncKey  hexBytes `json:"enc_key"`
	AuthKey hexBytes `json:"auth_key"`
	Nonce   hexBytes `json:"nonce"`
	AAD     hexBytes `json:"aad"`
	PT      hexBytes `json:"pt"`
	CT      hexBytes `json:"ct"`
}

type sframeVector struct {
	Suite     Suite    `json:"cipher_suite"`
	KID       uint64   `json:"kid"`
	CTR       uint64   `json:"ctr"`
	BaseKey   hexBytes `json:"base_key"`
	KeyLabel  hexBytes `json:"sframe_key_label"`
	SaltLabel hexBytes `json:"sframe_salt_label"`
	Secret    hexBytes `json:"sframe_secret"`
	Key       hexBytes `json:"sframe_key"`
	Salt      hexBytes `json:"sframe_salt"`
	Metadata  hexBytes `json:"metadata"`
	Nonce     hexBytes `json:"nonce"`
	AAD       hexBytes `json:"aad"`
	PT        hexBytes `json:"pt"`
	CT        hexBytes `json:"ct"`
}

type vectors struct {
	Header        []headerVector `json:"header"`
	AESCTRHMAC    []aeadVector   `json:"aes_ctr_hmac"`
	AES256CTRHMAC []aeadVector   `json:"aes_256_ctr_hmac"`
	SFrame        []sframeVector `json:"sframe"`
	SFrame256     []sframeVector `json:"sframe_aes_256_ctr_hmac"`
}

func readJSON(tb testing.TB, name string, into any) {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
}

func readVectors(tb testing.TB) vectors {
	tb.Helper()
	var v, v256 vectors
	readJSON(tb, "test-vectors.json", &v)
	readJSON(tb, "test-vectors-aes256.json", &v256)
	v.SFrame256 = v256.SFrame256
	return v
}

func TestVectorsHeader(t *testing.T) {
	all := readVectors(t).Header
	if len(all) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range all {
		h := Header{KID: v.KID, CTR: v.CTR}
		if diff := cmp.Diff([]byte(v.Encoded), h.AppendTo(nil)); diff != "" {
			t.Errorf("%+v: AppendTo (-want +got):\n%s", h, diff)
		}
		got, n, err := ParseHeader(append(v.Encoded, 0xff))
		if got != h || n != len(v.Encoded) || err != nil {
			t.Errorf("ParseHeader(%x) = %+v, %d, %v; want %+v", v.Encoded, got, n, err, h)
		}
	}
}

func TestVectorsAESCTRHMAC(t *testing.T) {
	read := readVectors(t)
	if len(read.AESCTRHMAC) == 0 || len(read.AES256CTRHMAC) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range append(read.AESCTRHMAC, read.AES256CTRHMAC...) {
		t.Run(v.Suite.String(), func(t *testing.T) {
			if nka := suites[v.Suite].nka; !cmp.Equal(v.EncKey, v.Key[:nka]) || !cmp.Equal(v.AuthKey, v.Key[nka:]) {
				t.Errorf("the keys are not cut after %d bytes", nka)
			}
			aead, err := v.Suite.aead(v.Key)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]byte(v.CT), aead.Seal(nil, v.Nonce, v.PT, v.AAD)); diff != "" {
				t.Errorf("Seal (-want +got):\n%s", diff)
			}
			got, err := aead.Open(nil, v.Nonce, v.CT, v.AAD)
			if diff := cmp.Diff([]byte(v.PT), got); diff != "" || err != nil {
				t.Errorf("Open: %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestVectorsSFrame(t *testing.T) {
	read := readVectors(t)
	if len(read.SFrame) == 0 || len(read.SFrame256) == 0 {
		t.Fatal("no vectors")
	}
	seen := map[Suite]bool{}
	for _, v := range append(read.SFrame, read.SFrame256...) {
		seen[v.Suite] = true
		t.Run(v.Suite.String(), func(t *testing.T) {
			key := makeKey(v.Suite, v.KID, v.BaseKey)
			if diff := cmp.Diff(string(v.KeyLabel), key.secret.label("key")); diff != "" {
				t.Errorf("label of the key (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(string(v.SaltLabel), key.secret.label("salt")); diff != "" {
				t.Errorf("label of the salt (-want +got):\n%s", diff)
			}
			sframeKey, salt, err := key.secret.keyAndSalt()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]byte(v.Key), sframeKey); diff != "" {
				t.Errorf("key (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]byte(v.Salt), salt); diff != "" {
				t.Errorf("salt (-want +got):\n%s", diff)
			}
			d, err := key.derive()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]byte(v.Nonce), d.setNonce(v.CTR)); diff != "" {
				t.Errorf("nonce (-want +got):\n%s", diff)
			}
			header := Header{KID: v.KID, CTR: v.CTR}.AppendTo(nil)
			if diff := cmp.Diff([]byte(v.AAD), d.setAAD(header, v.Metadata)); diff != "" {
				t.Errorf("associated data (-want +got):\n%s", diff)
			}

			s, err := newSender(key, v.CTR)
			if err != nil {
				t.Fatal(err)
			}
			sealed, err := s.Seal(nil, v.PT, v.Metadata)
			if diff := cmp.Diff([]byte(v.CT), sealed); diff != "" || err != nil {
				t.Errorf("Seal: %v (-want +got):\n%s", err, diff)
			}

			parsed, err := ParseKey(key.AppendTo(nil))
			if err != nil {
				t.Fatal(err)
			}
			var r Receiver
			if err := r.Add(parsed); err != nil {
				t.Fatal(err)
			}
			frame, h, err := r.Open(nil, v.CT, v.Metadata)
			if diff := cmp.Diff([]byte(v.PT), frame); diff != "" || err != nil {
				t.Errorf("Open: %v (-want +got):\n%s", err, diff)
			}
			if want := (Header{KID: v.KID, CTR: v.CTR}); h != want {
				t.Errorf("Open: header %+v, want %+v", h, want)
			}
		})
	}
	for _, s := range allSuites {
		if !seen[s] {
			t.Errorf("no vector for %v", s)
		}
	}
}
