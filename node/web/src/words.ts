// What the API says, as openapi.json has it. Fields may be added there; what is not known here is ignored.

export interface Account {
	name: string; display?: string; about?: string; picture?: string; state: "running" | "locked" | "failed"; problem?: string;
	id?: string; address?: string; device?: number; devices?: number[]; words?: boolean;
}

export interface Contact {
	id: string; name: string; alias?: string; profile?: string; about?: string; picture?: string; address: string;
	state: "asked" | "requested" | "accepted" | "blocked"; verified: boolean; since: string; devices?: number[];
	awake?: boolean; safety_number?: string;
}

export type State = "queued" | "kept" | "delivered" | "read" | "failed";

export interface Delivery {
	to: string; name: string; device: number; state: State; why?: string; reason?: string; at?: string; next?: string; until?: string; relays?: number; kept?: { relay: string; until: string }[] | null;
}

export interface Reaction { emoji: string; author: string; name: string; own?: boolean }
export interface Quote { id: string; author: string; name: string; text?: string }

export interface Message {
	id: string; with: string; author: string; name: string; own?: boolean; time: string; wrong_time?: boolean;
	kind: "text" | "contact" | "timer" | "newer"; text?: string; edited?: boolean; deleted?: boolean; hidden?: boolean;
	reply_to?: Quote; reactions?: Reaction[] | null; card?: { name?: string; address: string }; unread?: boolean;
	state?: State; deliveries?: Delivery[] | null; place: string;
	// Of this page alone: a message that the daemon has not confirmed yet.
	pending?: "sending" | "unsent"; key?: string; problem?: string;
}

export interface Chat {
	with: Contact; last?: Message; unread: number; pinned?: boolean; archived?: boolean; marked?: boolean; muted?: string; draft?: string;
}

export interface Page { messages: Message[]; before?: string; after?: string }
export interface Invite { id: string; link: string; until?: string; standing?: boolean }
export interface Inspected { id: string; known?: Contact; self?: boolean; bare?: boolean; until?: string; over?: boolean }
export interface Check { name: string; state: "ok" | "warn" | "fail"; text: string; fix?: string }
export interface Token { id: string; name: string; page?: boolean; scope: string; created: string; until?: string; used?: string; secret?: string }
export interface Relay {
	id: string; addresses?: string[] | null; state: "allowed" | "used" | "leaving"; since: string; invited?: boolean; connected: boolean; listens?: boolean; drains?: boolean;
	ready?: boolean; why?: string; reason?: string; seen?: string; ahead_ms?: number;
}
export interface Keeping { relay: string; messages: number; until: string }
export interface Privacy { no_receipts: boolean; no_typing: boolean }
export interface Storage { bytes: number; free: number }

export interface Status {
	version: string; since: string; listen?: string; checks: Check[] | null;
	accounts: (Account & { peers: number; checks: Check[] | null; waiting: { to: string; name: string; messages: number; why?: string; reason?: string }[] | null })[];
}

export interface Event {
	id: string; type: "message" | "delivery" | "contact" | "typing" | "presence" | "chat" | "account" | "relay" | "waiting" | "resync"; time: string;
	account?: string; with?: string; name?: string; message?: Message; gone?: string; contact?: Contact; chat?: Chat; on?: boolean;
}
