// Package room is a call on the node that mixes or forwards: legs and the 20 ms beat.
//
//	house.go    all rooms of a mixer, who may open them, and how many
//	lane.go     the way in for nodes: /linnet/conference/1; whip.go that over HTTP
//	join.go     a leg enters: keys, media, seat
//	mixing.go   a room that mixes, and coding.go its decoders and encoders, loss.go what is lost on the way to legs; forwarding.go and video.go one that forwards what it cannot hear
//	notice.go   what legs and room tell each other on the data channel
//
// Nothing here stores audio: frames live for a beat or two.
package room

import (
	"context"

	"github.com/linnetmesh/linnet/conference"
	"github.com/linnetmesh/linnet/conference/rtc"
)

// floor is what goes on in a hall.
type floor interface {
	// Enter takes a leg in, and Leave lets it go. Hear is told each of its packets, Told each of its messages, Wanted that it
	// needs a key frame in one of its places, and Lost which share of what was sent to it went missing.
	Enter(id uint32, leg leg)
	Leave(id uint32)
	Hear(id uint32, p *rtc.Packet)
	Told(id uint32, message []byte)
	Wanted(id uint32, slot int)
	Lost(id uint32, share float64)
	// Run is the beat, until ctx ends.
	Run(ctx context.Context)
}

// leg is what a floor sends to: an *rtc.Leg.
type leg interface {
	Write(p *rtc.Packet) error
	Tell(message []byte) error
	Open() bool                // it can be told something
	Slots() (audio, video int) // places for streams that it takes
	RequestKeyframe(slot int)  // of its video
}

func newFloor(mode conference.Mode, e *rtc.Endpoint) floor {
	if mode == conference.Forward {
		return newForwarding()
	}
	m := newMixing()
	m.hold = e.Hold
	return m
}
