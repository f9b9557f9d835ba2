package descriptor

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestReplicasAreNotLinked simulates a crawler that saw k seals of each replica of 3000 accounts within one day, and guesses
// by their signing times which two replicas are one account's. Both were sealed at the same moments. The numbers that it
// logs stand in PROTOCOL.md. What it sees depends on the moments only by the steps of a quarter of a day in which they lie, so
// whatever it tries, it is right once for each pattern of steps at most: 4, 10, 35 or 165 times on average.
func TestReplicasAreNotLinked(t *testing.T) {
	accounts, trained := 3000, 5000
	if testing.Short() {
		accounts, trained = 500, 1000
	}
	for _, days := range []struct {
		name    string
		moments func(r *rand.Rand, k int) []float64
	}{{"spread over the day", spread}, {"in bursts", bursts}} {
		for _, tt := range []struct{ k, most int }{{1, 8}, {2, 12}, {4, 30}, {8, 60}} {
			r := rand.New(rand.NewPCG(7, uint64(tt.k)))
			seen, known := crawl(r, accounts, tt.k, days.moments), crawl(r, trained, tt.k, days.moments)
			attacks := map[string][2][][]float64{"nearest": seen}
			if tt.k == 1 {
				attacks["ranks"] = [2][][]float64{ranks(seen[0]), ranks(seen[1])}
			}
			if tt.k > 2 {
				attacks["shape"] = [2][][]float64{shape(seen[0]), shape(seen[1])}
			}
			results := map[string]result{"likelihood": guess(likelihood(seen, known))}
			for name, features := range attacks {
				results[name] = guess(nearest(features))
			}
			for name, got := range results {
				t.Logf("%d seals %s, by %s: %v", tt.k, days.name, name, got)
				if got.hits > tt.most {
					t.Errorf("%d seals %s: by %s %d of %d are linked, chance is 1", tt.k, days.name, name, got.hits, accounts)
				}
			}
		}
	}
}

// TestBatchesAreNotLinked: of what was signed ahead each place shows one number. True times would tell the other place of a
// batch each time; these leave a guess of how long ahead.
func TestBatchesAreNotLinked(t *testing.T) {
	const accounts = 3000
	r := rand.New(rand.NewPCG(7, 7))
	p := PeriodOf(start) + 14
	var seen [2][][]float64
	for range accounts {
		now := p.Start().Add(-time.Duration(r.Float64() * 13 * float64(PeriodLength)))
		for i := range seen {
			s := clockOf(r)
			at := p + Period(i)
			seen[i] = append(seen[i], []float64{float64(at.start()-periodMillis-s.signingTime(at, now, 0)) / clockSpan})
		}
	}
	for name, features := range map[string][2][][]float64{"nearest": seen, "ranks": {ranks(seen[0]), ranks(seen[1])}} {
		got := guess(nearest(features))
		t.Logf("ahead, by %s: %v", name, got)
		if got.hits > 12 || got.pairs > 0.9 {
			t.Errorf("by %s %d of %d are linked, chance is 1", name, got.hits, accounts)
		}
	}
}

// spread returns k moments of a day in ms, each as likely as any other.
func spread(r *rand.Rand, k int) []float64 {
	m := make([]float64, k)
	for i := range m {
		m[i] = r.Float64() * float64(periodMillis)
	}
	slices.Sort(m)
	return m
}

// bursts returns k moments that follow each other after 20 s to 6 hours, each length as likely as its double.
func bursts(r *rand.Rand, k int) []float64 {
	m := make([]float64, k)
	at := r.Float64() * float64(periodMillis) / 2
	for i := range m {
		m[i] = min(at, float64(periodMillis-1))
		at += 20_000 * math.Pow(1080, r.Float64())
	}
	return m
}

func clockOf(r *rand.Rand) *signer {
	var s signer
	for i := 0; i < len(s.clock); i += 8 {
		binary.BigEndian.PutUint64(s.clock[i:], r.Uint64())
	}
	return &s
}

// crawl returns the signing times of both replicas of n accounts, as how far they lie below the highest.
func crawl(r *rand.Rand, n, k int, moments func(*rand.Rand, int) []float64) (seen [2][][]float64) {
	p := PeriodOf(start)
	for range n {
		m := moments(r, k)
		for replica := range seen {
			s, last, list := clockOf(r), uint64(0), make([]float64, k)
			for i := range m {
				last = s.signingTime(p, p.Start().Add(time.Duration(m[i])*time.Millisecond), last)
				list[i] = float64(p.start() - periodMillis - last)
			}
			seen[replica] = append(seen[replica], list)
		}
	}
	return seen
}

// ranks returns the place of each account among all, by its only number.
func ranks(seen [][]float64) [][]float64 {
	order := make([]int, len(seen))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(seen[a][0], seen[b][0]) })
	out := make([][]float64, len(seen))
	for rank, i := range order {
		out[i] = []float64{float64(rank)}
	}
	return out
}

// shape brings the first to 0 and the last to 1.
func shape(seen [][]float64) (out [][]float64) {
	for _, s := range seen {
		list := make([]float64, len(s))
		for i := range s {
			list[i] = (s[0] - s[i]) / (s[0] - s[len(s)-1])
		}
		out = append(out, list)
	}
	return out
}

// gaps has the logarithms of the differences.
func gaps(seen [][]float64) (out [][]float64) {
	for _, s := range seen {
		list := make([]float64, len(s)-1)
		for i := range list {
			list[i] = math.Log(s[i] - s[i+1])
		}
		out = append(out, list)
	}
	return out
}

// nearest scores by least squares. A score below the least is only known to be so.
func nearest(features [2][][]float64) (n int, score func(i, j int, least float64) float64) {
	return len(features[0]), func(i, j int, least float64) float64 {
		a, b, sum := features[0][i], features[1][j], 0.0
		for x := range a {
			if sum -= (a[x] - b[x]) * (a[x] - b[x]); sum < least {
				break
			}
		}
		return sum
	}
}

// likelihood scores by how much likelier two sequences are as one account's than as two accounts', if the logarithms of
// all numbers and differences were normally distributed, with the covariances of accounts that the crawler made itself.
func likelihood(seen, known [2][][]float64) (n int, score func(i, j int, least float64) float64) {
	features := func(of [2][][]float64) (joint [][]float64) {
		for i := range of[0] {
			var z []float64
			for _, replica := range of {
				for _, x := range replica[i] {
					z = append(z, math.Log(x))
				}
				z = append(z, gaps(replica[i : i+1])[0]...)
			}
			joint = append(joint, z)
		}
		return joint
	}
	train, test := features(known), features(seen)
	width := len(train[0])
	d := width / 2
	mean := make([]float64, width)
	for _, z := range train {
		for x := range z {
			mean[x] += z[x] / float64(len(train))
		}
	}
	covariance := make([][]float64, width)
	for x := range covariance {
		covariance[x] = make([]float64, width)
		covariance[x][x] = 1e-6
		for _, z := range train {
			for y := range z {
				covariance[x][y] += (z[x] - mean[x]) * (z[y] - mean[y]) / float64(len(train))
			}
		}
	}
	block := func(m [][]float64, x, y int) (part [][]float64) {
		for _, row := range m[x : x+d] {
			part = append(part, row[y:y+d])
		}
		return part
	}
	joint := inverse(covariance)
	apart := [2][][]float64{inverse(block(covariance, 0, 0)), inverse(block(covariance, d, d))}
	cross := block(joint, 0, d)
	n = len(test)
	var own [2][]float64 // what of the score one sequence brings
	left, right := make([][]float64, n), make([][]float64, n)
	for i, z := range test {
		for x := range z {
			z[x] -= mean[x]
		}
		for side := range own {
			v := z[side*d : side*d+d]
			own[side] = append(own[side], quadratic(apart[side], v)-quadratic(block(joint, side*d, side*d), v))
		}
		left[i], right[i] = make([]float64, d), z[d:]
		for y := range d {
			for x := range d {
				left[i][y] -= 2 * z[x] * cross[x][y]
			}
		}
	}
	return n, func(i, j int, _ float64) float64 {
		a, b, sum := left[i], right[j], own[0][i]+own[1][j]
		for x := range a {
			sum += a[x] * b[x]
		}
		return sum
	}
}

func quadratic(m [][]float64, v []float64) (sum float64) {
	for x := range v {
		for y := range v {
			sum += v[x] * m[x][y] * v[y]
		}
	}
	return sum
}

// inverse returns the inverse of a positive definite matrix (Gauss and Jordan).
func inverse(a [][]float64) [][]float64 {
	n := len(a)
	m := make([][]float64, n)
	for i := range m {
		m[i] = append(slices.Clone(a[i]), make([]float64, n)...)
		m[i][n+i] = 1
	}
	for i := range n {
		pivot := m[i][i]
		for x := range m[i] {
			m[i][x] /= pivot
		}
		for j := range n {
			if f := m[j][i]; j != i {
				for x := range m[j] {
					m[j][x] -= f * m[i][x]
				}
			}
		}
	}
	for i := range m {
		m[i] = m[i][n:]
	}
	return m
}

// result is what a crawler achieves: how often its first guess is right, how often the right one is among its first
// hundredth, and how often it prefers the right one to a stranger (by chance: once, a hundredth, half).
type result struct {
	hits         int
	first, pairs float64
}

func (r result) String() string {
	return fmt.Sprintf("%d hits, %.1f %% in the first hundredth, %.0f %% of pairs", r.hits, 100*r.first, 100*r.pairs)
}

func guess(n int, score func(i, j int, least float64) float64) (r result) {
	for i := range n {
		right, better := score(i, i, math.Inf(-1)), 0.0
		for j := range n {
			switch s := score(i, j, right); {
			case j == i:
			case s > right:
				better++
			case s == right:
				better += 0.5
			}
		}
		if better < 0.5 {
			r.hits++
		}
		if better < float64(n)/100 {
			r.first += 1 / float64(n)
		}
		r.pairs += (1 - better/float64(n-1)) / float64(n)
	}
	return r
}
