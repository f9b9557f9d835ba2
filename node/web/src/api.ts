// The one client of the API: calls with the tab's token, and events that go on where they broke off.
import { signal } from "@preact/signals";
import type { Event, Token } from "./words";

// Problem is what the API refuses with (RFC 9457), and what it is when nobody answers: code "no_daemon".
export class Problem extends Error {
	constructor(public status: number, public code: string, detail: string, public hint = "", public reason = "") { super(detail); }
}

// session tells whether this tab may call: "in", "out" without a token, "unknown" while it looks for one.
export const session = signal<"in" | "out" | "unknown">("unknown");

// link tells whether the daemon answers.
export const link = signal<"up" | "down">("up");

let token = sessionStorage.getItem("linnet-token") ?? "";
let tokenID = sessionStorage.getItem("linnet-token-id") ?? "";
const channel = new BroadcastChannel("linnet");

function keep(t: Token) {
	token = t.secret!;
	tokenID = t.id;
	sessionStorage.setItem("linnet-token", token);
	sessionStorage.setItem("linnet-token-id", tokenID);
	session.value = "in";
}

function forget() {
	token = tokenID = "";
	sessionStorage.removeItem("linnet-token");
	sessionStorage.removeItem("linnet-token-id");
	session.value = "out";
}

export async function call<T>(method: string, path: string, body?: unknown, more: { signal?: AbortSignal; key?: string } = {}): Promise<T> {
	const headers: Record<string, string> = { Authorization: "Bearer " + token };
	if (body !== undefined) headers["Content-Type"] = "application/json";
	if (more.key) headers["Idempotency-Key"] = more.key;
	let answer: Response;
	try {
		answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal: more.signal, cache: "no-store", redirect: "error" });
	} catch (e) {
		if (more.signal?.aborted) throw e;
		link.value = "down";
		throw new Problem(0, "no_daemon", "");
	}
	link.value = "up";
	const text = await answer.text();
	let value: any = {};
	try { value = text ? JSON.parse(text) : {}; } catch { /* not ours */ }
	if (answer.ok) return value as T;
	if (answer.status === 401) forget();
	throw new Problem(answer.status, value.code ?? "internal", value.detail ?? value.title ?? answer.statusText, value.hint, value.reason);
}

// stream is call where the answer is a file.
export async function stream(method: string, path: string, body: unknown): Promise<ReadableStream<Uint8Array>> {
	const answer = await fetch(path, { method, headers: { Authorization: "Bearer " + token, "Content-Type": "application/json" }, body: JSON.stringify(body), cache: "no-store", redirect: "error" });
	if (answer.ok && answer.body) return answer.body;
	const value = await answer.json().catch(() => ({}));
	throw new Problem(answer.status, value.code ?? "internal", value.detail ?? answer.statusText, value.hint, value.reason);
}

// login gives a code, and gets this tab's token.
export async function login(code: string) {
	keep(await call<Token>("POST", "/v1/login", { code }));
}

// logout takes this tab's token away, here and in the daemon.
export async function logout() {
	const id = tokenID;
	try { if (id) await call("DELETE", "/v1/tokens/" + id); } catch { /* it is over anyway */ }
	forget();
}

// begin finds this tab's token: the code of its link, what it had before it was loaded anew, or a code that another tab of
// this page asks the daemon for.
export async function begin() {
	const code = /^#([A-Z2-7]{20,40})$/.exec(location.hash);
	if (code) {
		history.replaceState(null, "", location.pathname + "#/");
		try { return await login(code[1]); } catch (e) { if (!token) { forget(); throw e; } }
	}
	if (token) { session.value = "in"; return; }
	const id = crypto.randomUUID();
	const answer = new Promise<string>(resolve => {
		const hear = (e: MessageEvent) => {
			if (e.data?.kind === "code" && e.data.to === id) { channel.removeEventListener("message", hear); resolve(e.data.code); }
		};
		channel.addEventListener("message", hear);
		setTimeout(() => { channel.removeEventListener("message", hear); resolve(""); }, 400);
	});
	channel.postMessage({ kind: "want", from: id });
	const given = await answer;
	if (!given) return forget();
	try { await login(given); } catch { forget(); }
}

channel.addEventListener("message", async e => {
	if (e.data?.kind !== "want" || !token || session.value !== "in") return;
	await navigator.locks.request("linnet-code-" + e.data.from, { ifAvailable: true }, async lock => {
		if (!lock) return; // another tab does it
		try {
			const l = await call<{ code: string }>("POST", "/v1/page", {});
			channel.postMessage({ kind: "code", to: e.data.from, code: l.code });
			await new Promise(r => setTimeout(r, 500));
		} catch { /* it can ask again */ }
	});
});

// leading tells whether this tab is the one that listens to the daemon. The others hear it from there: browsers open only six
// connections to one host, for all tabs together.
export let leading = false;

let last = "";
let nudge = () => {};

// watch calls heard with each event, and missed when some may have been missed: then what is shown is to be read again.
export function watch(heard: (e: Event) => void, missed: () => void) {
	channel.addEventListener("message", e => {
		if (leading || session.value !== "in") return;
		if (e.data?.kind === "event") { last = e.data.event.id; take(e.data.event); }
		if (e.data?.kind === "missed") missed();
		if (e.data?.kind === "link") link.value = e.data.link;
	});
	const take = (e: Event) => { if (e.type === "resync") missed(); else heard(e); };
	const say = (state: "up" | "down") => { link.value = state; channel.postMessage({ kind: "link", link: state }); };
	addEventListener("online", () => nudge());
	addEventListener("visibilitychange", () => { if (!document.hidden) nudge(); });
	navigator.locks.request("linnet-events", async () => {
		leading = true;
		let wait = 250, first = last === "";
		for (;;) {
			if (session.value !== "in") { await until(() => session.value === "in"); }
			try {
				const headers: Record<string, string> = { Authorization: "Bearer " + token };
				if (last) headers["Last-Event-ID"] = last;
				const answer = await fetch("/v1/events", { headers, cache: "no-store" });
				if (answer.status === 401) { forget(); continue; }
				if (!answer.ok || !answer.body) throw new Error(answer.statusText);
				say("up");
				wait = 250;
				if (!last && !first) { missed(); channel.postMessage({ kind: "missed" }); }
				first = false;
				await lines(answer.body, line => {
					if (!line.startsWith("data: ")) return;
					const e = JSON.parse(line.slice(6)) as Event;
					last = e.id;
					channel.postMessage({ kind: "event", event: e });
					take(e);
				});
			} catch { /* it broke: once more */ }
			first = false;
			say("down");
			await Promise.race([new Promise(r => setTimeout(r, wait)), new Promise<void>(r => { nudge = r; })]);
			wait = Math.min(wait * 2, 8000);
		}
	});
}

function until(is: () => boolean): Promise<void> {
	return new Promise(resolve => {
		const stop = session.subscribe(() => { if (is()) queueMicrotask(() => { stop(); resolve(); }); });
	});
}

// lines reads a stream as lines, each at most 4 MiB.
async function lines(body: ReadableStream<Uint8Array>, f: (line: string) => void) {
	const reader = body.getReader(), decoder = new TextDecoder();
	let rest = "";
	for (;;) {
		const { done, value } = await reader.read();
		if (done) return;
		rest += decoder.decode(value, { stream: true });
		if (rest.length > 4 << 20) { await reader.cancel(); throw new Error("too long a line"); }
		for (let i = rest.indexOf("\n"); i >= 0; i = rest.indexOf("\n")) {
			f(rest.slice(0, i));
			rest = rest.slice(i + 1);
		}
	}
}
