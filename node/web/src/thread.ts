// The open conversation: a window of messages that moves over a history of any length.
import { batch, effect, signal } from "@preact/signals";
import { call, Problem } from "./api";
import { account, at, change, chats, complain, explain, history_, listeners, loaded, open, refreshers, withContact } from "./state";
import type { Event, Message } from "./words";

const pageSize = 60; // messages that are read at once
const firstSize = 40; // when a conversation is opened: two screens, so that it is there soon
const most = 240; // messages that are in the document

export interface Thread {
	id: string;
	messages: Message[]; // by place, the oldest first
	older: string; // place to go on from, empty at the beginning
	newer: string; // place to go on from, empty at the end
	ready: boolean;
	firstUnread: string; // ID of the message above which the line stands
}

const none: Thread = { id: "", messages: [], older: "", newer: "", ready: false, firstUnread: "" };
export const thread = signal<Thread>(none);
export const target = signal<{ id: string; at: number } | null>(null); // a message to go to
export const missedBelow = signal(0); // what came while the end was out of sight

let busy = { older: false, newer: false };
let jump = 0;

const byPlace = (a: Message, b: Message) => a.place < b.place ? -1 : a.place > b.place ? 1 : 0;

function merge(have: Message[], more: Message[]): Message[] {
	const all = new Map(have.map(m => [m.id, m]));
	for (const m of more) all.set(m.id, m);
	return [...all.values()].sort(byPlace);
}

function set(id: string, part: Partial<Thread>) {
	if (thread.value.id === id) thread.value = { ...thread.value, ...part };
}

// enter shows the end of a conversation.
async function enter(id: string) {
	const mine = ++jump;
	busy = { older: false, newer: false };
	batch(() => { thread.value = { ...none, id }; missedBelow.value = 0; target.value = null; });
	if (!id) return;
	try {
		const page = await history_(id, "limit=" + firstSize);
		if (mine !== jump) return;
		const messages = page.messages.slice().reverse();
		let firstUnread = "";
		if (chats.value.find(c => c.with.id === id)?.unread) firstUnread = messages.find(m => m.unread)?.id ?? "";
		set(id, { messages, older: page.before ?? "", newer: "", ready: true, firstUnread });
	} catch (e) {
		if (mine === jump && !(e instanceof Problem && e.code === "not_found")) complain(e);
		set(id, { ready: true });
	}
}

export async function loadOlder() {
	const th = thread.value, mine = jump;
	if (!th.older || busy.older) return;
	busy.older = true;
	try {
		const page = await history_(th.id, "limit=" + pageSize + "&before=" + th.older);
		if (mine !== jump) return;
		let messages = merge(thread.value.messages, page.messages), newer = thread.value.newer;
		if (messages.length > most) { // the far end goes
			messages = messages.slice(0, most);
			newer = messages[most - 1].place;
		}
		set(th.id, { messages, older: page.before ?? "", newer });
	} catch (e) { complain(e); } finally { if (mine === jump) busy.older = false; }
}

export async function loadNewer() {
	const th = thread.value, mine = jump;
	if (!th.newer || busy.newer) return;
	busy.newer = true;
	try {
		const page = await history_(th.id, "limit=" + pageSize + "&after=" + th.newer);
		if (mine !== jump) return;
		let messages = merge(thread.value.messages, page.messages), older = thread.value.older;
		if (messages.length > most) {
			messages = messages.slice(-most);
			older = messages[0].place;
		}
		set(th.id, { messages, older, newer: page.after ?? "" });
	} catch (e) { complain(e); } finally { if (mine === jump) busy.newer = false; }
}

// toEnd shows the newest messages.
export async function toEnd() {
	if (thread.value.newer) await enter(thread.value.id);
	missedBelow.value = 0;
	target.value = { id: "", at: Date.now() };
}

// show goes to a message, wherever it is.
export async function show(id: string) {
	if (thread.value.messages.some(m => m.id === id)) { target.value = { id, at: Date.now() }; return; }
	try {
		const m = await call<Message>("GET", at("/messages/" + id));
		if (m.with === thread.value.id) await around(m.place, m);
		target.value = { id, at: Date.now() };
	} catch (e) { complain(e); }
}

// around shows what stands about a place.
async function around(where: string, self?: Message) {
	const id = thread.value.id, mine = ++jump;
	busy = { older: false, newer: false };
	const [before, after] = await Promise.all([history_(id, "limit=40&before=" + where), history_(id, "limit=40&after=" + where)]);
	if (mine !== jump) return;
	set(id, { messages: merge(self ? [self] : [], [...before.messages, ...after.messages]), older: before.before ?? "", newer: after.after ?? "", ready: true });
}

// showDay goes to the first message of a day, or after it. It tells whether there is one.
export async function showDay(day: Date): Promise<boolean> {
	const id = thread.value.id, mine = ++jump;
	busy = { older: false, newer: false };
	try {
		const page = await history_(id, "limit=" + pageSize + "&since=" + encodeURIComponent(day.toISOString()));
		if (mine !== jump || !page.messages.length) return false;
		const messages = page.messages.slice().reverse();
		set(id, { messages, older: page.before ?? messages[0].place, newer: page.after ?? "", ready: true });
		target.value = { id: messages[0].id, at: Date.now() };
		return true;
	} catch (e) { complain(e); return false; }
}

function take(e: Event) {
	const th = thread.value;
	if (e.with !== th.id || !th.ready) return;
	if (e.gone) { set(th.id, { messages: th.messages.filter(m => m.id !== e.gone) }); return; }
	const m = e.message;
	if (!m) return;
	if (th.messages.some(x => x.id === m.id)) { set(th.id, { messages: th.messages.map(x => x.id === m.id ? m : x) }); return; }
	if (e.type === "delivery") return;
	if (th.newer) { if (!m.own && m.unread) missedBelow.value++; return; }
	if (th.older && th.messages.length && m.place < th.messages[0].place) return;
	let rest = th.messages;
	if (m.own) { // the event may come before the answer
		const i = rest.findIndex(x => x.pending === "sending" && x.text === m.text);
		if (i >= 0) rest = rest.filter((_, j) => j !== i);
	}
	let messages = merge(rest, [m]);
	if (messages.length > most + pageSize) messages = messages.slice(-most);
	set(th.id, { messages, older: messages[0]?.place !== rest[0]?.place && messages.length >= most ? messages[0].place : th.older });
}

// say sends a text. It stands in the conversation at once, and is never lost: what could not be handed to the daemon stays
// and can be tried again. The key keeps it from being said twice.
export async function say(id: string, text: string, reply?: Message, again?: Message) {
	const key = again?.key ?? crypto.randomUUID();
	const draft: Message = {
		id: "~" + key, with: id, author: "", name: "", own: true, time: new Date().toISOString(), kind: "text", text, key,
		place: "~" + Date.now().toString().padStart(16, "0") + key, pending: "sending",
		reply_to: reply ? { id: reply.id, author: reply.author, name: reply.name, text: reply.text } : again?.reply_to,
	};
	if (thread.value.newer && thread.value.id === id) await enter(id);
	set(id, { messages: merge(thread.value.messages.filter(m => m.key !== key), [draft]), firstUnread: "" });
	target.value = { id: "", at: Date.now() };
	try {
		const m = await call<Message>("POST", withContact(id, "/messages"), { text, ...(draft.reply_to ? { reply: draft.reply_to.id } : {}) }, { key });
		const rest = thread.value.messages.filter(x => x.key !== key); // an event may have told more than the answer does
		set(id, { messages: rest.some(x => x.id === m.id) ? rest : merge(rest, [m]) });
	} catch (e) {
		set(id, { messages: thread.value.messages.map(m => m.key === key ? { ...m, pending: "unsent", problem: explain(e) } : m) });
	}
}

export const drop = (m: Message) => set(m.with, { messages: thread.value.messages.filter(x => x.id !== m.id) });

export function begin() {
	listeners.add(take);
	watchLate();
	refreshers.add(() => { if (thread.value.id && !thread.value.newer) void renew(); });
	effect(() => {
		const id = loaded.value && account.value ? open.value : "";
		if (id !== thread.peek().id) void enter(id);
	});
}

// renew reads the end again after events were missed, and keeps what is not sent.
async function renew() {
	const th = thread.value, mine = jump;
	try {
		const page = await history_(th.id, "limit=" + Math.min(500, Math.max(pageSize, th.messages.length)));
		if (mine !== jump) return;
		const waiting = thread.value.messages.filter(m => m.pending);
		set(th.id, { messages: merge(waiting, page.messages), older: page.before ?? "", ready: true });
	} catch (e) { complain(e); }
}

// lookAgain reads a message anew: events that tell of another reason why it waits do not hold it, and none tells when it is tried next.
export async function lookAgain(id: string) {
	const had = thread.value.messages.find(m => m.id === id);
	if (!had) return;
	try {
		const m = await call<Message>("GET", at("/messages/" + id));
		if (JSON.stringify(m.deliveries) !== JSON.stringify(had.deliveries) && thread.value.messages.includes(had)) set(m.with, { messages: thread.value.messages.map(x => x.id === id ? m : x) });
	} catch { /* the pill tells */ }
}

// watchLate looks again at what waits, if it is the last that was said here: when the node says that there is another reason,
// and once soon after it was said, since that may have been told before it stood here.
function watchLate() {
	let next = 0;
	const late = () => { const m = thread.value.messages.at(-1); return m?.own && !m.pending && m.state === "queued" ? m.id : ""; };
	effect(() => {
		const id = late();
		clearTimeout(next);
		if (id) next = setTimeout(() => { if (late() === id) void lookAgain(id); }, 1000) as unknown as number;
	});
	listeners.add(e => { if (e.type === "waiting" && e.with === thread.value.id && late()) void lookAgain(late()); });
}

// Drafts are kept by the daemon a moment after the last key.
let draftTimer = 0, draftOf = "", draftText = "";
export function keepDraft(id: string, text: string, soon = false) {
	if (draftOf && draftOf !== id) flushDraft();
	draftOf = id;
	draftText = text;
	clearTimeout(draftTimer);
	if (soon) flushDraft();
	else draftTimer = setTimeout(flushDraft, 700) as unknown as number;
}
export function flushDraft() {
	clearTimeout(draftTimer);
	if (!draftOf) return;
	const id = draftOf, c = chats.value.find(x => x.with.id === id);
	draftOf = "";
	if (c && (c.draft ?? "") !== draftText) void change(id, { draft: draftText });
}
addEventListener("pagehide", flushDraft);
