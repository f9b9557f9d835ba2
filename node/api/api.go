// Package api is the local HTTP API of a daemon: one table from which routes, OpenAPI and the typed client come.
//
//	CLI ── unix socket (0600: no token) ──┐
//	page ─ loopback TCP, token ───────────┼─▶ guard ─▶ Operation ─▶ node.Node, Daemon
//	bot ── loopback TCP, narrow token ────┘                      events ◀─ ring of 1,000 ◀─ all nodes
//
// An Operation says once what a call is named, where it lies, what goes in and out, what it takes to be allowed, and which
// verb of the command makes it. Operations lists all. openapi.json is made from it, and so is Client.
//
// Paths begin with /v1. Bodies are JSON; errors are problem details (RFC 9457) with a code for programs and a hint for
// people, see Problem. Fields may be added, and who reads must ignore those that it does not know.
package api

import "time"

// Scope is what a token allows. Each contains those before it.
type Scope string

// The scopes.
const (
	Read  Scope = "read"  // look at chats, contacts, messages, events
	Send  Scope = "send"  // say, react, edit, take back, mark as read
	Admin Scope = "admin" // all else: contacts, invites, accounts, words, backup, tokens, the daemon
)

// Account is a person's account on this machine, as the daemon has it.
type Account struct {
	Name    string `json:"name" doc:"local name, for --account"`
	Display string `json:"display,omitempty" doc:"how contacts see it"`
	About   string `json:"about,omitempty"`
	Picture string `json:"picture,omitempty" doc:"names the picture, and changes with it; absent: it has none"`
	State   string `json:"state" enum:"running,locked,failed" doc:"locked waits for its passphrase"`
	Problem string `json:"problem,omitempty" doc:"why it failed"`
	ID      string `json:"id,omitempty" doc:"account key, hex"`
	Address string `json:"address,omitempty" doc:"what others find it by"`
	Device  int    `json:"device,omitempty" doc:"number of this device"`
	Devices []int  `json:"devices,omitempty" doc:"numbers of all devices of the account"`
	Words   bool   `json:"words,omitempty" doc:"its 24 words wait to be written down"`
}

// Contact is somebody that an account knows.
type Contact struct {
	ID       string    `json:"id" doc:"account key, hex"`
	Name     string    `json:"name" doc:"what to call it: alias, else profile, else the beginning of the ID"`
	Alias    string    `json:"alias,omitempty" doc:"name that this account gave it"`
	Profile  string    `json:"profile,omitempty" doc:"name that it gave itself"`
	About    string    `json:"about,omitempty"`
	Picture  string    `json:"picture,omitempty" doc:"names the picture, and changes with it; absent: it has none"`
	Address  string    `json:"address"`
	State    string    `json:"state" enum:"asked,requested,accepted,blocked"`
	Verified bool      `json:"verified" doc:"the safety number was compared"`
	Since    time.Time `json:"since"`
	Devices  []int     `json:"devices,omitempty"`
	Awake    bool      `json:"awake,omitempty" doc:"one of its devices was heard, and was not missed since"`
	Number   string    `json:"safety_number,omitempty" doc:"60 digits, only where one contact is asked for"`
}

// Chat is a conversation in the list of all.
type Chat struct {
	With   Contact  `json:"with"`
	Last   *Message `json:"last,omitempty" doc:"newest message that is shown"`
	Unread int      `json:"unread" doc:"at most 1000"`

	Pinned   bool       `json:"pinned,omitempty"`
	Archived bool       `json:"archived,omitempty"`
	Marked   bool       `json:"marked,omitempty" doc:"as unread, by hand"`
	Muted    *time.Time `json:"muted,omitempty" doc:"nothing is announced until then"`
	Draft    string     `json:"draft,omitempty" doc:"what was begun to be written"`
}

// Message is a line of a conversation, and where it is.
type Message struct {
	ID         string     `json:"id" doc:"26 characters; a unique beginning of at least 4 names it, too"`
	With       string     `json:"with" doc:"ID of the contact whose conversation it is in"`
	Author     string     `json:"author" doc:"account key, hex"`
	Name       string     `json:"name" doc:"what to call the author"`
	Own        bool       `json:"own,omitempty"`
	Time       time.Time  `json:"time" doc:"where it stands in the conversation"`
	WrongTime  bool       `json:"wrong_time,omitempty" doc:"the author's clock cannot be right: time is when it came"`
	Kind       string     `json:"kind" enum:"text,contact,timer,newer" doc:"newer: to be seen with a newer Linnet"`
	Text       string     `json:"text,omitempty"`
	Edited     bool       `json:"edited,omitempty"`
	Deleted    bool       `json:"deleted,omitempty" doc:"taken back by its author"`
	Hidden     bool       `json:"hidden,omitempty" doc:"was to be seen once"`
	ReplyTo    *Quote     `json:"reply_to,omitempty"`
	Reactions  []Reaction `json:"reactions,omitempty"`
	Card       *Card      `json:"card,omitempty" doc:"of kind contact"`
	Unread     bool       `json:"unread,omitempty"`
	State      string     `json:"state,omitempty" enum:"queued,kept,delivered,read,failed" doc:"of own messages: with the device where it came farthest"`
	Deliveries []Delivery `json:"deliveries,omitempty" doc:"of own messages: one for each device"`
	Place      string     `json:"place" doc:"for before and after of history"`
}

// Card is how to find somebody: a bare address.
type Card struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address"`
}

// Quote is the message that another one answers.
type Quote struct {
	ID     string `json:"id"`
	Author string `json:"author"`
	Name   string `json:"name"`
	Text   string `json:"text,omitempty" doc:"its beginning; empty if it is not here"`
}

// Reaction is an emoji about a message.
type Reaction struct {
	Emoji  string `json:"emoji"`
	Author string `json:"author"`
	Name   string `json:"name"`
	Own    bool   `json:"own,omitempty"`
}

// Delivery is how far an own message came on its way to one device. Kept comes only from relays' signed receipts,
// delivered and read only from the other device.
type Delivery struct {
	To     string     `json:"to" doc:"account key, hex"`
	Name   string     `json:"name"`
	Device int        `json:"device" doc:"0: its devices are not known yet"`
	State  string     `json:"state" enum:"queued,kept,delivered,read,failed"`
	Why    string     `json:"why,omitempty" doc:"it waits, or failed"`
	Reason string     `json:"reason,omitempty" doc:"why, for programs: a stable name; other if there is a sentence alone"`
	At     *time.Time `json:"at,omitempty" doc:"when it was delivered or read"`
	Next   *time.Time `json:"next,omitempty" doc:"when it is tried again"`
	Until  *time.Time `json:"until,omitempty" doc:"how long relays keep it"`
	Relays int        `json:"relays,omitempty" doc:"how many keep it"`
	Kept   []Keeper   `json:"kept,omitempty" doc:"by whom, while it is queued or kept"`
}

// Keeper is a relay that signed that it keeps a message.
type Keeper struct {
	Relay string    `json:"relay" doc:"transport key, linnetnode1…"`
	Until time.Time `json:"until"`
}

// Relay is a relay that keeps post for this device, or may.
type Relay struct {
	ID        string     `json:"id" doc:"transport key, linnetnode1…"`
	Addresses []string   `json:"addresses,omitempty"`
	State     string     `json:"state" enum:"allowed,used,leaving" doc:"leaving: nobody is told of it any more, and it is looked into until all post there has expired"`
	Since     time.Time  `json:"since" doc:"of the state"`
	Invited   bool       `json:"invited,omitempty" doc:"it came with an invite, and was not added by you"`
	Connected bool       `json:"connected"`
	Listens   bool       `json:"listens,omitempty" doc:"post comes from here at once; from the others it is fetched now and then"`
	Drains    bool       `json:"drains,omitempty" doc:"it takes nothing new"`
	Ready     bool       `json:"ready,omitempty" doc:"it has all that it hands out while this device sleeps"`
	Why       string     `json:"why,omitempty" doc:"it cannot be used"`
	Reason    string     `json:"reason,omitempty" doc:"why, for programs: a stable name; other if there is a sentence alone"`
	Refuses   string     `json:"refuses,omitempty" doc:"why it does not take what it is to hand out while this device sleeps"`
	Refusal   string     `json:"refusal,omitempty" doc:"why it refuses, for programs, as reason"`
	Seen      *time.Time `json:"seen,omitempty" doc:"it last answered"`
	AheadMS   *int64     `json:"ahead_ms,omitempty" doc:"by how much its clock is ahead of this machine's"`
}

// Invite is what lets somebody become a contact.
type Invite struct {
	ID       string     `json:"id" doc:"names it here"`
	Link     string     `json:"link" doc:"whoever holds it becomes a contact: treat it like a key"`
	Until    *time.Time `json:"until,omitempty"`
	Standing bool       `json:"standing,omitempty" doc:"for any number of people"`
}

// Waiting is what waits for a device of a contact.
type Waiting struct {
	To       string     `json:"to" doc:"account key, hex"`
	Name     string     `json:"name"`
	Device   int        `json:"device"`
	Messages int        `json:"messages"`
	Kept     int        `json:"kept,omitempty" doc:"how many of them enough relays keep"`
	Keepers  []Keeper   `json:"keepers,omitempty" doc:"of the oldest message that people see"`
	First    string     `json:"first,omitempty" doc:"ID of the oldest message that people see"`
	Since    *time.Time `json:"since,omitempty"`
	Why      string     `json:"why,omitempty"`
	Reason   string     `json:"reason,omitempty" doc:"why, for programs: a stable name; other if there is a sentence alone"`
	Next     *time.Time `json:"next,omitempty"`
}

// Check is one thing that status and doctor look at.
type Check struct {
	Name  string `json:"name" doc:"one word: mesh, clock, storage, …"`
	State string `json:"state" enum:"ok,warn,fail"`
	Text  string `json:"text" doc:"what is, in a line"`
	Fix   string `json:"fix,omitempty" doc:"what to do"`
}

// Status is how the daemon and its accounts do.
type Status struct {
	V        int             `json:"v"`
	Version  string          `json:"version"`
	Since    time.Time       `json:"since" doc:"when the daemon started"`
	Listen   string          `json:"listen,omitempty" doc:"address of the loopback listener, for programs with a token"`
	Checks   []Check         `json:"checks" doc:"of the machine"`
	Accounts []AccountStatus `json:"accounts"`
}

// AccountStatus is how one account does.
type AccountStatus struct {
	Account
	Peers   int        `json:"peers" doc:"nodes it is connected to"`
	Checks  []Check    `json:"checks"`
	Waiting []Waiting  `json:"waiting"`
	Awake   []Contact  `json:"awake"`
	Backup  *time.Time `json:"backup,omitempty" doc:"when the last backup was made"`
}

// Backup is what is in a backup.
type Backup struct {
	Made     time.Time `json:"made"`
	Account  string    `json:"account" doc:"account key, hex"`
	Name     string    `json:"name,omitempty" doc:"how contacts see it"`
	Device   int       `json:"device" doc:"number of the device that made it"`
	Contacts int       `json:"contacts"`
	Messages int       `json:"messages"`
	Waiting  int       `json:"waiting,omitempty" doc:"messages that had not come to a device"`
	Damaged  uint64    `json:"damaged,omitempty" doc:"records that could not be read when it was made, and are missing"`
}

// Token lets a program use the API.
type Token struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	Page    bool       `json:"page,omitempty" doc:"of a tab that shows the page"`
	Scope   Scope      `json:"scope" enum:"read,send,admin"`
	Account string     `json:"account,omitempty" doc:"only this account, by its local name"`
	Chats   []string   `json:"chats,omitempty" doc:"only conversations with these contacts, by ID"`
	Created time.Time  `json:"created"`
	Until   *time.Time `json:"until,omitempty"`
	Used    *time.Time `json:"used,omitempty"`
	Secret  string     `json:"secret,omitempty" doc:"told once, when it is made"`
}

// Event is something that happened.
type Event struct {
	ID      string    `json:"id" doc:"for Last-Event-ID"`
	Type    string    `json:"type" enum:"message,delivery,contact,typing,presence,call,chat,account,relay,waiting,resync" doc:"relay: own relays changed, or how they do; waiting: why something waits for that contact changed; resync: events were missed, read again what is shown"`
	Time    time.Time `json:"time"`
	Account string    `json:"account,omitempty" doc:"local name"`
	With    string    `json:"with,omitempty" doc:"ID of the contact"`
	Name    string    `json:"name,omitempty" doc:"what to call the contact"`
	Message *Message  `json:"message,omitempty" doc:"as it is now; of message and delivery"`
	Gone    string    `json:"gone,omitempty" doc:"ID of a message that is not shown any more"`
	Contact *Contact  `json:"contact,omitempty"`
	Chat    *Chat     `json:"chat,omitempty" doc:"what was chosen for it changed"`
	Call    *Call     `json:"call,omitempty" doc:"as it is now"`
	On      bool      `json:"on,omitempty" doc:"of typing and presence"`
}

// Page is a part of a list that goes on.
type Page struct {
	Messages []Message `json:"messages" doc:"newest first"`
	Before   string    `json:"before,omitempty" doc:"place to go on from; absent: there is no more"`
	After    string    `json:"after,omitempty" doc:"place to go on from towards the newest; absent: there is no more, or it was not asked for"`
}

// Done is what an operation without a result answers.
type Done struct {
	OK bool `json:"ok"`
}
