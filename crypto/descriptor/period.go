package descriptor

import "time"

// periodMillis and graceMillis are PeriodLength and Grace in the unit of the wire.
const (
	periodMillis = uint64(PeriodLength / time.Millisecond)
	graceMillis  = uint64(Grace / time.Millisecond)
)

// Period is a span of PeriodLength, the same for all accounts: an account that changed its keys at an hour of its own
// would be known by it. It counts the days since 1970-01-01 UTC.
type Period uint64

// PeriodOf returns the period of a time; what was before 1970 is of period 0.
func PeriodOf(t time.Time) Period { return Period(millis(t) / periodMillis) }

// Start returns when the period begins.
func (p Period) Start() time.Time { return fromMillis(p.start()) }

// NotAfter returns until when a descriptor of the period is good: Grace after the period's end.
func (p Period) NotAfter() time.Time { return fromMillis(p.notAfter()) }

// start and notAfter wrap for periods beyond the year 292,000,000, which no Validate gets so far as to ask.
func (p Period) start() uint64    { return uint64(p) * periodMillis }
func (p Period) notAfter() uint64 { return p.start() + periodMillis + graceMillis }

// put returns when a descriptor that is there now is put: now, or when its period is near enough for PublishPlaces.
func (p Period) put(now time.Time) time.Time {
	if first := p.Start().Add(-Early); now.Before(first) {
		return first
	}
	return now
}

// Place names one descriptor of an account: each has a key of its own. It may be compared with ==.
type Place struct {
	Period  Period
	Replica uint8 // below Replicas
}

// LookupPlaces returns where a reader looks for an account, likeliest first, 2 or 4 places: this period, in its first
// Grace also the one before, in its last Early also the next. Readers whose clock is right within an hour find what
// PublishPlaces put. The replicas are equal: who asks begins with either.
func LookupPlaces(now time.Time) []Place {
	p := PeriodOf(now)
	list := places(nil, p)
	if p > 0 && now.Before(p.Start().Add(Grace)) {
		list = places(list, p-1)
	}
	return early(list, now)
}

// PublishPlaces returns what a waking device keeps published, 2 or 4 places: this period, and in its last Early also the
// next, so that nobody finds nothing at the border.
func PublishPlaces(now time.Time) []Place {
	return early(places(nil, PeriodOf(now)), now)
}

// AheadPlaces returns for which places devices sign ahead: the AheadPeriods after this one, 28 places in the order in
// which their time comes.
func AheadPlaces(now time.Time) []Place {
	list := make([]Place, 0, AheadPeriods*Replicas)
	for i := range Period(AheadPeriods) {
		list = places(list, PeriodOf(now)+1+i)
	}
	return list
}

func places(list []Place, p Period) []Place {
	for r := range uint8(Replicas) {
		list = append(list, Place{p, r})
	}
	return list
}

func early(list []Place, now time.Time) []Place {
	if next := PeriodOf(now) + 1; !now.Before(next.Start().Add(-Early)) {
		list = places(list, next)
	}
	return list
}
