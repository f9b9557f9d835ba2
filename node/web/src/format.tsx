// What people write becomes elements here, one by one: nothing of it is ever parsed as markup.
import { Fragment, h, type ComponentChildren } from "preact";
import { signal } from "@preact/signals";
import { Dialog } from "./parts";
import { t } from "./tongue";

// leaving is the link that somebody is about to follow.
export const leaving = signal<string>("");

// One pass: code, links, then *bold*, _italic_, ~struck~ and @mentions, which begin and end at a word's edge. Each has a bound, so that no text is slow.
const pattern = /```([\s\S]{1,8000}?)```|`([^`\n]{1,1000})`|(\bhttps?:\/\/[^\s<>"'`\u0000-\u001f\u202a-\u202e\u2066-\u2069]{1,2000})|(?<![\p{L}\p{N}*_~])(\*\*?|_|~~?)(?=[^\s*_~])([^\n]{1,1000}?)(?<=\S)\4(?![\p{L}\p{N}])|(?<![\p{L}\p{N}])@([\p{L}\p{N}][\p{L}\p{N}._-]{0,60})/gu;

function link(text: string): [string, string] | null {
	let end = text.length; // what ends a sentence is not part of a link
	while (end > 0 && /[.,;:!?)\]}»”’]/.test(text[end - 1]) && !(text[end - 1] === ")" && text.slice(0, end).includes("("))) end--;
	try {
		const u = new URL(text.slice(0, end));
		return u.protocol === "http:" || u.protocol === "https:" ? [text.slice(0, end), text.slice(end)] : null;
	} catch { return null; }
}

export function format(text: string, found = "", depth = 0): ComponentChildren[] {
	const out: ComponentChildren[] = [];
	let at = 0;
	for (const m of text.matchAll(pattern)) {
		if (m.index! < at) continue;
		let node: ComponentChildren = null, end = m.index! + m[0].length;
		if (m[1] !== undefined) node = <pre><code>{m[1].replace(/^\n/, "")}</code></pre>;
		else if (m[2] !== undefined) node = <code>{m[2]}</code>;
		else if (m[3] !== undefined) {
			const l = link(m[3]);
			if (!l) continue;
			end -= l[1].length;
			node = <a href={l[0]} rel="noopener noreferrer nofollow" target="_blank" onClick={e => { e.preventDefault(); e.stopPropagation(); leaving.value = l[0]; }}>{l[0]}</a>;
		} else if (m[4] !== undefined) {
			if (depth > 2) continue;
			const inner = format(m[5], found, depth + 1);
			node = m[4][0] === "*" ? <b>{inner}</b> : m[4] === "_" ? <i>{inner}</i> : <s>{inner}</s>;
		} else node = <span class="mention">@{m[6]}</span>;
		out.push(...mark(text.slice(at, m.index), found), node);
		at = end;
	}
	out.push(...mark(text.slice(at), found));
	return out;
}

// mark shows where a text was found.
export function mark(text: string, found: string): ComponentChildren[] {
	if (!text) return [];
	if (!found) return [text];
	const out: ComponentChildren[] = [], low = text.toLowerCase(), what = found.toLowerCase();
	if (low.length !== text.length) return [text];
	let at = 0;
	for (let i = low.indexOf(what); i >= 0; i = low.indexOf(what, at)) {
		out.push(text.slice(at, i), <mark>{text.slice(i, i + what.length)}</mark>);
		at = i + what.length;
	}
	out.push(text.slice(at));
	return out;
}

// jumbo tells whether a text is nothing but one to three emoji.
export function jumbo(text: string): boolean {
	return text.length <= 40 && /^(?:\p{RGI_Emoji}\s*){1,3}$/v.test(text.trim());
}

// Leave asks before a link is followed, and shows where it really leads.
export function Leave() {
	const to = leaving.value;
	if (!to) return null;
	const u = new URL(to), close = () => { leaving.value = ""; };
	const strange = /(^|\.)xn--/.test(u.hostname), user = u.username !== "";
	return <Dialog title={t("leaveTitle")} close={close} footer={<>
		<button type="button" class="plain" onClick={close}>{t("cancel")}</button>
		<button type="button" class="main" autofocus onClick={() => { window.open(to, "_blank", "noopener,noreferrer"); close(); }}>{t("leaveGo")}</button></>}>
		<p>{t("leaveText")}</p>
		<p class="host" data-theirs>{u.hostname}</p>
		<p class="whole" data-theirs dir="ltr">{u.href.length > 600 ? u.href.slice(0, 600) + "…" : u.href}</p>
		{(strange || user) && <p class="warn">{t(user ? "leaveUser" : "leaveStrange")}</p>}
	</Dialog>;
}

// brief is a text in one line, for lists.
export const brief = (text: string) => text.slice(0, 300).replace(/\s+/g, " ");
