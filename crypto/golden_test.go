package crypto

import (
	"fmt"
	"testing"
)

// TestGolden pins what is fixed. A change here is a new protocol.
func TestGolden(t *testing.T) {
	const ascending = "21000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	s := parseSecret(t, mustHex(ascending))
	public := s.Public()
	signed, err := Sign(s, testPurpose, nil)
	if err != nil {
		t.Fatal(err)
	}
	sizes := []int{
		SecretSize, PublicSize, SealOverhead, SignOverhead, MaxPurpose, MaxMessage,
		len(s.AppendTo(nil)), len(public.AppendTo(nil)), len(mustSeal(t, public, "").sealed), len(signed.signed),
	}
	tests := []struct{ name, got, want string }{
		{"sizes", fmt.Sprint(sizes), "[33 1249 1137 65 255 16777216 33 1249 1137 65]"},
		{"secret", fmt.Sprintf("%x", s.AppendTo(nil)), ascending},
		{"public key, first half", fmt.Sprintf("%x", public.raw[:33]), goldenSigning},
		{"public key, its ends", fmt.Sprintf("%x %x", public.raw[33:49], public.raw[PublicSize-32:]), goldenSealing},
		{"bound for a signature", fmt.Sprintf("%x", testPurpose.bind(labelSigned, &public, 0)), goldenSigned},
		{"bound for a seal", fmt.Sprintf("%x", testPurpose.bind(labelSealed, &public, 0)), goldenSealed},
		{"signed nothing", fmt.Sprintf("%x", signed.AppendTo(nil)), goldenSignature},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.got != tt.want {
				t.Errorf("got %s, want %s", tt.got, tt.want)
			}
		})
	}
}

const (
	goldenSigning   = "11e5afc182c711c5672bbee20b70fb10811bc82dec514e70a27c2b427f2e6878e7"
	goldenSealing   = "7f43ab36e69eb5ea08f95a3aafb4aceb 1a56db10a6179e7cb3837052e68f77ff1a1efb1d3b24fd2911efbdbf98513612"
	goldenSigned    = "6c696e6e65742066726f6e7420646f6f72207369676e6564207631009be1990fe2aa959e17101ee2f1397c10304383f0417106d8fa298b7135803f280e6c696e6e65742074657374207631"
	goldenSealed    = "6c696e6e65742066726f6e7420646f6f72207365616c6564207631009be1990fe2aa959e17101ee2f1397c10304383f0417106d8fa298b7135803f280e6c696e6e65742074657374207631"
	goldenSignature = "41e0178fa9ba3dd37add848e3008814c6184f5b74c1708feac71589bad2604611afe3717dc391870d94b46c4d9a38345070032c8f8b2a784b716ce8c38bc482408"
)
