package mailbox

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// TestPolicy does to a ledger what may come, and holds it to its shares, counted anew each time.
func TestPolicy(t *testing.T) {
	relay := identity.GenerateTransportKey().Public()
	secret := NewSecret()
	rapid.Check(t, func(t *rapid.T) {
		lim := Limits{
			MailPosts: rapid.IntRange(20, 60).Draw(t, "posts"), MailBytes: int64(rapid.IntRange(64<<10, 300<<10).Draw(t, "bytes")),
			TokenRate: 1, TokenBurst: 8, StrangerRate: 5, StrangerBurst: 4,
		}.WithDefaults()
		box := Box{ID: BoxID{1}, Kind: Mail, Secret: secret.b}
		l := newLedger(relay, box, nil)
		mint := secret.Mint(relay, box.ID)
		date := fromUnix(1_700_000_000)
		var tokens []Token
		for range 3 {
			class := NewClass()
			for range 2 {
				tokens = append(tokens, mint.Token(class, date.Add(time.Hour), uint32(rapid.IntRange(0, 5).Draw(t, "quota")), 0))
			}
		}
		now := moment{date: date}
		there := map[Name]Item{}
		spent := map[TokenID][]time.Duration{}
		seq := uint64(0)
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				who := asker{}
				if n := rapid.IntRange(-1, len(tokens)-1).Draw(t, "who"); n >= 0 {
					who.token = tokens[n]
				}
				size := 512 << rapid.IntRange(0, 7).Draw(t, "size")
				name := Name{rapid.Byte().Draw(t, "name")}
				item, err := l.admit(&lim, who, name, size, now)
				if err != nil {
					return
				}
				spent[who.token.ID] = append(spent[who.token.ID], now.tick)
				if old, ok := there[name]; ok {
					if item != old {
						t.Fatalf("put again: %+v, want %+v", item, old)
					}
					return
				}
				seq++
				item.Seq = seq
				there[name] = item
				l.add(item)
				if item.Token != who.token.ID || item.Class != who.token.Class || size > MaxStranger && who.token.IsZero() {
					t.Fatalf("admitted %+v", item)
				}
			},
			"remove": func(*rapid.T) {
				for name, item := range there {
					delete(there, name)
					l.remove(item)
					l.remove(item) // twice is once
					break
				}
			},
			"wait": func(t *rapid.T) {
				d := time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond
				now.tick += d
				now.date = now.date.Add(d)
			},
			"": func(t *rapid.T) {
				var all, strangers usage
				classes, mine := map[Class]usage{}, map[TokenID]usage{}
				plus := func(u usage, i Item) usage { return usage{u.posts + 1, u.bytes + int64(i.Size)} }
				for _, i := range there {
					all = plus(all, i)
					if i.Class == (Class{}) {
						strangers = plus(strangers, i)
						continue
					}
					classes[i.Class], mine[i.Token] = plus(classes[i.Class], i), plus(mine[i.Token], i)
				}
				whole := lim.of(Mail)
				within := func(what string, u usage, s share) {
					if u.posts > s.posts || u.bytes > s.bytes {
						t.Fatalf("%s: %+v of %+v", what, u, s)
					}
				}
				within("all", all, whole)
				within("strangers", strangers, whole.part(strangerShare))
				for _, u := range classes {
					within("class", u, whole.part(classShare))
				}
				for _, token := range tokens {
					if token.Posts > 0 && mine[token.ID].posts > int(token.Posts) {
						t.Fatalf("token: %+v of %d", mine[token.ID], token.Posts)
					}
					// In no span of n seconds came more than burst and n.
					times := spent[token.ID]
					for i := range times {
						if n := len(times) - i; float64(n) > float64(lim.TokenBurst)+(times[len(times)-1]-times[i]).Seconds()+1e-6 {
							t.Fatalf("%d posts in %v", n, times[len(times)-1]-times[i])
						}
					}
				}
				if l.all != all || l.strangers != strangers || len(l.classes) != len(classes) || len(l.tokens) != len(mine) || len(l.items) != len(there) {
					t.Fatalf("the ledger counts %+v and %+v, want %+v and %+v", l.all, l.strangers, all, strangers)
				}
			},
		})
	})
}

// TestWork holds that work is good for one box, one post and one relay, for a while.
func TestWork(t *testing.T) {
	key, box, name := []byte("key"), BoxID{1}, Name{2}
	c := challenge(key, box, 6, 1000)
	w, err := doWork(t.Context(), c, box, &name)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		what string
		key  string
		box  BoxID
		name *Name
		age  Age
		want error
	}{
		{"as it was done", "key", box, &name, 1000, nil},
		{"later", "key", box, &name, 1000 + 15*60, nil},
		{"too late", "key", box, &name, 1001 + 15*60, ErrWork},
		{"too early", "key", box, &name, 999, ErrWork},
		{"another relay", "other", box, &name, 1000, ErrWork},
		{"another box", "key", BoxID{3}, &name, 1000, ErrWork},
	} {
		if err := worked([]byte(tt.key), tt.box, tt.name, w, tt.age); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.what, err, tt.want)
		}
	}
	easier := *w
	easier.Challenge[8] = 0
	if worked(key, box, &name, &easier, 1000) == nil {
		t.Error("the worker says how much work it takes")
	}
	var s spent
	if !s.once(w) || s.once(w) {
		t.Error("work is good twice")
	}
	// The more come, the more work it takes, and then nobody is let in for a while.
	lim := Limits{StrangerRateAll: 10, WorkBits: 16}.WithDefaults()
	var crowd crowd
	if got := crowd.bits(&lim, 0); got != 16 {
		t.Errorf("quiet: %d bits", got)
	}
	n := 0
	for ; n < 1000; n++ {
		if _, ok := crowd.enter(&lim, 0); !ok {
			break
		}
	}
	if got := crowd.bits(&lim, 0); n != 100 || got != 24 {
		t.Errorf("crowded: %d were let in, %d bits", n, got)
	}
	if got := crowd.bits(&lim, 10*time.Second); got != 16 {
		t.Errorf("quiet again: %d bits", got)
	}
}

// TestRevoke holds that revoked tokens are remembered as long as they could be used, and not without bound.
func TestRevoke(t *testing.T) {
	now := moment{date: fromUnix(1_000_000)}
	old := []Revoked{{TokenID{1}, 1_000_001}, {TokenID{2}, 1_000_000 - 49*3600}}
	got, err := revoke(old, []Revoked{{TokenID{3}, 2_000_000}, {TokenID{1}, 1_000_001}}, now)
	if err != nil || len(got) != 2 {
		t.Errorf("got %v, %v", got, err)
	}
	var many []Revoked
	for i := range MaxRevoked {
		many = append(many, Revoked{TokenID{byte(i), byte(i >> 8), 1}, 2_000_000})
	}
	if _, err := revoke(many, []Revoked{{TokenID{9, 9, 9}, 2_000_000}}, now); !errors.Is(err, ErrTokenFull) {
		t.Errorf("one too many: %v", err)
	}
}

// TestMillionBoxes has somebody make boxes by the million from one network, and then from all of a larger one: as many are
// made as one network may have, and others are let in as before.
func TestMillionBoxes(t *testing.T) {
	lim := Limits{}.WithDefaults()
	var o origins
	try := func(from Origin) bool {
		if o.admit(&lim, from) != nil {
			return false
		}
		o.count(from, 1)
		return true
	}
	made := 0
	for range 1_000_000 {
		if try(Origin{Near: 1, Far: 1}) {
			made++
		}
	}
	if made != lim.BoxesNear {
		t.Errorf("%d boxes were made from one /24, want %d", made, lim.BoxesNear)
	}
	for i := range uint64(1_000_000) {
		if try(Origin{Near: 1 + i%256, Far: 1}) {
			made++
		}
	}
	if made != lim.BoxesFar {
		t.Errorf("%d boxes were made from one /16, want %d", made, lim.BoxesFar)
	}
	made = 0
	for range 1_000_000 { // through circuits, nobody knows from where
		if try(Origin{}) {
			made++
		}
	}
	if made != lim.BoxesFar {
		t.Errorf("%d boxes were made through circuits, want %d", made, lim.BoxesFar)
	}
	if !try(Origin{Near: 1000, Far: 2}) {
		t.Error("another network was refused")
	}
	if len(o.near) > 300 || len(o.far) > 3 {
		t.Errorf("%d and %d ranges are remembered", len(o.near), len(o.far))
	}
}
