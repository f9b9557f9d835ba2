// The list of conversations, and search in all of them.
import { Fragment, h } from "preact";
import { signal, useSignal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { call, link } from "./api";
import { brief, mark } from "./format";
import { Avatar, Empty, Icon, IconButton, Menu, Name, plain, type Choice } from "./parts";
import { at, change, chats, complain, go, here, loaded, markRead, me, open, place, typing } from "./state";
import { show } from "./thread";
import { number, t, when } from "./tongue";
import { Ticks } from "./ticks";
import type { Chat, Message, Page } from "./words";

const rowHeight = 72;

export type Filter = "all" | "unread" | "requests" | "archived";
export const filter = signal<Filter>("all");
export const query = signal("");

export const waiting = (c: Chat) => c.with.state === "requested";
const calls = (c: Chat) => c.unread > 0 || c.marked;

export function shown(): Chat[] {
	const f = place.value[0] === "archive" ? "archived" : place.value[0] === "requests" ? "requests" : filter.value;
	const all = chats.value.filter(c => c.with.state !== "blocked" || open.value === c.with.id);
	switch (f) {
		case "requests": return all.filter(waiting);
		case "archived": return all.filter(c => c.archived && !waiting(c));
		case "unread": return all.filter(c => (calls(c) || c.with.id === open.value) && !c.archived && !waiting(c));
		default: return all.filter(c => !c.archived && !waiting(c));
	}
}

export function muteChoices(c: Chat): Choice[] {
	const until = (hours: number) => new Date(Date.now() + hours * 36e5).toISOString();
	if (c.muted) return [{ icon: "bell", text: t("unmute"), run: () => change(c.with.id, { muted: new Date(0).toISOString() }) }];
	return [["mute1h", 1], ["mute8h", 8], ["mute1w", 168], ["muteEver", 24 * 3650]].map(([key, hours]) => (
		{ icon: "mute", text: t(key as "mute1h"), run: () => { void change(c.with.id, { muted: until(hours as number) }); } }));
}

function Row({ c, top, onMenu }: { c: Chat; top: number; onMenu: (c: Chat, x: number, y: number) => void }) {
	const id = c.with.id, writes = (typing.value[id] ?? 0) > Date.now(), m = c.last, calling = calls(c);
	let text = "";
	if (m) text = m.deleted ? t("deletedMessage") : m.kind === "contact" ? t("card", { name: plain(m.card?.name ?? "") }) : m.kind === "newer" ? t("newerShort") : m.hidden ? t("hidden") : brief(m.text ?? "");
	const said = writes ? t("writes") : c.draft && open.value !== id ? brief(c.draft) : text || t(c.with.state === "asked" ? "askedShort" : "nothingYet");
	const hold = useRef(0);
	return <div class={"chat" + (open.value === id ? " open" : "") + (calling ? " calling" : "")} role="listitem" style={{ top: top + "px" }}>
		<a href={"#/c/" + id} aria-current={open.value === id ? "true" : undefined} onContextMenu={e => { e.preventDefault(); onMenu(c, e.clientX, e.clientY); }}
			onTouchStart={e => { const p = e.touches[0]; hold.current = setTimeout(() => onMenu(c, p.clientX, p.clientY), 550) as unknown as number; }}
			onTouchEnd={() => clearTimeout(hold.current)} onTouchMove={() => clearTimeout(hold.current)}
			onKeyDown={e => {
				if (e.key === "ContextMenu" || e.shiftKey && e.key === "F10") { e.preventDefault(); const r = e.currentTarget.getBoundingClientRect(); onMenu(c, r.left + 60, r.top + 40); }
				if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); const to = e.currentTarget.parentElement![e.key === "ArrowDown" ? "nextElementSibling" : "previousElementSibling"]; to?.querySelector("a")?.focus(); }
			}}>
			<Avatar name={c.with.name} id={id} picture={c.with.picture} awake={c.with.awake || here.value[id]} />
			<span class="lines">
				<span class="line"><Name of={c.with.name} class="title" />
					{c.with.verified && <span class="mini" title={t("verified")}><Icon name="shield" /><span class="sr">{t("verified")}</span></span>}
					{c.muted && <span class="mini" title={t("muted")}><Icon name="mute" /><span class="sr">{t("muted")}</span></span>}
					<span class="grow" />
					{m?.own && !m.deleted && !c.draft && <Ticks m={m} />}
					{m && <time>{when(m.time)}</time>}</span>
				<span class="line"><span class="last">
					{!writes && c.draft && open.value !== id && <em class="draft">{t("draft")} </em>}
					{writes ? <em class="writes">{said}</em> : <bdi data-theirs={!!text || !!c.draft || undefined}>{said}</bdi>}</span>
					{c.pinned && <span class="mini"><Icon name="pin" /><span class="sr">{t("pinned")}</span></span>}
					{c.unread > 0 ? <b class={"count" + (c.muted ? " quiet" : "")} aria-label={t("unreadCount", { n: c.unread })}>{c.unread >= 1000 ? number(999) + "+" : number(c.unread)}</b> : c.marked && <b class="count dot" aria-label={t("markedUnread")} />}</span>
			</span>
		</a>
	</div>;
}

// Pill says that something is not as it should be, and never stands in the way.
export function Pill() {
	if (link.value === "down") return <div class="pill bad" role="status"><span class="dot" />{t("pillDown")}</div>;
	return null;
}

export function List() {
	const box = useRef<HTMLDivElement>(null);
	const [from, setFrom] = useState(0);
	const [height, setHeight] = useState(900);
	const [menu, setMenu] = useState<{ c: Chat; x: number; y: number } | null>(null);
	useEffect(() => {
		const watch = new ResizeObserver(() => setHeight(box.current?.clientHeight ?? 900));
		if (box.current) watch.observe(box.current);
		return () => watch.disconnect();
	}, []);
	const inArchive = place.value[0] === "archive", inRequests = place.value[0] === "requests", apart = inArchive || inRequests;
	const all = shown(), first = Math.max(0, Math.floor(from / rowHeight) - 6), last = Math.min(all.length, Math.ceil((from + height) / rowHeight) + 6);
	const requests = chats.value.filter(waiting).length, archived = chats.value.filter(c => c.archived && !waiting(c)).length;
	const onMenu = (c: Chat, x: number, y: number) => setMenu({ c, x, y });
	const self = me.value;
	return <aside class="list" aria-label={t("conversations")}>
		<header>
			{apart ? <><IconButton icon="back" label={t("back")} onClick={() => go()} /><h1>{t(inArchive ? "archived" : "requests")}</h1></>
				: <><button type="button" class="me" aria-label={t("settings")} title={t("settings")} onClick={() => go("settings")}><Avatar name={self?.display || self?.name || "?"} id={self?.id ?? ""} picture={self?.picture} own={self?.name} size="s" /></button>
					<label class="search"><Icon name="search" /><input id="search" type="search" placeholder={t("search")} aria-label={t("search")} value={query.value} onInput={e => { query.value = e.currentTarget.value; }}
						onKeyDown={e => {
							if (e.key === "Escape") { query.value = ""; e.currentTarget.blur(); }
							if (e.key === "ArrowDown") { e.preventDefault(); document.querySelector<HTMLElement>(".rows a")?.focus(); }
						}} /></label>
					<IconButton icon="plus" label={t("add")} class="accent" onClick={() => go("add")} /></>}
		</header>
		<Pill />
		{query.value.trim() ? <Found text={query.value.trim()} /> : <>
			{!apart && loaded.value && chats.value.length > 0 && <div class="filters" role="group" aria-label={t("filter")}>
				{(["all", "unread"] as Filter[]).map(f => <button type="button" aria-pressed={filter.value === f} onClick={() => { filter.value = f; }}>{t(f === "all" ? "filterAll" : "filterUnread")}</button>)}
				{requests > 0 && <button type="button" class="hot" onClick={() => go("requests")}>{t("requestsCount", { n: requests })}</button>}
				{archived > 0 && <button type="button" onClick={() => go("archive")}>{t("archived")}</button>}
			</div>}
			<div class="rows" ref={box} onScroll={e => setFrom(e.currentTarget.scrollTop)}>
				<div role="list" aria-label={t("conversations")} style={{ height: all.length * rowHeight + "px" }}>
					{all.slice(first, last).map((c, i) => <Row key={c.with.id} c={c} top={(first + i) * rowHeight} onMenu={onMenu} />)}
				</div>
				{loaded.value && !all.length && (apart ? <Empty icon={inArchive ? "archive" : "users"} title={t(inArchive ? "noArchived" : "noRequests")} />
					: filter.value === "unread" ? <Empty icon="check" title={t("allRead")} />
						: <Empty icon="users" title={t("noChats")}><p>{t("noChatsText")}</p>
							<button type="button" class="main" onClick={() => go("invite")}><Icon name="qr" />{t("inviteSomebody")}</button>
							<button type="button" class="plain" onClick={() => go("add")}>{t("haveInvite")}</button></Empty>)}
			</div></>}
		{menu && <Menu x={menu.x} y={menu.y} close={() => setMenu(null)} choices={[
			{ icon: "pin", text: t(menu.c.pinned ? "unpin" : "pin"), run: () => change(menu.c.with.id, { pinned: !menu.c.pinned }) },
			menu.c.unread || menu.c.marked
				? { icon: "check", text: t("markRead"), run: async () => { if (menu.c.marked) await change(menu.c.with.id, { marked: false }); if (menu.c.unread) await markRead(menu.c.with.id); } }
				: { icon: "unread", text: t("markUnread"), run: () => change(menu.c.with.id, { marked: true }) },
			{ icon: "archive", text: t(menu.c.archived ? "unarchive" : "archive"), run: () => change(menu.c.with.id, { archived: !menu.c.archived, ...(menu.c.archived ? {} : { pinned: false }) }) },
			...muteChoices(menu.c),
			{ icon: "user", text: t("contactInfo"), run: () => go("c", menu.c.with.id, "info") },
		]} />}
	</aside>;
}

// Found shows contacts and messages that match, the newest first, more as one scrolls.
function Found({ text }: { text: string }) {
	const hits = useSignal<Message[]>([]), more = useSignal(false), busy = useSignal(false);
	const run = useRef<AbortController | null>(null);
	const ask = async (skip: number) => {
		const size = skip ? 50 : 15;
		run.current?.abort();
		const mine = run.current = new AbortController();
		busy.value = true;
		try {
			const page = await call<Page>("GET", at(`/search?text=${encodeURIComponent(text.slice(0, 80))}&limit=${size}&skip=${skip}`), undefined, { signal: mine.signal });
			hits.value = skip ? [...hits.value, ...page.messages] : page.messages;
			more.value = page.messages.length === size && hits.value.length < 1000;
			if (!skip && more.value) { void ask(size); return; }
		} catch (e) { if (!mine.signal.aborted) complain(e); }
		if (run.current === mine) busy.value = false;
	};
	useEffect(() => {
		const wait = setTimeout(() => void ask(0), 120);
		return () => { clearTimeout(wait); run.current?.abort(); };
	}, [text]);
	const low = text.toLowerCase(), people = chats.value.filter(c => c.with.name.toLowerCase().includes(low) || c.with.profile?.toLowerCase().includes(low)).slice(0, 20);
	const key = (e: KeyboardEvent) => {
		const a = e.currentTarget as HTMLElement;
		const all = [...document.querySelectorAll<HTMLElement>(".rows.found a")], i = all.indexOf(a);
		if (e.key === "ArrowDown") { e.preventDefault(); all[i + 1]?.focus(); }
		if (e.key === "ArrowUp") { e.preventDefault(); (all[i - 1] ?? document.getElementById("search"))?.focus(); }
	};
	return <div class="rows found" onScroll={e => { const b = e.currentTarget; if (more.value && !busy.value && b.scrollTop + b.clientHeight > b.scrollHeight - 400) void ask(hits.value.length); }}>
		{people.length > 0 && <h2>{t("people")}</h2>}
		{people.map(c => <a class="hit" href={"#/c/" + c.with.id} onKeyDown={key} onClick={() => { query.value = ""; }}><Avatar name={c.with.name} id={c.with.id} picture={c.with.picture} size="s" /><bdi class="name" data-theirs>{mark(plain(c.with.name), text)}</bdi></a>)}
		{hits.value.length > 0 && <h2>{t("messages")}</h2>}
		{hits.value.map(m => <a class="hit tall" href={"#/c/" + m.with} onKeyDown={key} onClick={e => { e.preventDefault(); go("c", m.with); setTimeout(() => void show(m.id), 60); }}>
			<span class="line"><Name of={chats.value.find(c => c.with.id === m.with)?.with.name ?? m.name} class="title" /><span class="grow" /><time>{when(m.time)}</time></span>
			<span class="last">{m.own && <em>{t("you")}: </em>}<bdi data-theirs>{mark(excerpt(m.text ?? "", low), text)}</bdi></span></a>)}
		{busy.value && <span class="spinner" />}
		{!busy.value && !people.length && !hits.value.length && <Empty icon="search" title={t("nothingFound")} />}
	</div>;
}

// excerpt returns what stands about the place where a text was found.
function excerpt(text: string, low: string): string {
	const i = text.toLowerCase().indexOf(low);
	return brief(i > 40 ? "…" + text.slice(i - 30) : text);
}
