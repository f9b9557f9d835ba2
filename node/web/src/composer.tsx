// Where one writes: a draft that is kept, answers, edits, emoji, mentions, light formatting. Undo is the browser's own.
import { Fragment, h } from "preact";
import { signal, useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { call } from "./api";
import { choices } from "./choices";
import { EmojiPicker, findEmoji, used } from "./emoji";
import { brief } from "./format";
import { Icon, IconButton, plain } from "./parts";
import { at, chats, complain, listeners } from "./state";
import { flushDraft, keepDraft, say, thread } from "./thread";
import { number, t } from "./tongue";
import type { Chat, Message } from "./words";

export const replying = signal<Message | null>(null);
export const editing = signal<Message | null>(null);

// given is a text that is to stand in the composer of a conversation once that is open, beside what is there.
export const given = signal<{ with: string; text: string } | null>(null);

const maxBytes = 16384;
const sizeOf = (text: string) => new TextEncoder().encode(text).length;

const area = () => document.getElementById("composer") as HTMLTextAreaElement | null;

// insert puts a text where the cursor is, so that undo knows of it.
export function insert(text: string) {
	const a = area();
	if (!a) return;
	a.focus();
	if (!document.execCommand("insertText", false, text)) { a.setRangeText(text, a.selectionStart, a.selectionEnd, "end"); a.dispatchEvent(new InputEvent("input", { bubbles: true })); }
}

function wrap(sign: string) {
	const a = area();
	if (!a) return;
	const { selectionStart: s, selectionEnd: e } = a, text = a.value.slice(s, e);
	const has = text.length >= 2 * sign.length && text.startsWith(sign) && text.endsWith(sign);
	insert(has ? text.slice(sign.length, -sign.length) : sign + text + sign);
	if (has) a.setSelectionRange(s, e - 2 * sign.length); else a.setSelectionRange(s + sign.length, e + sign.length);
}

interface Suggestion { show: string; name: string; put: string; from: number }

function suggest(text: string, cursor: number): Suggestion[] {
	const before = text.slice(Math.max(0, cursor - 40), cursor);
	const emoji = /(?:^|\s):([a-z]{2,20})$/.exec(before);
	if (emoji) return findEmoji(emoji[1], 6).map(x => ({ show: x.emoji, name: x.name, put: x.emoji + " ", from: cursor - emoji[1].length - 1 }));
	const at = /(?:^|\s)@([\p{L}\p{N}._-]{0,30})$/u.exec(before);
	if (at) {
		const low = at[1].toLowerCase();
		return chats.value.filter(c => c.with.state === "accepted" && plain(c.with.name).toLowerCase().startsWith(low)).slice(0, 6)
			.map(c => ({ show: "@", name: plain(c.with.name), put: "@" + plain(c.with.name).replace(/\s+/g, "_") + " ", from: cursor - at[1].length - 1 }));
	}
	return [];
}

export function Composer({ c }: { c: Chat }) {
	const id = c.with.id, text = useSignal(c.draft ?? ""), picker = useSignal(false), list = useSignal<Suggestion[]>([]), chosen = useSignal(0), signs = useSignal(false);
	const told = useRef(0), composing = useRef(false), stash = useRef("");
	const edit = editing.value?.with === id ? editing.value : null, reply = replying.value?.with === id ? replying.value : null;
	const size = text.value.length * 3 > maxBytes - 2000 ? sizeOf(text.value) : 0;

	const type = (on: boolean) => {
		if (on && Date.now() - told.current < 4000 || !on && !told.current) return;
		told.current = on ? Date.now() : 0;
		void call("POST", at("/contacts/" + id + "/typing"), { on }).catch(() => {});
	};
	useLayoutEffect(() => { // before anything can be done in what is new
		replying.value = editing.value = null;
		if (!matchMedia("(pointer: coarse)").matches) area()?.focus();
		const hear = (e: import("./words").Event) => { // another tab wrote
			if (e.type === "chat" && e.with === id && e.chat && document.activeElement !== area() && !editing.value) text.value = e.chat.draft ?? "";
		};
		listeners.add(hear);
		return () => { listeners.delete(hear); flushDraft(); type(false); };
	}, []);
	useLayoutEffect(() => { // before a key can be pressed in it
		const m = editing.value;
		if (m?.with === id) { stash.current = text.value; text.value = m.text ?? ""; const a = area(); if (a) { a.value = text.value; a.focus(); a.setSelectionRange(a.value.length, a.value.length); } }
	}, [editing.value]);
	useLayoutEffect(() => {
		const g = given.value, a = area();
		if (g?.with !== id || !a) return;
		given.value = null;
		a.setSelectionRange(a.value.length, a.value.length);
		insert((a.value && !a.value.endsWith("\n") ? "\n" : "") + g.text);
	}, [given.value]);
	useLayoutEffect(() => {
		const a = area();
		if (!a) return;
		a.style.height = "0";
		a.style.height = Math.min(a.scrollHeight, innerHeight * 0.4) + "px";
	}, [text.value]);

	const cancel = () => {
		if (editing.value) { editing.value = null; text.value = stash.current; keepDraft(id, text.value); }
		replying.value = null;
	};
	const put = (s: Suggestion) => {
		const a = area()!;
		a.setSelectionRange(s.from, a.selectionStart);
		insert(s.put);
		if (s.show !== "@") used(s.show);
		list.value = [];
	};
	const send = () => {
		const said = text.value.trim();
		if (!said || sizeOf(said) > maxBytes) return;
		if (edit) {
			type(false);
			if (said !== edit.text) void call<Message>("PATCH", at("/messages/" + edit.id), { text: said }).catch(complain);
			text.value = stash.current;
			editing.value = null;
			return;
		}
		told.current = 0; // what comes tells that nobody writes any more
		void say(id, said, reply ?? undefined);
		text.value = "";
		replying.value = null;
		list.value = [];
		keepDraft(id, "", true);
		area()?.focus();
	};
	const key = (e: KeyboardEvent) => {
		if (e.isComposing || composing.current) return; // Enter ends a word there
		const a = e.currentTarget as HTMLTextAreaElement, mod = e.ctrlKey || e.metaKey;
		if (list.value.length) {
			const n = list.value.length;
			if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); chosen.value = (chosen.value + (e.key === "ArrowDown" ? 1 : n - 1)) % n; return; }
			if (e.key === "Enter" || e.key === "Tab") { e.preventDefault(); put(list.value[chosen.value]); return; }
			if (e.key === "Escape") { e.preventDefault(); e.stopPropagation(); list.value = []; return; }
		}
		if (e.key === "Enter" && !e.shiftKey && !e.altKey && (choices.value.enter ? !mod : mod)) { e.preventDefault(); send(); return; }
		if (e.key === "Escape" && (edit || reply)) { e.preventDefault(); e.stopPropagation(); cancel(); return; }
		if (e.key === "ArrowUp" && !mod && !e.shiftKey && !a.value) {
			const mine = thread.value.messages.filter(m => m.own && m.kind === "text" && !m.deleted && !m.pending).pop();
			if (mine) { e.preventDefault(); editing.value = mine; }
			return;
		}
		if (mod && (e.key === "ArrowUp" || e.key === "ArrowDown") && !edit) {
			e.preventDefault();
			const all = thread.value.messages.filter(m => !m.deleted && !m.pending), i = reply ? all.findIndex(m => m.id === reply.id) : all.length;
			replying.value = all[e.key === "ArrowUp" ? Math.max(0, i - 1) : i + 1] ?? null;
			return;
		}
		if (mod && !e.shiftKey && "bie".includes(e.key.toLowerCase()) && e.key.length === 1) { e.preventDefault(); wrap({ b: "*", i: "_", e: "`" }[e.key.toLowerCase()]!); }
		if (mod && e.shiftKey && e.key.toLowerCase() === "x") { e.preventDefault(); wrap("~"); }
	};
	return <div class="composer">
		{(edit || reply) && <div class="about"><Icon name={edit ? "edit" : "reply"} /><span class="grow"><b>{edit ? t("editing") : reply!.own ? t("replyToSelf") : t("replyTo", { name: plain(reply!.name) })}</b><span data-theirs dir="auto">{brief((edit ?? reply)!.text ?? "")}</span></span>
			<IconButton icon="close" label={t("cancel")} onClick={cancel} /></div>}
		{list.value.length > 0 && <div class="suggestions" role="listbox" aria-label={t("suggestions")}>{list.value.map((s, i) => <button type="button" role="option" aria-selected={i === chosen.value} onMouseDown={e => { e.preventDefault(); put(s); }} data-theirs>{s.show} <span>{s.name}</span></button>)}</div>}
		{signs.value && <div class="signs" role="toolbar" aria-label={t("formatting")}>{([["*", "bold", "B"], ["_", "italic", "I"], ["~", "struck", "S"], ["`", "code", "<>"]] as const).map(([sign, name, show]) => <button type="button" class={name} aria-label={t(name)} title={t(name)} onMouseDown={e => { e.preventDefault(); wrap(sign); }} data-theirs>{show}</button>)}</div>}
		<div class="write">
			<IconButton icon="emoji" label={t("emoji")} onClick={() => { picker.value = true; }} />
			<textarea id="composer" rows={1} dir="auto" placeholder={t("write")} aria-label={t("writeTo", { name: plain(c.with.name) })} value={text.value} spellcheck
				onInput={e => {
					text.value = e.currentTarget.value;
					list.value = suggest(text.value, e.currentTarget.selectionStart);
					chosen.value = 0;
					if (!editing.value) keepDraft(id, text.value);
					type(text.value !== "");
				}}
				onKeyDown={key} onCompositionStart={() => { composing.current = true; }} onCompositionEnd={() => { composing.current = false; }} onBlur={() => { flushDraft(); list.value = []; }}
				onDragOver={e => { if (e.dataTransfer?.types.includes("text/plain")) e.preventDefault(); }} />
			<IconButton icon="bold" label={t("formatting")} class="not-narrow" aria-pressed={signs.value} onClick={() => { signs.value = !signs.value; }} />
			<IconButton icon={edit ? "check" : "send"} label={t(edit ? "saveEdit" : "send")} class="accent" disabled={!text.value.trim() || size > maxBytes} onClick={send} />
		</div>
		{size > maxBytes - 2000 && <p class={"size" + (size > maxBytes ? " bad" : "")}>{t("bytesLeft", { n: number(maxBytes - size) })}</p>}
		{picker.value && <EmojiPicker close={() => { picker.value = false; area()?.focus(); }} choose={e => { picker.value = false; insert(e); }} />}
	</div>;
}
