// Parts that screens are made of.
import { Component, Fragment, h, type ComponentChildren, type JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { call } from "./api";
import { ownPath, portrait } from "./portrait";
import { complain, dismiss, toasts, withContact } from "./state";
import { t } from "./tongue";

// plain makes a name of one line of a text that somebody chose: no control characters, nothing that turns the direction of
// what stands around it, and not a tower of accents.
export function plain(name: string): string {
	const text = name.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff]/g, " ").replace(/(\p{M}{3})\p{M}+/gu, "$1").trim();
	return text.length > 200 ? text.slice(0, 200) + "…" : text || "…";
}

export function Name({ of, class: c }: { of: string; class?: string }) {
	return <bdi class={"name " + (c ?? "")} data-theirs title={of.length > 24 ? plain(of) : undefined}>{plain(of)}</bdi>;
}

const paths: Record<string, string> = {
	back: "M15 5l-7 7 7 7", close: "M6 6l12 12M18 6L6 18", send: "M4 12l16-8-6 16-3-6z", more: "M12 5v.01M12 12v.01M12 19v.01",
	plus: "M12 5v14M5 12h14", search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5", emoji: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8.5 10v.01M15.5 10v.01M8 14c1 1.7 2.4 2.5 4 2.5s3-.8 4-2.5",
	reply: "M10 6L4 12l6 6M4 12h9a7 7 0 0 1 7 7", forward: "M14 6l6 6-6 6M20 12h-9a7 7 0 0 0-7 7", copy: "M9 9h10v11H9zM5 15V4h10",
	edit: "M4 20l1-5L16 4l4 4L9 19z", trash: "M5 7h14M10 4h4M7 7l1 13h8l1-13M10 11v5M14 11v5", select: "M5 12l5 5L20 7", info: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5M12 8v.01",
	pin: "M9 4h6l-1 6 3 3H7l3-3zM12 13v7", archive: "M4 5h16v4H4zM6 9v10h12V9M10 13h4", mute: "M6 10v4h3l5 4V6L9 10zM18 9l4 6M22 9l-4 6", bell: "M6 17V11a6 6 0 0 1 12 0v6l1 1H5zM10 21h4",
	down: "M12 5v14M6 13l6 6 6-6", calendar: "M4 6h16v14H4zM4 10h16M8 3v5M16 3v5", qr: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h3v3h-3zM20 17v3h-3", camera: "M4 8h4l2-3h4l2 3h4v11H4zM12 10a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z",
	lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3", shield: "M12 3l8 3v6c0 4.5-3.2 7.6-8 9-4.8-1.400-8-4.500-8-9V6z", device: "M4 5h16v11H4zM9 20h6", disk: "M4 6c0-1.700 3.600-3 8-3s8 1.300 8 3v12c0 1.700-3.600 3-8 3s-8-1.300-8-3zM4 6c0 1.700 3.600 3 8 3s8-1.300 8-3M4 12c0 1.700 3.600 3 8 3s8-1.300 8-3",
	moon: "M20 14A8 8 0 0 1 10 4a8 8 0 1 0 10 10z", keyboard: "M3 7h18v10H3zM7 14h10M7 10.500v.01M11 10.500v.01M15 10.500v.01", user: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4 20c1-4 4-6 8-6s7 2 8 6", users: "M9 5a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7zM3 19c.5-3 3-5 6-5s5.500 2 6 5M16 5.500a3.500 3.500 0 0 1 0 6.500M18 14.500c1.600.700 2.700 2.300 3 4.500",
	link: "M10 14a4 4 0 0 0 6 0l4-4a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-4 4a4 4 0 0 0 6 6l1-1", key: "M14 10a4 4 0 1 0-4 4l1 0 2-1 7 7v-3h-3v-3h-3z", share: "M12 15V4M8 8l4-4 4 4M5 12v8h14v-8", block: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM5.700 5.700l12.600 12.600",
	clock: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4l3 2", kept: "M5 12l5 5L19 8", delivered: "M2 12l5 5L16 8M12 17l9-9", failed: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v5M12 16v.01", check: "M5 12l5 5L20 7", at: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM16 8v5.500a2.500 2.500 0 0 0 5 0V12a9 9 0 1 0-4 7.500", bold: "M7 5h6a3.500 3.500 0 0 1 0 7H7zM7 12h7a3.500 3.500 0 0 1 0 7H7z", retry: "M5 12a7 7 0 1 0 2-5M5 4v4h4", next: "M9 5l7 7-7 7", unread: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z", relay: "M4 12h4l2 3h4l2-3h4M4 12l3-7h10l3 7v7H4z", node: "M12 3v6M12 15v6M5 8l5 3M14 13l5 3M19 8l-5 3M10 13l-5 3M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z", globe: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18",
};
const turning = new Set(["back", "next", "reply", "forward", "send"]); // they point where text goes

export function Icon({ name, class: c }: { name: string; class?: string }) {
	return <svg class={"icon " + (turning.has(name) ? "turning " : "") + (c ?? "")} viewBox="0 0 24 24" aria-hidden="true"><path d={paths[name]} /></svg>;
}

export function IconButton({ icon, label, class: c, ...rest }: { icon: string; label: string } & JSX.HTMLAttributes<HTMLButtonElement> & { disabled?: boolean; type?: string }) {
	return <button type="button" class={"round " + (c ?? "")} aria-label={label} title={label} {...rest as object}><Icon name={icon} /></button>;
}

// Avatar is the picture of an account, of a contact or, where own names it, of this node; without one, the first letters of
// its name on a colour that its ID gives.
export function Avatar({ name, id, size = "m", awake, picture, own, here }: { name: string; id: string; size?: "s" | "m" | "l" | "xl"; awake?: boolean; picture?: string; own?: string; here?: string }) {
	const url = here ?? (picture ? portrait(picture, own ? ownPath(own) : withContact(id, "/picture")) : "");
	const words = plain(name).split(/\s+/).filter(Boolean), segment = new Intl.Segmenter();
	const letters = words.slice(0, words.length > 1 && size !== "s" ? 2 : 1).map(w => [...segment.segment(w)][0]?.segment ?? "").join("");
	return <span class={"avatar " + size} data-hue={parseInt(id.slice(0, 6) || "0", 16) % 8} aria-hidden="true" data-theirs>
		<span>{url ? <img src={url} alt="" draggable={false} /> : letters.toLocaleUpperCase()}</span>{awake && <i class="awake" />}
	</span>;
}

// Only keeps a part of the page as it is while what it is given is the same.
export class Only<P extends { children?: ComponentChildren }> extends Component<P & { by: unknown[] }> {
	shouldComponentUpdate(next: { by: unknown[] }) { return next.by.length !== this.props.by.length || next.by.some((x, i) => x !== this.props.by[i]); }
	render() { return <>{this.props.children}</>; }
}

const focusable = "a[href],button:not([disabled]),input:not([disabled]),select,textarea,[tabindex]:not([tabindex='-1'])";

// closers close what stands over the page, the topmost last. Escape reaches it wherever the focus is.
const closers: { close: () => void }[] = [];
addEventListener("keydown", e => {
	if (e.key !== "Escape" || e.defaultPrevented || !closers.length) return;
	e.preventDefault();
	closers[closers.length - 1].close();
});
export function useEscape(close: () => void) {
	const own = useRef({ close });
	own.current.close = close;
	useLayoutEffect(() => {
		const mine = own.current;
		closers.push(mine);
		return () => { closers.splice(closers.indexOf(mine), 1); };
	}, []);
}

// giveBack puts the focus where it was, unless it went elsewhere meanwhile.
function giveBack(to: HTMLElement | null, from: HTMLElement | null) {
	const now = document.activeElement;
	if (to?.isConnected && (!now || now === document.body || from?.contains(now))) to.focus();
}

// Dialog stands over the page until it is closed: by its button, Escape, or a click beside it. Focus stays within, and goes
// back where it was.
export function Dialog({ title, close, children, wide, footer }: { title: string; close: () => void; children: ComponentChildren; wide?: boolean; footer?: ComponentChildren }) {
	const box = useRef<HTMLDivElement>(null);
	useEscape(close);
	useEffect(() => {
		const was = document.activeElement as HTMLElement | null;
		const first = box.current?.querySelector<HTMLElement>("[autofocus]") ?? box.current?.querySelector<HTMLElement>(".body " + focusable.split(",").join(",.body ")) ?? box.current?.querySelector<HTMLElement>(focusable);
		first?.focus();
		return () => giveBack(was, box.current);
	}, []);
	const key = (e: KeyboardEvent) => {
		if (e.key !== "Tab") return;
		const all = [...box.current!.querySelectorAll<HTMLElement>(focusable)].filter(x => x.offsetParent !== null);
		const first = all[0], last = all[all.length - 1];
		if (e.shiftKey && document.activeElement === first) { e.preventDefault(); last?.focus(); }
		else if (!e.shiftKey && document.activeElement === last) { e.preventDefault(); first?.focus(); }
	};
	return <div class="veil" onMouseDown={e => { if (e.target === e.currentTarget) close(); }}>
		<div class={"dialog" + (wide ? " wide" : "")} role="dialog" aria-modal="true" aria-label={title} ref={box} onKeyDown={key}>
			<header><h2>{title}</h2><IconButton icon="close" label={t("close")} onClick={close} /></header>
			<div class="body">{children}</div>
			{footer && <footer>{footer}</footer>}
		</div>
	</div>;
}

export interface Choice { icon?: string; text: string; run: () => void; bad?: boolean; off?: boolean }

// Menu opens where it was asked for, and stays within the window.
export function Menu({ x, y, choices, close, top }: { x: number; y: number; choices: (Choice | null | false | undefined)[]; close: () => void; top?: ComponentChildren }) {
	const box = useRef<HTMLDivElement>(null);
	useEscape(close);
	useLayoutEffect(() => {
		const b = box.current!, r = b.getBoundingClientRect();
		b.style.left = Math.max(8, Math.min(document.documentElement.dir === "rtl" ? x - r.width : x, innerWidth - r.width - 8)) + "px";
		b.style.top = Math.max(8, Math.min(y, innerHeight - r.height - 8)) + "px";
		const was = document.activeElement as HTMLElement | null;
		b.querySelector<HTMLElement>("[role=menuitem]")?.focus();
		return () => giveBack(was, b);
	}, []);
	const key = (e: KeyboardEvent) => {
		const all = [...box.current!.querySelectorAll<HTMLElement>("button")], i = all.indexOf(document.activeElement as HTMLElement);
		const to = { ArrowDown: i + 1, ArrowUp: i - 1 + all.length, ArrowRight: i + 1, ArrowLeft: i - 1 + all.length, Home: 0, End: all.length - 1 }[e.key];
		if (to !== undefined) { e.preventDefault(); all[to % all.length].focus(); }
		if (e.key === "Tab") { e.preventDefault(); e.stopPropagation(); close(); }
	};
	return <div class="menu-veil" onMouseDown={e => { if (e.target === e.currentTarget) close(); }} onContextMenu={e => { e.preventDefault(); close(); }}>
		<div class="menu" role="menu" ref={box} onKeyDown={key}>
			{top}
			{choices.map(c => c && <button type="button" role="menuitem" class={c.bad ? "bad" : ""} disabled={c.off} onClick={() => { close(); c.run(); }}>
				<Icon name={c.icon ?? "next"} /><span>{c.text}</span></button>)}
		</div>
	</div>;
}

export function Toggle({ on, label, hint, set }: { on: boolean; label: string; hint?: string; set: (on: boolean) => void }) {
	return <label class="row toggle"><span class="grow"><b>{label}</b>{hint && <small>{hint}</small>}</span>
		<input type="checkbox" role="switch" checked={on} onChange={e => set(e.currentTarget.checked)} /></label>;
}

export function Pick<T extends string>({ label, value, from, set }: { label: string; value: T; from: [T, string][]; set: (v: T) => void }) {
	return <label class="row"><span class="grow"><b>{label}</b></span>
		<select value={value} onChange={e => set(e.currentTarget.value as T)}>{from.map(([v, text]) => <option value={v} selected={v === value}>{text}</option>)}</select></label>;
}

export function Empty({ icon, title, children }: { icon: string; title: string; children?: ComponentChildren }) {
	return <div class="empty"><span class="badge"><Icon name={icon} /></span><h2>{title}</h2>{children}</div>;
}

// QR draws a code, which the daemon computes.
export function QR({ text, label }: { text: string; label: string }) {
	const [rows, set] = useState<string[]>([]);
	useEffect(() => {
		let gone = false;
		call<{ rows: string[] }>("POST", "/v1/qr", { text }).then(d => { if (!gone) set(d.rows); }, complain);
		return () => { gone = true; };
	}, [text]);
	const n = rows.length;
	let d = "";
	rows.forEach((row, y) => { for (const m of row.matchAll(/1+/g)) d += `M${m.index! + 4} ${y + 4}h${m[0].length}v1h-${m[0].length}z`; });
	return <div class="qr">{n ? <svg viewBox={`0 0 ${n + 8} ${n + 8}`} role="img" aria-label={label} shape-rendering="crispEdges"><path class="light" d={`M0 0h${n + 8}v${n + 8}h-${n + 8}z`} /><path class="dark" d={d} /></svg> : <span class="spinner" />}</div>;
}

export async function copy(text: string, done: (text: string) => void) {
	try { await navigator.clipboard.writeText(text); done(t("copied")); } catch (e) { complain(e); }
}

export function Toasts() {
	return <div class="toasts" role="status" aria-live="polite">{toasts.value.map(x => <div class={"toast" + (x.bad ? " bad" : "")} key={x.id}>
		<span>{x.text}</span>
		{x.act && <button type="button" onClick={() => { dismiss(x.id); x.run?.(); }}>{x.act}</button>}
	</div>)}</div>;
}

// safely has buttons wait for what they began, and says what went wrong.
export function useBusy(): [boolean, (f: () => Promise<unknown>) => void] {
	const [busy, set] = useState(false);
	return [busy, f => {
		if (busy) return;
		set(true);
		f().catch(complain).finally(() => set(false));
	}];
}
