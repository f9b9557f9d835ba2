package api

import "time"

// Inputs of operations, named as the operations are.
type (
	// InNone is the input of what needs none.
	InNone struct{}

	// InAccount names an account of this machine by its local name; "-" is the default.
	InAccount struct {
		Account string `path:"account" maxLength:"64" doc:"local name of the account; - is the default: the only one, or the first"`
	}
	// InContact names a contact by ID, address, alias or name, with or without @.
	InContact struct {
		InAccount
		Contact string `path:"contact" maxLength:"300" doc:"ID, address, alias or name, with or without @"`
	}
	// InMessage names a message.
	InMessage struct {
		InAccount
		Message string `path:"message" minLength:"4" maxLength:"26" doc:"ID, or a unique beginning of it"`
	}

	// InDoctor asks for a thorough look.
	InDoctor struct {
		Report bool `query:"report" doc:"add what a redacted report has: versions, counts, last lines of the log"`
	}
	// InCreate makes an account.
	InCreate struct {
		Body struct {
			Name       string `json:"name,omitempty" maxLength:"64" pattern:"^[a-z0-9][a-z0-9._-]*$|^$" doc:"local name; empty: made from display"`
			Display    string `json:"display" maxLength:"128" doc:"how contacts will see it; may be empty"`
			Passphrase string `json:"passphrase,omitempty" maxLength:"1024" doc:"protects the store; empty: a key file of mode 0600"`
			Keyring    bool   `json:"keyring,omitempty" doc:"keep the passphrase in the system's keyring"`
			Words      string `json:"words,omitempty" maxLength:"512" doc:"24 words of an account that is to be had again, without contacts and history: its other devices are taken off it"`
		}
	}
	// InMakeBackup says who can open a backup.
	InMakeBackup struct {
		InAccount
		Body struct {
			Passphrase string   `json:"passphrase,omitempty" maxLength:"1024" doc:"who knows it; or recipients, not both"`
			Recipients []string `json:"recipients,omitempty" maxItems:"32" doc:"as age has them: age1…"`
		}
	}
	// InNoteBackup tells that a backup is where it is to stay.
	InNoteBackup struct {
		InAccount
		Body struct {
			Made time.Time `json:"made" doc:"as the backup has it"`
		}
	}
	// InUnlock opens a locked account.
	InUnlock struct {
		InAccount
		Body struct {
			Passphrase string `json:"passphrase" maxLength:"1024"`
			Keyring    bool   `json:"keyring,omitempty" doc:"remember it in the system's keyring"`
		}
	}
	// InPassphrase changes an account's passphrase.
	InPassphrase struct {
		InAccount
		Body struct {
			Old string `json:"old,omitempty" maxLength:"1024"`
			New string `json:"new,omitempty" maxLength:"1024" doc:"empty: a key file of mode 0600 instead"`
		}
	}
	// InProfile says how an account is called.
	InProfile struct {
		InAccount
		Body struct {
			Display string `json:"display" maxLength:"128"`
			About   string `json:"about,omitempty" maxLength:"512"`
		}
	}
	// InPicture gives an account a picture.
	InPicture struct {
		InAccount
		Body struct {
			Image []byte `json:"image" minLength:"4" maxLength:"11184812" doc:"a JPEG, PNG or WebP, at most 8 MiB and 24 megapixels: its middle is shown, and what it says besides the pixels goes nowhere"`
		}
	}
	// InConfirmWords shows that the owner has the words.
	InConfirmWords struct {
		InAccount
		Body struct {
			Words string `json:"words" maxLength:"512"`
		}
	}
	// InMakeInvite makes an invite.
	InMakeInvite struct {
		InAccount
		Body struct {
			Seconds  *int64 `json:"seconds,omitempty" minimum:"0" maximum:"31536000" doc:"how long it is good; 0 is for ever, absent a day"`
			Standing bool   `json:"standing,omitempty" doc:"for any number of people, not for one"`
		}
	}
	// InInvite names an invite.
	InInvite struct {
		InAccount
		Invite string `path:"invite" maxLength:"64"`
	}
	// InAdd adds a contact.
	InAdd struct {
		InAccount
		Body struct {
			Invite string `json:"invite" minLength:"1" maxLength:"4096" doc:"link or address"`
			Alias  string `json:"alias,omitempty" maxLength:"128"`
		}
	}
	// InAddRelay adds a relay.
	InAddRelay struct {
		InAccount
		Body struct {
			Address string `json:"address" minLength:"1" maxLength:"1024" doc:"as the relay prints it"`
		}
	}
	// InRelay names a relay.
	InRelay struct {
		InAccount
		Relay string `path:"relay" minLength:"4" maxLength:"64" doc:"ID, or a unique beginning of it"`
	}
	// InContacts lists contacts.
	InContacts struct {
		InAccount
		State string `query:"state" enum:"asked,requested,accepted,blocked" doc:"only these"`
	}
	// InChangeContact changes what is set.
	InChangeContact struct {
		InContact
		Body struct {
			Alias    *string `json:"alias,omitempty" maxLength:"128" doc:"empty takes it away"`
			Verified *bool   `json:"verified,omitempty" doc:"the safety number was compared"`
			Blocked  *bool   `json:"blocked,omitempty"`
		}
	}
	// InHistory reads a conversation.
	InHistory struct {
		InContact
		Before string    `query:"before" maxLength:"200" doc:"a message's place; absent: from the newest"`
		After  string    `query:"after" maxLength:"200" doc:"a message's place: those that follow it"`
		Since  time.Time `query:"since" doc:"those that were said then, and follow"`
		Limit  int       `query:"limit" minimum:"1" maximum:"500" default:"50"`
	}
	// InSend says a text.
	InSend struct {
		InContact
		Key  string `header:"Idempotency-Key" maxLength:"128" doc:"the same key and text again is the same message, not another one"`
		Body struct {
			Text  string `json:"text" minLength:"1" maxLength:"16384"`
			Reply string `json:"reply,omitempty" maxLength:"26" doc:"ID of the message that it answers"`
		}
	}
	// InMarkRead marks as read.
	InMarkRead struct {
		InContact
		Body struct {
			Messages []string `json:"messages,omitempty" maxItems:"256" doc:"IDs; absent: all that came"`
		}
	}
	// InWeak tells that somebody writes or is there.
	InWeak struct {
		InContact
		Body struct {
			On bool `json:"on"`
		}
	}
	// InSearch searches.
	InSearch struct {
		InAccount
		Text  string `query:"text" minLength:"1" maxLength:"256" required:"true"`
		With  string `query:"with" maxLength:"300" doc:"only this contact"`
		Skip  int    `query:"skip" minimum:"0" maximum:"10000" doc:"how many of the newest that match are left out"`
		Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"50"`
	}
	// InEdit gives an own message another text.
	InEdit struct {
		InMessage
		Body struct {
			Text string `json:"text" minLength:"1" maxLength:"16384"`
		}
	}
	// InDelete takes a message away.
	InDelete struct {
		InMessage
		Everyone bool `query:"everyone" doc:"from everyone, where it is an own one; else from this device alone"`
	}
	// InReact puts an emoji to a message.
	InReact struct {
		InMessage
		Body struct {
			Emoji string `json:"emoji" maxLength:"64" doc:"empty takes it back"`
		}
	}
	// InChangeChat changes what is chosen for a conversation, on this device.
	InChangeChat struct {
		InContact
		Body struct {
			Pinned   *bool      `json:"pinned,omitempty"`
			Archived *bool      `json:"archived,omitempty"`
			Marked   *bool      `json:"marked,omitempty" doc:"as unread, by hand"`
			Muted    *time.Time `json:"muted,omitempty" doc:"until when; a time that is past takes it away"`
			Draft    *string    `json:"draft,omitempty" maxLength:"16384"`
		}
	}
	// InStartCall calls contacts.
	InStartCall struct {
		InAccount
		Body struct {
			Contacts []string `json:"contacts" minItems:"1" maxItems:"127" doc:"each by ID, address, alias or name"`
			Video    bool     `json:"video,omitempty"`
			Via      []string `json:"via,omitempty" maxItems:"4" doc:"addresses of mixers, as linnet-mixer prints them; the first that opens a room carries the call, and hears it; the others take over, in this order"`
		}
	}
	// InCall names a call.
	InCall struct {
		InAccount
		Call string `path:"call" maxLength:"32" doc:"ID; - is the current call"`
	}
	// InVoice says what is done with the own voice.
	InVoice struct {
		InCall
		Body struct {
			Mute bool `json:"mute"`
			Hold bool `json:"hold" doc:"neither speak nor listen"`
			Hand bool `json:"hand" doc:"wants to speak"`
		}
	}
	// InCallTasks asks for what is to be done with the media of a call.
	InCallTasks struct {
		InCall
		Holder string `query:"holder" minLength:"1" maxLength:"64" required:"true" doc:"any text that nobody else has: the first that asks carries the media, and hangs up if it does not ask again for 15 s"`
		After  uint64 `query:"after" doc:"ID of the last task that was done"`
		Wait   int    `query:"wait" minimum:"0" maximum:"10" default:"10" doc:"seconds to wait for one"`
	}
	// InReportCall tells what became of tasks.
	InReportCall struct {
		InCall
		Body struct {
			Holder string   `json:"holder" minLength:"1" maxLength:"64"`
			Kind   string   `json:"kind" enum:"up,down,description,candidates,key,room" doc:"room: others says how many the room on the mixer says are in it besides this device"`
			Peer   string   `json:"peer,omitempty" maxLength:"80" doc:"as tasks name it; absent: the room on a mixer"`
			Offer  bool     `json:"offer,omitempty"`
			Round  uint32   `json:"round,omitempty"`
			SDP    string   `json:"sdp,omitempty" maxLength:"16384"`
			Lines  []string `json:"lines,omitempty" maxItems:"16"`
			Last   bool     `json:"last,omitempty"`
			Key    []byte   `json:"key,omitempty" maxLength:"172"`
			Others int      `json:"others,omitempty" minimum:"0" maximum:"4096"`
		}
	}
	// InSetPrivacy says what others are not told.
	InSetPrivacy struct {
		InAccount
		Body Privacy
	}
	// InInspect asks what an invite is.
	InInspect struct {
		InAccount
		Body struct {
			Invite string `json:"invite" minLength:"1" maxLength:"4096" doc:"link or address"`
		}
	}
	// InDraw asks for a QR code.
	InDraw struct {
		Body struct {
			Text string `json:"text" minLength:"1" maxLength:"2048"`
		}
	}
	// InMakeToken makes a token.
	InMakeToken struct {
		Body struct {
			Name    string   `json:"name" minLength:"1" maxLength:"64"`
			Scope   Scope    `json:"scope" enum:"read,send,admin"`
			Account string   `json:"account,omitempty" maxLength:"64" doc:"only this account"`
			Chats   []string `json:"chats,omitempty" maxItems:"64" doc:"only conversations with these contacts; needs account"`
			Seconds int64    `json:"seconds,omitempty" minimum:"0" doc:"how long it is good; 0 is until it is taken away"`
		}
	}
	// InToken names a token.
	InToken struct {
		Token string `path:"token" maxLength:"64"`
	}
)

// Outputs of operations that are not one of the words in api.go.
type (
	// Accounts is a list.
	Accounts struct {
		Accounts []Account `json:"accounts"`
	}
	// Contacts is a list.
	Contacts struct {
		Contacts []Contact `json:"contacts"`
	}
	// Chats is a list, the one with the newest message first.
	Chats struct {
		Chats []Chat `json:"chats"`
	}
	// Invites is a list.
	Invites struct {
		Invites []Invite `json:"invites"`
	}
	// Relays is a list, in the order in which contacts try them.
	Relays struct {
		Relays []Relay `json:"relays"`
	}
	// Custody is what relays keep for contacts of this account, those that keep most first.
	Custody struct {
		Relays []Keeping `json:"relays"`
	}
	// Keeping is how much one relay keeps.
	Keeping struct {
		Relay    string    `json:"relay" doc:"transport key, hex"`
		Messages int       `json:"messages" doc:"that people see and that have not come; each counts once for each device"`
		Until    time.Time `json:"until" doc:"the last of them is kept so long"`
	}
	// Calls are the current call and those that were, the newest first.
	Calls struct {
		Current *Call      `json:"current,omitempty"`
		Calls   []PastCall `json:"calls"`
	}
	// CallTasks are tasks, in order.
	CallTasks struct {
		Tasks []CallTask `json:"tasks"`
	}
	// Tokens is a list.
	Tokens struct {
		Tokens []Token `json:"tokens"`
	}
	// Privacy is what others are not told.
	Privacy struct {
		NoReceipts bool `json:"no_receipts" doc:"that a message was read"`
		NoTyping   bool `json:"no_typing" doc:"that somebody writes, or is there"`
	}
	// Storage is what an account takes of the disk.
	Storage struct {
		Bytes uint64 `json:"bytes"`
		Free  uint64 `json:"free"`
	}
	// Inspected is what an invite is.
	Inspected struct {
		ID    string     `json:"id" doc:"whose it is"`
		Known *Contact   `json:"known,omitempty" doc:"they are a contact already"`
		Self  bool       `json:"self,omitempty" doc:"it is one's own"`
		Bare  bool       `json:"bare,omitempty" doc:"an address without a token: they will be asked"`
		Until *time.Time `json:"until,omitempty"`
		Over  bool       `json:"over,omitempty" doc:"it has expired"`
	}
	// Drawn is a QR code.
	Drawn struct {
		Rows []string `json:"rows" doc:"1 is dark, 0 is light; without the light margin of four"`
	}
	// LastBackup is when a backup was made.
	LastBackup struct {
		Made *time.Time `json:"made,omitempty" doc:"absent: none ever was"`
	}
	// Restored is an account that was had again from a backup.
	Restored struct {
		Account Account `json:"account"`
		Backup  Backup  `json:"backup"`
	}
	// Login lets one tab in, once.
	Login struct {
		URL     string `json:"url" doc:"opens the page; whoever has it is let in: treat it like a key"`
		Code    string `json:"code"`
		Seconds int    `json:"seconds" doc:"how long it is good"`
	}
	// Picture is how an account looks.
	Picture struct {
		Name  string `json:"name" doc:"as accounts and contacts have it"`
		Type  string `json:"type" enum:"image/jpeg"`
		Image []byte `json:"image" doc:"256 × 256 pixels, at most 48 KiB, encoded by this node"`
	}
	// Words are the 24 words of an account.
	Words struct {
		Words []string `json:"words"`
	}
	// Report is what doctor found.
	Report struct {
		V        int                `json:"v"`
		Checks   []Check            `json:"checks"`
		Accounts map[string][]Check `json:"accounts,omitempty" doc:"by local name"`
		Facts    map[string]string  `json:"facts,omitempty" doc:"of a report: versions and counts, no names, keys or addresses"`
		Log      []string           `json:"log,omitempty" doc:"of a report: last lines, redacted"`
	}
)

// The operations of the daemon.
var (
	GetStatus     = &Operation[InNone, Status]{Name: "status", Method: get, Path: "/v1/status", Scope: Read, Verb: "status", Summary: "Tell how the daemon and its accounts do"}
	GetDoctor     = &Operation[InDoctor, Report]{Name: "doctor", Method: get, Path: "/v1/doctor", Scope: Admin, Verb: "doctor", Summary: "Look at everything, and say what to do"}
	Stop          = &Operation[InNone, Done]{Name: "stop", Method: post, Path: "/v1/stop", Scope: Admin, Verb: "down", Summary: "Stop the daemon in good order"}
	ListAccounts  = &Operation[InNone, Accounts]{Name: "listAccounts", Method: get, Path: "/v1/accounts", Scope: Read, Verb: "account", Summary: "List the accounts of this machine"}
	CreateAccount = &Operation[InCreate, Account]{Name: "createAccount", Method: post, Path: "/v1/accounts", Scope: Admin, Verb: "init", Summary: "Make an account, and run it"}
	OpenPage      = &Operation[InNone, Login]{Name: "openPage", Method: post, Path: "/v1/page", Scope: Admin, Verb: "open", Summary: "Let one tab of the page in, once"}
	DrawQR        = &Operation[InDraw, Drawn]{Name: "drawQR", Method: post, Path: "/v1/qr", Scope: Read, Why: "a shell draws codes by itself, in invite and whoami", Summary: "Draw a QR code"}
	ListTokens    = &Operation[InNone, Tokens]{Name: "listTokens", Method: get, Path: "/v1/tokens", Scope: Admin, Verb: "token", Summary: "List tokens"}
	MakeToken     = &Operation[InMakeToken, Token]{Name: "makeToken", Method: post, Path: "/v1/tokens", Scope: Admin, Verb: "token", Summary: "Make a token for a program"}
	DropToken     = &Operation[InToken, Done]{Name: "dropToken", Method: del, Path: "/v1/tokens/{token}", Scope: Admin, Verb: "token", Summary: "Take a token away"}
)

// The operations of an account.
var (
	GetAccount     = &Operation[InAccount, Account]{Name: "account", Method: get, Path: "/v1/accounts/{account}", Scope: Read, Verb: "whoami", Summary: "Tell who an account is"}
	Unlock         = &Operation[InUnlock, Account]{Name: "unlock", Method: post, Path: "/v1/accounts/{account}/unlock", Scope: Admin, Verb: "account", Summary: "Open a locked account, and run it"}
	SetPassphrase  = &Operation[InPassphrase, Done]{Name: "setPassphrase", Method: put, Path: "/v1/accounts/{account}/passphrase", Scope: Admin, Verb: "account", Summary: "Change the passphrase of the store"}
	SetProfile     = &Operation[InProfile, Account]{Name: "setProfile", Method: put, Path: "/v1/accounts/{account}/profile", Scope: Admin, Verb: "profile", Summary: "Say how the account is called"}
	SetPicture     = &Operation[InPicture, Account]{Name: "setPicture", Method: put, Path: "/v1/accounts/{account}" + picturePath, Body: maxPictureBody, Scope: Admin, Verb: "profile", Summary: "Say how the account looks"}
	DropPicture    = &Operation[InAccount, Account]{Name: "dropPicture", Method: del, Path: "/v1/accounts/{account}" + picturePath, Scope: Admin, Verb: "profile", Summary: "Take the account's picture away"}
	GetPicture     = &Operation[InAccount, Picture]{Name: "picture", Method: get, Path: "/v1/accounts/{account}" + picturePath, Scope: Read, Verb: "profile", Summary: "Show the account's picture"}
	GetWords       = &Operation[InAccount, Words]{Name: "words", Method: get, Path: "/v1/accounts/{account}/words", Scope: Admin, Verb: "words", Summary: "Show the 24 words, until they are confirmed"}
	ConfirmWords   = &Operation[InConfirmWords, Done]{Name: "confirmWords", Method: post, Path: "/v1/accounts/{account}/words", Scope: Admin, Verb: "words", Summary: "Confirm the words, and erase the seed"}
	ListInvites    = &Operation[InAccount, Invites]{Name: "listInvites", Method: get, Path: "/v1/accounts/{account}/invites", Scope: Admin, Verb: "invite", Summary: "List invites that are still good"}
	MakeInvite     = &Operation[InMakeInvite, Invite]{Name: "makeInvite", Method: post, Path: "/v1/accounts/{account}/invites", Scope: Admin, Verb: "invite", Summary: "Make an invite"}
	RevokeInvite   = &Operation[InInvite, Done]{Name: "revokeInvite", Method: del, Path: "/v1/accounts/{account}/invites/{invite}", Scope: Admin, Verb: "invite", Summary: "Make an invite useless"}
	ListRelays     = &Operation[InAccount, Relays]{Name: "listRelays", Method: get, Path: "/v1/accounts/{account}/relays", Scope: Read, Verb: "relay", Summary: "List the relays that keep post for this device, or may"}
	AddRelay       = &Operation[InAddRelay, Relays]{Name: "addRelay", Method: post, Path: "/v1/accounts/{account}/relays", Scope: Admin, Verb: "relay", Summary: "Let a relay keep post"}
	RemoveRelay    = &Operation[InRelay, Relays]{Name: "removeRelay", Method: del, Path: "/v1/accounts/{account}/relays/{relay}", Scope: Admin, Verb: "relay", Summary: "Do without a relay"}
	GetCustody     = &Operation[InAccount, Custody]{Name: "custody", Method: get, Path: "/v1/accounts/{account}/custody", Scope: Read, Why: "why tells it of a message; the page shows all of it", Summary: "Tell which relays keep how much for contacts"}
	ListContacts   = &Operation[InContacts, Contacts]{Name: "listContacts", Method: get, Path: "/v1/accounts/{account}/contacts", Scope: Read, Verb: "contacts", Summary: "List contacts and requests"}
	AddContact     = &Operation[InAdd, Contact]{Name: "addContact", Method: post, Path: "/v1/accounts/{account}/contacts", Scope: Admin, Verb: "add", Summary: "Add a contact by invite or address"}
	GetContact     = &Operation[InContact, Contact]{Name: "contact", Method: get, Path: "/v1/accounts/{account}/contacts/{contact}", Scope: Read, Verb: "verify", Summary: "Tell of a contact, with the safety number"}
	ContactPicture = &Operation[InContact, Picture]{Name: "contactPicture", Method: get, Path: "/v1/accounts/{account}/contacts/{contact}" + picturePath, Scope: Read, Why: "a terminal shows no pictures", Summary: "Show a contact's picture"}
	ChangeContact  = &Operation[InChangeContact, Contact]{Name: "changeContact", Method: patch, Path: "/v1/accounts/{account}/contacts/{contact}", Scope: Admin, Verb: "block", Summary: "Give an alias, verify, block or unblock"}
	AcceptRequest  = &Operation[InContact, Contact]{Name: "acceptRequest", Method: post, Path: "/v1/accounts/{account}/contacts/{contact}/accept", Scope: Admin, Verb: "requests", Summary: "Accept who asks to become a contact"}
	RemoveContact  = &Operation[InContact, Done]{Name: "removeContact", Method: del, Path: "/v1/accounts/{account}/contacts/{contact}", Scope: Admin, Verb: "contacts", Summary: "Forget a contact and its conversation, or turn a request down"}
	ListChats      = &Operation[InAccount, Chats]{Name: "listChats", Method: get, Path: "/v1/accounts/{account}/chats", Scope: Read, Verb: "chats", Summary: "List conversations, newest first"}
	GetChat        = &Operation[InContact, Chat]{Name: "chat", Method: get, Path: "/v1/accounts/{account}/chats/{contact}", Scope: Read, Verb: "chats", Summary: "Tell of one conversation"}
	ChangeChat     = &Operation[InChangeChat, Chat]{Name: "changeChat", Method: patch, Path: "/v1/accounts/{account}/chats/{contact}", Scope: Send, Why: "pins, drafts and the like are about how a page shows conversations", Summary: "Pin, archive, mute, mark as unread, keep a draft"}
	GetPrivacy     = &Operation[InAccount, Privacy]{Name: "privacy", Method: get, Path: "/v1/accounts/{account}/privacy", Scope: Read, Why: "the page sets it; all verbs obey", Summary: "Tell what others are not told"}
	SetPrivacy     = &Operation[InSetPrivacy, Privacy]{Name: "setPrivacy", Method: put, Path: "/v1/accounts/{account}/privacy", Scope: Admin, Why: "the page sets it; all verbs obey", Summary: "Say what others are not told"}
	GetStorage     = &Operation[InAccount, Storage]{Name: "storage", Method: get, Path: "/v1/accounts/{account}/storage", Scope: Read, Verb: "status", Summary: "Tell what the account takes of the disk"}
	Inspect        = &Operation[InInspect, Inspected]{Name: "inspect", Method: post, Path: "/v1/accounts/{account}/inspect", Scope: Admin, Why: "add says it; the page shows it before", Summary: "Tell whose an invite is, before it is used"}
	GetLastBackup  = &Operation[InAccount, LastBackup]{Name: "lastBackup", Method: get, Path: "/v1/accounts/{account}/backup", Scope: Read, Verb: "status", Summary: "Tell when the last backup was made"}
	NoteBackup     = &Operation[InNoteBackup, LastBackup]{Name: "noteBackup", Method: put, Path: "/v1/accounts/{account}/backup", Scope: Admin, Verb: "backup", Summary: "Remember that a backup is where it is to stay"}
	GetHistory     = &Operation[InHistory, Page]{Name: "history", Method: get, Path: "/v1/accounts/{account}/contacts/{contact}/messages", Scope: Read, Verb: "history", Summary: "Read a conversation"}
	SendMessage    = &Operation[InSend, Message]{Name: "send", Method: post, Path: "/v1/accounts/{account}/contacts/{contact}/messages", Scope: Send, Verb: "send", Summary: "Say a text"}
	MarkRead       = &Operation[InMarkRead, Done]{Name: "markRead", Method: post, Path: "/v1/accounts/{account}/contacts/{contact}/read", Scope: Send, Verb: "history", Summary: "Mark messages as read"}
	SetTyping      = &Operation[InWeak, Done]{Name: "typing", Method: post, Path: "/v1/accounts/{account}/contacts/{contact}/typing", Scope: Send, Why: "a shell sends whole lines; the page tells that somebody writes", Summary: "Tell that somebody writes, or stopped"}
	SetPresence    = &Operation[InWeak, Done]{Name: "presence", Method: post, Path: "/v1/accounts/{account}/contacts/{contact}/presence", Scope: Send, Why: "the page tells that somebody looks at it", Summary: "Tell that somebody is here, or left"}
	SearchMessages = &Operation[InSearch, Page]{Name: "search", Method: get, Path: "/v1/accounts/{account}/search", Scope: Read, Verb: "search", Summary: "Find messages that hold a text"}
	GetMessage     = &Operation[InMessage, Message]{Name: "message", Method: get, Path: "/v1/accounts/{account}/messages/{message}", Scope: Read, Verb: "why", Summary: "Tell where a message is"}
	EditMessage    = &Operation[InEdit, Message]{Name: "edit", Method: patch, Path: "/v1/accounts/{account}/messages/{message}", Scope: Send, Verb: "edit", Summary: "Give an own message another text"}
	DeleteMessage  = &Operation[InDelete, Done]{Name: "delete", Method: del, Path: "/v1/accounts/{account}/messages/{message}", Scope: Send, Verb: "delete", Summary: "Take a message away"}
	React          = &Operation[InReact, Message]{Name: "react", Method: put, Path: "/v1/accounts/{account}/messages/{message}/reaction", Scope: Send, Verb: "react", Summary: "Put an emoji to a message"}
	RetryMessage   = &Operation[InMessage, Message]{Name: "retry", Method: post, Path: "/v1/accounts/{account}/messages/{message}/retry", Scope: Send, Verb: "why", Summary: "Try again what failed"}
)

// Calls. The page and linnet call carry their media alike: by the tasks.
var (
	ListCalls    = &Operation[InAccount, Calls]{Name: "listCalls", Method: get, Path: "/v1/accounts/{account}/calls", Scope: Read, Verb: "calls", Summary: "Tell of the current call and of those that were"}
	StartCall    = &Operation[InStartCall, Call]{Name: "startCall", Method: post, Path: "/v1/accounts/{account}/calls", Scope: Send, Verb: "call", Summary: "Call contacts"}
	AnswerCall   = &Operation[InCall, Call]{Name: "answerCall", Method: post, Path: "/v1/accounts/{account}/calls/{call}/answer", Scope: Send, Verb: "call", Summary: "Take the call that rings"}
	HangUp       = &Operation[InCall, Call]{Name: "hangUp", Method: del, Path: "/v1/accounts/{account}/calls/{call}", Scope: Send, Verb: "call", Summary: "Leave, give up or decline a call"}
	SetVoice     = &Operation[InVoice, Call]{Name: "setVoice", Method: put, Path: "/v1/accounts/{account}/calls/{call}/voice", Scope: Send, Verb: "call", Summary: "Mute, hold, raise the hand"}
	GetCallTasks = &Operation[InCallTasks, CallTasks]{Name: "callTasks", Method: post, Path: "/v1/accounts/{account}/calls/{call}/tasks", Scope: Send, Verb: "call", Summary: "Carry the media of a call: tell what is to be done, and wait for it"}
	ReportCall   = &Operation[InReportCall, Done]{Name: "reportCall", Method: post, Path: "/v1/accounts/{account}/calls/{call}/report", Scope: Send, Verb: "call", Summary: "Carry the media of a call: tell what became of it"}
)

// What is or takes a file, see Client.MakeBackup and Client.Restore.
var (
	makeBackup = &Operation[InMakeBackup, Backup]{Name: "makeBackup", Method: post, Path: "/v1/accounts/{account}/backup", Scope: Admin, Verb: "backup", Summary: "Make a backup: the answer is the file"}
	restore    = &Operation[RestoreHead, Restored]{Name: "restore", Method: post, Path: RestorePath, Scope: Admin, Verb: "backup", Summary: "Have an account again from a backup, as a new device, and run it"}
)

// WatchPath is where events come from, as text/event-stream, see Client.Watch.
const WatchPath = "/v1/events"

// WatchVerb is the verb that shows them.
const WatchVerb = "watch"
