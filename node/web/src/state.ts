// What the page knows: read from the API, kept in RAM, and changed by events.
import { batch, computed, effect, signal } from "@preact/signals";
import { call, link, Problem, session, watch } from "./api";
import { choices, choose } from "./choices";
import { told } from "./reasons";
import { t } from "./tongue";
import type { Account, Chat, Contact, Event, Message, Page, Token } from "./words";

export const accounts = signal<Account[] | null>(null);
export const chats = signal<Chat[]>([]);
export const loaded = signal(false);
export const failure = signal("");

// account is the one that is shown, by its local name.
export const account = computed(() => {
	const all = accounts.value ?? [];
	return (all.find(a => a.name === choices.value.account) ?? all.find(a => a.state === "running") ?? all[0])?.name ?? "";
});
export const me = computed(() => (accounts.value ?? []).find(a => a.name === account.value));

// at is the path of the account, and of one of its contacts.
export const at = (rest = "") => "/v1/accounts/" + encodeURIComponent(account.value) + rest;
export const withContact = (id: string, rest = "") => at("/contacts/" + encodeURIComponent(id) + rest);

// place is where in the page one is: the parts of the fragment, such as c/ID/info.
export const place = signal<string[]>(parts());
function parts() { return location.hash.startsWith("#/") ? location.hash.slice(2).split("/").filter(Boolean).map(decodeURIComponent) : []; }
addEventListener("hashchange", () => { place.value = parts(); });
export function go(...to: string[]) {
	const hash = "#/" + to.map(encodeURIComponent).join("/");
	if (location.hash !== hash) location.hash = hash;
	place.value = to;
}
// stay is go without a step back.
export function stay(...to: string[]) {
	history.replaceState(null, "", "#/" + to.map(encodeURIComponent).join("/"));
	place.value = to;
}

export const open = computed(() => place.value[0] === "c" ? place.value[1] : "");
export const chat = computed(() => chats.value.find(c => c.with.id === open.value));
export const contactName = (id: string) => chats.value.find(c => c.with.id === id)?.with.name ?? id.slice(0, 8);

// typing is who writes, and until when that is believed.
export const typing = signal<Record<string, number>>({});
export const here = signal<Record<string, boolean>>({});

const newest = (c: Chat) => c.last ? c.last.place : "";
function sorted(all: Chat[]): Chat[] {
	return all.slice().sort((a, b) => Number(!!b.pinned) - Number(!!a.pinned) || (newest(b) > newest(a) ? 1 : newest(b) < newest(a) ? -1 : a.with.name.localeCompare(b.with.name)));
}
function put(c: Chat) {
	chats.value = sorted([...chats.value.filter(x => x.with.id !== c.with.id), c]);
}

// Toasts say what was done, and let it be undone.
export interface Toast { id: number; text: string; act?: string; run?: () => void; bad?: boolean }
export const toasts = signal<Toast[]>([]);
let toastID = 0;
export function toast(text: string, act?: string, run?: () => void, bad = false) {
	const one = { id: ++toastID, text, act, run, bad };
	toasts.value = [...toasts.value.slice(-2), one];
	setTimeout(() => dismiss(one.id), act || bad ? 8000 : 4000);
	return one.id;
}
export function dismiss(id: number) { toasts.value = toasts.value.filter(x => x.id !== id); }

// explain says what went wrong, in the words of the daemon where it has some.
export function explain(e: unknown): string {
	if (e instanceof Problem) {
		if (e.code === "no_daemon") return t("down");
		return told(e.reason, e.message) || e.code;
	}
	return String(e instanceof Error ? e.message : e);
}
export function complain(e: unknown) { if (session.value === "in") toast(explain(e), undefined, undefined, true); }

// read reads all that is shown.
let reading: Promise<void> | null = null;
export function read(): Promise<void> {
	return reading ??= (async () => {
		try {
			accounts.value = (await call<{ accounts: Account[] }>("GET", "/v1/accounts")).accounts;
			failure.value = "";
			if (me.value?.state === "running") await readChats();
			loaded.value = true;
		} catch (e) {
			failure.value = explain(e);
		} finally {
			reading = null;
		}
	})();
}

export async function readChats() {
	const name = account.value;
	const all = (await call<{ chats: Chat[] }>("GET", at("/chats"))).chats;
	if (name === account.value) chats.value = sorted(all);
}

// Chats about which something came are read anew, a little later and once.
const stale = new Set<string>(), asking = new Set<string>();
function freshen(id: string) {
	if (!stale.size) setTimeout(async () => {
		const ids = [...stale];
		stale.clear();
		for (const one of ids) {
			asking.add(one);
			try { put(await call<Chat>("GET", at("/chats/" + one))); } catch (e) {
				if (e instanceof Problem && e.code === "not_found") chats.value = chats.value.filter(c => c.with.id !== one);
			}
			asking.delete(one);
		}
	}, 60);
	stale.add(id);
}

// listeners hear events after the state took them in.
export const listeners = new Set<(e: Event) => void>();
export const refreshers = new Set<() => void>();

function heard(e: Event) {
	if (e.type === "account") { void read(); return; }
	if (e.account !== account.value) return;
	const id = e.with ?? "";
	batch(() => {
		switch (e.type) {
			case "message": case "delivery": {
				const c = chats.value.find(x => x.with.id === id), m = e.message;
				if (c && m && (!c.last || m.place >= c.last.place)) {
					put({ ...c, last: m });
				}
				if (m && !m.own && typing.value[id]) typing.value = { ...typing.value, [id]: 0 };
				if (e.type === "message" || asking.has(id)) freshen(id); // an answer under way may be older than the event
				break;
			}
			case "contact": freshen(id); break;
			case "chat": if (e.chat) put(e.chat); break;
			case "typing": typing.value = { ...typing.value, [id]: e.on ? Date.now() + 8000 : 0 };
				if (e.on) setTimeout(() => { if ((typing.value[id] ?? 0) <= Date.now()) typing.value = { ...typing.value, [id]: 0 }; }, 8100);
				break;
			case "presence": here.value = { ...here.value, [id]: !!e.on }; break;
		}
	});
	for (const f of listeners) f(e);
}

export function begin() {
	watch(heard, () => { void read().then(() => { for (const f of refreshers) f(); }); });
	effect(() => { if (session.value === "in" && accounts.peek() === null) void read(); });
	let was = link.value;
	effect(() => { // somebody started the daemon
		if (link.value === "up" && was === "down" && session.peek() === "in") void read();
		was = link.value;
	});
}

export function switchTo(name: string) {
	batch(() => { choose({ account: name }); chats.value = []; loaded.value = false; go(); });
	void read();
}

export const change = (id: string, what: object) => call<Chat>("PATCH", at("/chats/" + id), what).then(put, complain);
export const changeContact = (id: string, what: object) => call<Contact>("PATCH", withContact(id), what).then(() => freshen(id));
export const markRead = (id: string) => call("POST", withContact(id, "/read"), {}).catch(() => {});
export const history_ = (id: string, query: string, signal?: AbortSignal) => call<Page>("GET", withContact(id, "/messages?" + query), undefined, { signal });
export const unread = computed(() => chats.value.reduce((n, c) => n + (c.archived || c.muted || c.with.state === "requested" || c.with.state === "blocked" ? 0 : c.unread), 0));
export type { Account, Chat, Contact, Message, Token };
