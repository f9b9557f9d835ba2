// The open conversation: its head, its messages, and what can be done with them.
import { Fragment, h, type ComponentChildren } from "preact";
import { signal, useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { call } from "./api";
import { Composer, editing, insert, replying } from "./composer";
import { EmojiPicker, quick } from "./emoji";
import { brief, format, jumbo } from "./format";
import { muteChoices } from "./list";
import { Avatar, copy, Dialog, Empty, Icon, IconButton, Menu, Name, Only, plain, useBusy } from "./parts";
import { Reason, readRelays, RelayName } from "./relays";
import { at, change, chat, chats, complain, go, here, listeners, markRead, me, open, place, toast, typing, withContact } from "./state";
import { drop, loadNewer, loadOlder, lookAgain, missedBelow, say, show, showDay, target, thread, toEnd } from "./thread";
import { clock, date, day, moment, number, sameDay, t } from "./tongue";
import { deliveryText, foreignWhy, stateText, Ticks, why } from "./ticks";
import type { Message, Reaction } from "./words";

const together = 5 * 60e3; // bubbles of one author within this time hang together

export const selected = signal<Set<string> | null>(null);
export const forwarding = signal<Message[] | null>(null);
const menu = signal<{ m: Message; x: number; y: number } | null>(null);
const picking = signal<Message | null>(null);
const details = signal<Message | null>(null);
const removing = signal<Message[] | null>(null);
const dating = signal(false);

export function react(m: Message, emoji: string) {
	const mine = m.reactions?.find(r => r.own)?.emoji;
	void call<Message>("PUT", at("/messages/" + m.id + "/reaction"), { emoji: mine === emoji ? "" : emoji }).catch(complain);
}

const canAct = (m: Message) => !m.pending && !m.deleted;
export const canEdit = (m: Message) => !!m.own && canAct(m) && m.kind === "text";

function openMenu(m: Message, x: number, y: number) { menu.value = { m, x, y }; }

function Quoted({ m, jump }: { m: Message; jump?: boolean }) {
	const q = m.reply_to!;
	const inner = <><b><bdi data-theirs>{q.author === me.value?.id || !q.author ? t("you") : plain(q.name)}</bdi></b><span data-theirs dir="auto">{q.text ? brief(q.text) : "…"}</span></>;
	return jump ? <button type="button" class="quote" onClick={() => void show(q.id)}>{inner}</button> : <div class="quote">{inner}</div>;
}

function Reactions({ m }: { m: Message }) {
	if (!m.reactions?.length) return null;
	const by = new Map<string, Reaction[]>();
	for (const r of m.reactions) by.set(r.emoji, [...by.get(r.emoji) ?? [], r]);
	return <div class="reactions">{[...by].slice(0, 20).map(([emoji, all]) =>
		<button type="button" class={all.some(r => r.own) ? "mine" : ""} title={all.map(r => r.own ? t("you") : plain(r.name)).join(", ")} aria-label={t("reactionBy", { emoji: brief(emoji), names: all.map(r => r.own ? t("you") : plain(r.name)).join(", ") })} aria-pressed={all.some(r => r.own)} onClick={e => { e.stopPropagation(); react(m, emoji); }}>
			<span data-theirs>{emoji.slice(0, 16)}</span>{all.length > 1 && <span>{number(all.length)}</span>}</button>)}</div>;
}

const longText = 2500;

function Text({ m }: { m: Message }) {
	const all = useSignal(false), text = m.text ?? "";
	if (jumbo(text)) return <div class="text jumbo" data-theirs>{text}</div>;
	const cut = text.length > longText && !all.value;
	return <><div class="text" dir="auto" data-theirs>{format(cut ? text.slice(0, longText) + "…" : text)}</div>
		{cut && <button type="button" class="link" onClick={e => { e.stopPropagation(); all.value = true; }}>{t("showAll")}</button>}</>;
}

function Content({ m }: { m: Message }) {
	if (m.deleted) return <div class="text gone">{t("deletedMessage")}</div>;
	if (m.hidden) return <div class="text gone">{t("hidden")}</div>;
	switch (m.kind) {
		case "text": return <Text m={m} />;
		case "contact": return <div class="card"><Avatar name={m.card?.name || "?"} id="" size="s" /><span class="grow"><Name of={m.card?.name || t("somebody")} /><small>{t("contactCard")}</small></span>
			<button type="button" class="plain" onClick={e => { e.stopPropagation(); go("add", m.card!.address); }}>{t("addShort")}</button></div>;
		case "timer": return <div class="text gone">{t("timerChanged")}</div>;
		default: return <div class="text gone">{t("newer")}</div>;
	}
}

function Bubble({ m, head, tail, last, flash }: { m: Message; head: boolean; tail: boolean; last: boolean; flash: boolean }) {
	const chosen = selected.value?.has(m.id) ?? false, choosing = selected.value !== null;
	const hold = useRef(0);
	const toggle = () => {
		const next = new Set(selected.value ?? []);
		if (!next.delete(m.id)) next.add(m.id);
		selected.value = next;
	};
	const late = last || m.pending === "unsent" || m.state === "failed" ? why(m) : "", kept = last && !!m.own && m.state === "kept" && !m.deleted;
	const key = (e: KeyboardEvent) => {
		if (e.target !== e.currentTarget) return;
		const row = e.currentTarget as HTMLElement, all = [...row.closest(".messages")!.querySelectorAll<HTMLElement>(".message")], i = all.indexOf(row);
		const did = () => { e.preventDefault(); e.stopPropagation(); };
		if (e.ctrlKey || e.metaKey || e.altKey) return;
		switch (e.key) {
			case "ArrowUp": did(); all[i - 1]?.focus(); break;
			case "ArrowDown": did(); if (all[i + 1]) all[i + 1].focus(); else document.getElementById("composer")?.focus(); break;
			case "r": case "R": if (canAct(m)) { did(); replying.value = m; document.getElementById("composer")?.focus(); } break;
			case "e": case "E": if (canEdit(m)) { did(); editing.value = m; } break;
			case "Delete": case "Backspace": if (!m.pending) { did(); removing.value = [m]; } break;
			case " ": case "Enter": did(); if (choosing) toggle(); else { const r = row.querySelector(".bubble")!.getBoundingClientRect(); openMenu(m, r.left + 20, Math.max(80, r.top + 20)); } break;
			case "ContextMenu": case "F10": if (e.key === "F10" && !e.shiftKey) return; did(); { const r = row.querySelector(".bubble")!.getBoundingClientRect(); openMenu(m, r.left + 20, r.top + 20); } break;
		}
	};
	return <div class={"message" + (m.own ? " own" : "") + (head ? " head" : "") + (tail ? " tail" : "") + (chosen ? " chosen" : "") + (m.pending ? " pending" : "") + (flash ? " flash" : "")} data-id={m.id} role="article"
		tabIndex={last ? 0 : -1} aria-label={`${m.own ? t("you") : plain(m.name)}, ${clock(m.time)}`} onKeyDown={key} onClick={() => { if (choosing && !m.pending) toggle(); }}>
		{choosing && <span class={"box" + (chosen ? " on" : "")} aria-hidden="true"><Icon name="check" /></span>}
		<div class="bubble" onContextMenu={e => { if (choosing || (e.target as HTMLElement).closest("a")) return; if (String(getSelection()).length) return; e.preventDefault(); openMenu(m, e.clientX, e.clientY); }}
			onDblClick={() => { if (!choosing && canAct(m)) { getSelection()?.removeAllRanges(); replying.value = m; document.getElementById("composer")?.focus(); } }}
			onTouchStart={e => { const p = e.touches[0]; hold.current = setTimeout(() => openMenu(m, p.clientX, p.clientY), 500) as unknown as number; }} onTouchEnd={() => clearTimeout(hold.current)} onTouchMove={() => clearTimeout(hold.current)}>
			{m.reply_to && !m.deleted && <Quoted m={m} jump />}
			<Content m={m} />
			<span class="meta">{m.edited && !m.deleted && <span>{t("edited")}</span>}<time dateTime={m.time} title={moment(m.time)}>{m.wrong_time ? "~" : ""}{clock(m.time)}</time><Ticks m={m} /></span>
			{!m.deleted && <Reactions m={m} />}
		</div>
		{!choosing && canAct(m) && <div class="tools">
			<IconButton icon="emoji" label={t("react")} tabIndex={-1} onClick={e => { e.stopPropagation(); picking.value = m; }} />
			<IconButton icon="reply" label={t("reply")} tabIndex={-1} onClick={e => { e.stopPropagation(); replying.value = m; document.getElementById("composer")?.focus(); }} />
			<IconButton icon="more" label={t("more")} tabIndex={-1} onClick={e => { e.stopPropagation(); const r = e.currentTarget.getBoundingClientRect(); openMenu(m, r.left, r.bottom + 4); }} />
		</div>}
		{(late || kept || m.pending === "unsent") && <p class={"late" + (m.state === "failed" || m.pending === "unsent" ? " bad" : "")}>
			<span>{m.pending === "unsent" ? t("stateUnsent") : stateText(m)}{late ? ": " : ""}{late && <bdi data-theirs={foreignWhy(m) || undefined}>{late}</bdi>}</span>
			{m.pending === "unsent" ? <><button type="button" class="link" onClick={() => void say(m.with, m.text ?? "", undefined, m)}>{t("tryAgain")}</button><button type="button" class="link" onClick={() => drop(m)}>{t("discard")}</button></>
				: m.state === "failed" ? <button type="button" class="link" onClick={() => void call<Message>("POST", at("/messages/" + m.id + "/retry"), {}).catch(complain)}>{t("tryAgain")}</button>
					: <button type="button" class="link" onClick={() => { details.value = m; }}>{t("whyLate")}</button>}</p>}
	</div>;
}

// Messages is the window of messages. It stays where it is while others come above and below.
function Messages() {
	const box = useRef<HTMLDivElement>(null), stuck = useRef(true), anchor = useRef<{ id: string; top: number } | null>(null), was = useRef("");
	const th = thread.value, self = me.value?.id;
	const atEnd = useSignal(true);

	// Before the document changes: what stands at the top now.
	const b = box.current;
	anchor.current = null;
	if (b && was.current === th.id && !stuck.current) {
		const top = b.getBoundingClientRect().top;
		for (const x of b.querySelectorAll<HTMLElement>(".message")) {
			const r = x.getBoundingClientRect();
			if (r.bottom > top) { anchor.current = { id: x.dataset.id!, top: r.top }; break; }
		}
	}
	useLayoutEffect(() => {
		const b = box.current;
		if (!b) return;
		if (was.current !== th.id || !th.ready) {
			stuck.current = true;
			if (th.ready) was.current = th.id;
		}
		if (stuck.current && !th.newer) {
			const line = th.firstUnread && was.current === th.id && !b.dataset.lined ? b.querySelector<HTMLElement>(".unread-line") : null;
			if (line && line.offsetTop < b.scrollHeight - b.clientHeight) { b.scrollTop = line.offsetTop - 80; stuck.current = false; } else b.scrollTop = b.scrollHeight;
			if (th.ready) b.dataset.lined = "1";
		} else if (anchor.current) {
			const x = b.querySelector<HTMLElement>(`.message[data-id="${CSS.escape(anchor.current.id)}"]`);
			if (x) b.scrollTop += x.getBoundingClientRect().top - anchor.current.top;
		}
		scrolled();
	}, [th]);
	useEffect(() => { if (box.current) delete box.current.dataset.lined; }, [th.id]);
	useEffect(() => {
		const go = target.value, b = box.current;
		if (!go || !b) return;
		if (!go.id) { stuck.current = true; b.scrollTop = b.scrollHeight; return; }
		const x = b.querySelector<HTMLElement>(`.message[data-id="${CSS.escape(go.id)}"]`);
		if (!x) return;
		stuck.current = false;
		x.scrollIntoView({ block: "center" });
		x.classList.remove("flash");
		void x.offsetWidth;
		x.classList.add("flash");
		x.focus({ preventScroll: true });
	}, [target.value]);
	useEffect(() => { // a picture frame that changes its size shows the same end
		const b = box.current!;
		const watch = new ResizeObserver(() => { if (stuck.current) b.scrollTop = b.scrollHeight; });
		watch.observe(b);
		return () => watch.disconnect();
	}, []);
	const scrolled = () => {
		const b = box.current, th = thread.value;
		if (!b || !th.ready) return;
		const below = b.scrollHeight - b.scrollTop - b.clientHeight;
		stuck.current = below < 48 && !th.newer;
		atEnd.value = below < 240 && !th.newer;
		if (stuck.current) missedBelow.value = 0;
		if (b.scrollTop < 900 && th.older) void loadOlder();
		if (below < 900 && th.newer) void loadNewer();
		look();
	};
	// What is in sight is read.
	const look = () => {
		const c = chat.value;
		if (!c || !stuck.current || !document.hasFocus() || document.hidden || c.with.state === "requested") return;
		if (c.unread > 0) void markRead(c.with.id);
		if (c.marked) void change(c.with.id, { marked: false });
	};
	useEffect(() => {
		const soon = () => look();
		addEventListener("focus", soon);
		document.addEventListener("visibilitychange", soon);
		return () => { removeEventListener("focus", soon); document.removeEventListener("visibilitychange", soon); };
	}, []);
	useEffect(() => { look(); }, [chat.value?.unread, chat.value?.marked]);

	const days: { key: string; time: string; rows: ComponentChildren[] }[] = [];
	const n = th.messages.length, choosing = selected.value;
	th.messages.forEach((m, i) => {
		const before = th.messages[i - 1], after = th.messages[i + 1];
		const close = (x: Message | undefined) => !!x && (x.own ?? false) === (m.own ?? false) && sameDay(x.time, m.time) && Math.abs(Date.parse(x.time) - Date.parse(m.time)) < together;
		if (!before || !sameDay(before.time, m.time)) days.push({ key: m.time.slice(0, 10) + i, time: m.time, rows: [] });
		const line = th.firstUnread === m.id, head = !close(before) || line, tail = !close(after) || after!.id === th.firstUnread, last = i === n - 1, flash = target.value?.id === m.id;
		const rows = days[days.length - 1].rows;
		if (line) rows.push(<div class="unread-line" key="line" role="separator"><span>{t("unreadBelow")}</span></div>);
		rows.push(<Only key={m.key ?? m.id} by={[m, head, tail, last, choosing, self, flash]}><Bubble m={m} head={head} tail={tail} last={last} flash={flash} /></Only>);
	});
	return <div class="messages-box">
		<div class={"messages" + (choosing ? " choosing" : "")} ref={box} onScroll={scrolled} onDragOver={e => { if (e.dataTransfer?.types.includes("text/plain")) e.preventDefault(); }}
			onDrop={e => { const text = e.dataTransfer?.getData("text/plain"); if (text) { e.preventDefault(); insert(text); } }}>
			{th.older ? <div class="spinner" /> : th.ready && <Beginning />}
			<div role="group" aria-label={t("messages")}>
				{days.map(d => <section key={d.key}><div class="day"><button type="button" onClick={() => { dating.value = true; }}>{day(d.time)}</button></div>{d.rows}</section>)}
			</div>
			{th.newer && <div class="spinner" />}
		</div>
		{!atEnd.value && <button type="button" class="to-end" aria-label={t("toEnd")} title={t("toEnd")} onClick={() => void toEnd()}><Icon name="down" />{(missedBelow.value || chat.value?.unread || 0) > 0 && <b class="count">{number(Math.min(999, missedBelow.value || chat.value!.unread))}</b>}</button>}
	</div>;
}

// Beginning stands above the first message.
function Beginning() {
	const c = chat.value;
	if (!c) return null;
	return <div class="beginning"><Avatar name={c.with.name} id={c.with.id} picture={c.with.picture} size="l" /><Name of={c.with.name} class="big" />
		<p>{c.with.state === "asked" ? t("askedText") : c.with.verified ? t("beginVerified") : t("beginText")}</p>
		{c.with.state === "accepted" && !c.with.verified && <button type="button" class="plain" onClick={() => go("c", c.with.id, "info")}><Icon name="shield" />{t("verifyThem")}</button>}</div>;
}

function Request() {
	const c = chat.value!, [busy, run] = useBusy();
	return <div class="request" role="region" aria-label={t("request")}><p>{t("requestText", { name: plain(c.with.name) })}</p><div class="buttons">
		<button type="button" class="plain bad" disabled={busy} onClick={() => run(async () => { await call("PATCH", withContact(c.with.id), { blocked: true }); go(); })}>{t("block")}</button>
		<button type="button" class="plain" disabled={busy} onClick={() => run(async () => { await call("DELETE", withContact(c.with.id)); chats.value = chats.value.filter(x => x.with.id !== c.with.id); go(); })}>{t("refuse")}</button>
		<button type="button" class="main" disabled={busy} onClick={() => run(() => call("POST", withContact(c.with.id, "/accept"), {}))}>{t("accept")}</button></div></div>;
}

export async function remove(all: Message[], everyone: boolean) {
	for (const m of all) {
		try { await call("DELETE", at("/messages/" + m.id + (everyone ? "?everyone=true" : ""))); if (!everyone) drop(m); } catch (e) { complain(e); return; }
	}
}

function Remove() {
	const all = removing.value;
	if (!all) return null;
	const close = () => { removing.value = null; selected.value = null; };
	const mine = all.every(m => m.own && !m.deleted);
	return <Dialog title={t("deleteTitle", { n: all.length })} close={() => { removing.value = null; }} footer={<>
		<button type="button" class="plain" onClick={() => { removing.value = null; }}>{t("cancel")}</button>
		<button type="button" class="plain bad" onClick={() => { close(); void remove(all, false); }}>{t("deleteHere")}</button>
		{mine && <button type="button" class="main bad" onClick={() => { close(); void remove(all, true); }}>{t("deleteEverywhere")}</button>}</>}>
		<p>{t(mine ? "deleteText" : "deleteTextTheirs")}</p></Dialog>;
}

function Details() {
	const open = details.value;
	useEffect(() => { if (open?.own && open.deliveries?.some(d => d.kept?.length)) void readRelays().catch(() => {}); }, [open?.id]);
	useEffect(() => {
		if (!open?.own) return;
		let again = 0;
		const look = async () => {
			clearTimeout(again);
			await lookAgain(open.id);
			const m = thread.value.messages.find(x => x.id === open.id), tries = (m?.deliveries ?? []).flatMap(d => d.state === "queued" && d.next ? [+new Date(d.next)] : []);
			clearTimeout(again);
			if (tries.length && !gone) again = setTimeout(look, Math.max(1500, Math.min(...tries) - Date.now() + 1500)) as unknown as number; // when it was tried again
		};
		let gone = false;
		const hear = (e: import("./words").Event) => { if (e.type === "waiting" && e.with === open.with) void look(); };
		listeners.add(hear);
		void look();
		return () => { gone = true; clearTimeout(again); listeners.delete(hear); };
	}, [open?.id]);
	if (!open) return null;
	const m = thread.value.messages.find(x => x.id === open.id) ?? open, late = m.state === "queued" || m.state === "kept" || m.state === "failed";
	const relays = new Set(m.deliveries?.flatMap(d => d.kept?.map(k => k.relay) ?? []));
	return <Dialog title={t("details")} close={() => { details.value = null; }}>
		<dl class="facts"><dt>{t("said")}</dt><dd>{moment(m.time)}</dd>{m.wrong_time && <><dt>{t("clock")}</dt><dd>{t("wrongTime")}</dd></>}
			{m.own && <><dt>{t("state")}</dt><dd>{stateText(m)}</dd></>}</dl>
		{m.deliveries?.map(d => <div class="delivery"><span class={"ticks " + d.state}><Icon name={{ queued: "clock", kept: "kept", delivered: "delivered", read: "delivered", failed: "failed" }[d.state]} /></span>
			<span class="grow"><b>{d.device ? t("theirDevice", { name: plain(d.name), n: d.device }) : t("theirDevices", { name: plain(d.name) })}</b><small>{deliveryText(d)}</small>
				{d.why && <small class={d.state === "failed" ? "bad" : "warned"}><Reason of={d} line /></small>}
				{!!d.kept?.length && <ul class="keepers" aria-label={t("keptBy")}>{d.kept.map(k => <li><Icon name="relay" /><span class="grow"><RelayName id={k.relay} /><small>{t("keptUntil", { date: date(k.until) })}</small></span></li>)}</ul>}</span></div>)}
		{m.own && late && <><h3>{t("lateTitle")}</h3><p class="dim">{t(m.state === "failed" ? "failedWhy" : m.state === "kept" ? "keptText" : "queuedText")}</p>
			{m.state === "kept" && relays.size === 1 && <p class="warn">{t("keptOne")}</p>}{m.state === "queued" && relays.size > 0 && <p class="dim">{t("keptHalf")}</p>}</>}
		{m.state === "failed" && <div class="buttons"><button type="button" class="main" onClick={() => { details.value = null; void call<Message>("POST", at("/messages/" + m.id + "/retry"), {}).catch(complain); }}><Icon name="retry" />{t("tryAgain")}</button></div>}
	</Dialog>;
}

function Forward() {
	const all = forwarding.value, find = useSignal(""), to = useSignal<Set<string>>(new Set());
	if (!all) return null;
	const close = () => { forwarding.value = null; };
	const list = chats.value.filter(c => (c.with.state === "accepted" || c.with.state === "asked") && c.with.name.toLowerCase().includes(find.value.toLowerCase()));
	const send = async () => {
		const ids = [...to.value];
		close();
		selected.value = null;
		for (const id of ids) for (const m of all) {
			try { await call("POST", withContact(id, "/messages"), { text: m.text ?? "" }, { key: crypto.randomUUID() }); } catch (e) { complain(e); return; }
		}
		toast(t("forwarded", { n: ids.length }));
		if (ids.length === 1) go("c", ids[0]);
	};
	return <Dialog title={t("forwardTo")} close={close} footer={<button type="button" class="main" disabled={!to.value.size} onClick={() => void send()}>{t("send")}</button>}>
		<input type="search" class="field" placeholder={t("search")} aria-label={t("search")} value={find.value} onInput={e => { find.value = e.currentTarget.value; }} />
		<div class="people">{list.slice(0, 100).map(c => <label class="person"><Avatar name={c.with.name} id={c.with.id} picture={c.with.picture} size="s" /><Name of={c.with.name} /><span class="grow" />
			<input type="checkbox" aria-label={plain(c.with.name)} checked={to.value.has(c.with.id)} onChange={() => { const next = new Set(to.value); if (!next.delete(c.with.id)) next.add(c.with.id); to.value = next; }} /></label>)}</div>
	</Dialog>;
}

function Dating() {
	const pick = useSignal(new Date(thread.value.messages[0]?.time ?? Date.now()).toLocaleDateString("en-CA"));
	if (!dating.value) return null;
	const close = () => { dating.value = false; };
	return <Dialog title={t("toDate")} close={close} footer={<button type="button" class="main" onClick={async () => { close(); const d = new Date(pick.value + "T00:00"); if (!isNaN(+d) && !await showDay(d)) toast(t("nothingSince")); }}>{t("show")}</button>}>
		<label class="stack">{t("date")}<input type="date" class="field" value={pick.value} max={new Date().toLocaleDateString("en-CA")} onInput={e => { pick.value = e.currentTarget.value; }} /></label></Dialog>;
}

function MessageMenu() {
	const o = menu.value;
	if (!o) return null;
	const m = o.m, close = () => { menu.value = null; };
	return <Menu x={o.x} y={o.y} close={close} top={canAct(m) && <div class="quick">{quick.map(e => <button type="button" role="menuitem" aria-label={e} class={m.reactions?.some(r => r.own && r.emoji === e) ? "mine" : ""} onClick={() => { close(); react(m, e); }} data-theirs>{e}</button>)}
		<button type="button" role="menuitem" aria-label={t("moreEmoji")} onClick={() => { close(); picking.value = m; }}><Icon name="plus" /></button></div>} choices={[
		canAct(m) && { icon: "reply", text: t("reply"), run: () => { replying.value = m; document.getElementById("composer")?.focus(); } },
		!!m.text && !m.deleted && { icon: "copy", text: t("copyText"), run: () => void copy(m.text ?? "", toast) },
		canEdit(m) && { icon: "edit", text: t("edit"), run: () => { editing.value = m; } },
		canAct(m) && m.kind === "text" && { icon: "forward", text: t("forward"), run: () => { forwarding.value = [m]; } },
		!m.pending && { icon: "select", text: t("select"), run: () => { selected.value = new Set([m.id]); } },
		!m.pending && { icon: "info", text: t("details"), run: () => { details.value = m; } },
		m.state === "failed" && { icon: "retry", text: t("tryAgain"), run: () => void call<Message>("POST", at("/messages/" + m.id + "/retry"), {}).catch(complain) },
		!m.pending && { icon: "trash", text: t("delete"), bad: true, run: () => { removing.value = [m]; } },
		m.pending === "unsent" && { icon: "trash", text: t("discard"), bad: true, run: () => drop(m) },
	]} />;
}

// Live reads out what comes, and nothing of what was there.
function Live() {
	const text = useSignal("");
	useEffect(() => {
		const hear = (e: import("./words").Event) => {
			if (e.type === "message" && e.message && !e.message.own && e.message.unread && e.with === open.value && !e.message.deleted && !e.message.edited) text.value = t("announce", { name: plain(e.message.name), text: brief(e.message.text ?? "").slice(0, 200) });
		};
		listeners.add(hear);
		return () => { listeners.delete(hear); };
	}, []);
	return <div class="sr" role="log" aria-live="polite">{text.value}</div>;
}

export function Conversation() {
	const c = chat.value, more = useSignal<{ x: number; y: number } | null>(null);
	useEffect(() => () => { // what was begun here ends here
		selected.value = forwarding.value = null;
		menu.value = picking.value = details.value = removing.value = null;
		dating.value = false;
	}, [open.value]);
	if (!c) return <main class="conversation none" aria-label={t("conversation")}><Empty icon="users" title={thread.value.ready || !open.value ? t("unknownContact") : "…"}><button type="button" class="plain" onClick={() => go()}>{t("back")}</button></Empty></main>;
	const id = c.with.id, writes = (typing.value[id] ?? 0) > Date.now(), chosen = thread.value.messages.filter(m => selected.value?.has(m.id));
	const under = writes ? t("writes") : c.with.state === "blocked" ? t("blocked") : c.with.state === "asked" ? t("asked") : here.value[id] ? t("here") : c.with.awake ? t("awake") : t("asleep");
	return <main class="conversation" aria-label={t("conversationWith", { name: plain(c.with.name) })}>
		{selected.value ? <header class="bar choosing"><IconButton icon="close" label={t("cancel")} onClick={() => { selected.value = null; }} /><b class="grow">{t("selectedCount", { n: selected.value.size })}</b>
			<IconButton icon="copy" label={t("copyText")} disabled={!chosen.some(m => m.text)} onClick={() => { void copy(chosen.map(m => m.text ?? "").filter(Boolean).join("\n"), toast); selected.value = null; }} />
			<IconButton icon="forward" label={t("forward")} disabled={!chosen.some(m => m.kind === "text" && !m.deleted)} onClick={() => { forwarding.value = chosen.filter(m => m.kind === "text" && !m.deleted); }} />
			<IconButton icon="trash" label={t("delete")} disabled={!chosen.length} onClick={() => { removing.value = chosen; }} /></header>
			: <header class="bar"><IconButton icon="back" label={t("back")} class="only-narrow" onClick={() => go()} />
				<button type="button" class="who" onClick={() => place.value[2] === "info" ? go("c", id) : go("c", id, "info")} title={t("contactInfoOf", { name: plain(c.with.name) })}>
					<Avatar name={c.with.name} id={id} picture={c.with.picture} size="s" awake={c.with.awake || here.value[id]} /><span class="names"><span class="line"><Name of={c.with.name} class="title" />{c.with.verified && <span class="mini"><Icon name="shield" /></span>}</span><small class={writes ? "writes" : ""}>{under}</small></span></button>
				<span class="grow" />
				<IconButton icon="calendar" label={t("toDate")} class="not-narrow" onClick={() => { dating.value = true; }} />
				<IconButton icon="more" label={t("more")} onClick={e => { const r = e.currentTarget.getBoundingClientRect(); more.value = { x: r.left, y: r.bottom + 6 }; }} /></header>}
		<Messages key={id} />
		{c.with.state === "requested" ? <Request /> : c.with.state === "blocked" ? <div class="request"><p>{t("blockedText", { name: plain(c.with.name) })}</p><div class="buttons"><button type="button" class="plain" onClick={() => void call("PATCH", withContact(id), { blocked: false }).catch(complain)}>{t("unblock")}</button></div></div>
			: <Composer key={id} c={c} />}
		<Live />
		<MessageMenu /><Details /><Remove /><Forward />{dating.value && <Dating />}
		{picking.value && <EmojiPicker close={() => { picking.value = null; }} choose={e => { react(picking.value!, e); picking.value = null; }} />}
		{more.value && <Menu x={more.value.x} y={more.value.y} close={() => { more.value = null; }} choices={[
			{ icon: "user", text: t("contactInfo"), run: () => go("c", id, "info") },
			{ icon: "calendar", text: t("toDate"), run: () => { dating.value = true; } },
			{ icon: "select", text: t("selectSome"), run: () => { selected.value = new Set(); } },
			{ icon: "pin", text: t(c.pinned ? "unpin" : "pin"), run: () => change(id, { pinned: !c.pinned }) },
			{ icon: "archive", text: t(c.archived ? "unarchive" : "archive"), run: () => change(id, { archived: !c.archived }) },
			...muteChoices(c).slice(0, c.muted ? 1 : 4),
		]} />}
	</main>;
}
