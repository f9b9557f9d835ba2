// Settings: a list of pages, and the pages.
import { Fragment, h, type ComponentChildren } from "preact";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call, logout, stream } from "./api";
import { choices, choose } from "./choices";
import { keymap } from "./keys";
import { allowed, ask } from "./notify";
import { Avatar, copy, Dialog, Empty, Icon, IconButton, Name, Pick, QR, Toggle, plain, useBusy } from "./parts";
import { ownPath, PickPicture } from "./portrait";
import { Reason, RelaysPage } from "./relays";
import { account, accounts, at, chats, complain, contactName, explain, go, listeners, me, place, read, refreshers, stay, switchTo, toast } from "./state";
import { language, languages, moment, number, size, t } from "./tongue";
import type { Account, Check, Privacy, Status, Storage, Token } from "./words";

type Title = Parameters<typeof t>[0];
const pages: [string, string, Title][] = [
	["profile", "user", "profile"], ["words", "key", "words"], ["accounts", "users", "accounts"], ["devices", "device", "devices"], ["relays", "relay", "relays"], ["node", "node", "node"], ["privacy", "lock", "privacy"],
	["notifications", "bell", "notifications"], ["appearance", "moon", "appearance"], ["language", "globe", "language"], ["storage", "disk", "storage"], ["blocked", "block", "blockedPeople"], ["tabs", "link", "tabs"], ["shortcuts", "keyboard", "shortcuts"], ["about", "info", "about"],
];

export function Settings() {
	const page = place.value[1] ?? "", a = me.value, listed = pages.filter(([name]) => name !== "words" || a?.words);
	return <>
		<aside class={"list settings" + (page ? " has-page" : "")} aria-label={t("settings")}>
			<header><IconButton icon="back" label={t("back")} onClick={() => go()} /><h1>{t("settings")}</h1></header>
			<nav class="rows plainrows" aria-label={t("settings")}>
				<a class="row self" href="#/settings/profile"><Avatar name={a?.display || a?.name || "?"} id={a?.id ?? ""} picture={a?.picture} own={a?.name} size="m" /><span class="grow"><Name of={a?.display || a?.name || ""} class="title" />{a?.about && <small dir="auto" data-theirs>{a.about}</small>}</span></a>
				{a?.words && <a class="notice" href="#/settings/words"><Icon name="key" /><span>{t("wordsNotice")}</span></a>}
				{listed.map(([name, icon, title]) => <a class="row" href={"#/settings/" + name} aria-current={page === name ? "page" : undefined}><Icon name={icon} /><span class="grow"><b>{t(title)}</b></span><Icon name="next" class="dim" /></a>)}
			</nav>
		</aside>
		<main class={"conversation sheet" + (page ? "" : " none")} aria-label={t("settings")}>{page ? <Sheet page={page} /> : <Empty icon="user" title={t("settings")} />}</main>
	</>;
}

function Sheet({ page }: { page: string }) {
	const title = pages.find(p => p[0] === page)?.[2] ?? "settings";
	const body: Record<string, () => ComponentChildren> = { profile: () => <Profile />, words: () => <Words />, accounts: () => <AccountsPage />, devices: () => <Devices />, relays: () => <RelaysPage />, node: () => <NodePage />, privacy: () => <PrivacyPage />, notifications: () => <Notifications />, appearance: () => <Appearance />, language: () => <LanguagePage />, storage: () => <StoragePage />, blocked: () => <Blocked />, tabs: () => <Tabs />, shortcuts: () => <Shortcuts />, about: () => <About /> };
	return <><header class="bar"><IconButton icon="back" label={t("back")} class="only-narrow" onClick={() => go("settings")} /><h2>{t(title)}</h2></header>
		<div class="scroll"><div class="column" key={page}>{body[page]?.()}</div></div></>;
}

function Profile() {
	const a = me.value, name = useSignal(a?.display ?? ""), about = useSignal(a?.about ?? ""), [busy, run] = useBusy();
	if (!a) return null;
	const changed = name.value.trim() !== (a.display ?? "") || about.value.trim() !== (a.about ?? "");
	return <><div class="portrait"><PickPicture class="pick" label={t(a.picture ? "pictureChange" : "pictureChoose")} done={image => run(async () => { await call("PUT", ownPath(), { image }); await read(); toast(t("saved")); })}>
			<Avatar name={name.value || a.name} id={a.id ?? ""} picture={a.picture} own={a.name} size="xl" /><span class="badge"><Icon name="camera" /></span></PickPicture>
			{a.picture && <button type="button" class="link" disabled={busy} onClick={() => run(async () => { await call("DELETE", ownPath()); await read(); })}>{t("pictureRemove")}</button>}</div>
		<form onSubmit={e => { e.preventDefault(); run(async () => { await call("PUT", at("/profile"), { display: name.value.trim(), about: about.value.trim() }); await read(); toast(t("saved")); }); }}>
			<label class="stack">{t("yourName")}<input class="field" maxLength={60} value={name.value} onInput={e => { name.value = e.currentTarget.value; }} /></label>
			<label class="stack">{t("yourAbout")}<textarea class="field" rows={2} maxLength={140} value={about.value} onInput={e => { about.value = e.currentTarget.value; }} /></label>
			<p class="dim">{t("profileText")}</p>
			<button type="submit" class="main" disabled={!changed || busy}>{t("save")}</button></form>
		<section class="group"><h3>{t("address")}</h3><QR text={(a.address ?? "").toUpperCase()} label={t("address")} />
			<button type="button" class="row" onClick={() => void copy(a.address ?? "", toast)}><Icon name="at" /><span class="grow"><small class="wrap" dir="ltr" data-theirs>{a.address}</small></span><Icon name="copy" class="dim" /></button>
			<p class="dim row-like">{t("addressText")}</p><div class="buttons start"><button type="button" class="plain" onClick={() => go("invite")}><Icon name="qr" />{t("inviteSomebody")}</button></div></section></>;
}

export function Words({ done }: { done?: () => void }) {
	const words = useSignal<string[] | null>(null), typed = useSignal(""), asking = useSignal(false), [busy, run] = useBusy();
	if (!me.value?.words) return <Empty icon="check" title={t("wordsConfirmed")}><p>{t("wordsGone")}</p></Empty>;
	return <><p>{t("wordsText")}</p>
		{!words.value ? <button type="button" class="main" onClick={() => run(async () => { words.value = (await call<{ words: string[] }>("GET", at("/words"))).words; })}><Icon name="key" />{t("wordsShow")}</button>
			: !asking.value ? <><ol class="words" data-theirs>{words.value.map(w => <li>{w}</li>)}</ol><p class="warn">{t("wordsWarn")}</p>
				<div class="buttons"><button type="button" class="plain" onClick={() => { words.value = null; done?.(); }}>{t("later")}</button><button type="button" class="main" onClick={() => { asking.value = true; }}>{t("wordsWritten")}</button></div></>
				: <form onSubmit={e => { e.preventDefault(); run(async () => { await call("POST", at("/words"), { words: typed.value.trim() }); await read(); toast(t("wordsConfirmed")); done?.(); }); }}>
					<label class="stack">{t("wordsType")}<textarea class="field" rows={4} autoFocus spellcheck={false} autocomplete="off" value={typed.value} onInput={e => { typed.value = e.currentTarget.value; }} /></label>
					<p class="dim">{t("wordsErase")}</p>
					<div class="buttons"><button type="button" class="plain" onClick={() => { asking.value = false; }}>{t("back")}</button><button type="submit" class="main" disabled={busy || typed.value.trim().split(/\s+/).length !== 24}>{t("confirm")}</button></div></form>}</>;
}

function AccountsPage() {
	const making = useSignal(false), name = useSignal(""), [busy, run] = useBusy();
	return <><p class="dim">{t("accountsText")}</p>
		{(accounts.value ?? []).map(a => <button type="button" class={"row" + (a.name === account.value ? " current" : "")} aria-pressed={a.name === account.value} onClick={() => switchTo(a.name)}><Avatar name={a.display || a.name} id={a.id ?? ""} picture={a.picture} own={a.name} size="s" />
			<span class="grow"><Name of={a.display || a.name} /><small>{a.state === "running" ? <bdi data-theirs>{a.name}</bdi> : a.state === "locked" ? t("locked") : <bdi data-theirs>{a.problem}</bdi>}</small></span>{a.name === account.value && <Icon name="check" />}</button>)}
		<div class="buttons start"><button type="button" class="plain" onClick={() => { making.value = true; }}><Icon name="plus" />{t("accountNew")}</button></div>
		{making.value && <Dialog title={t("accountNew")} close={() => { making.value = false; }} footer={<button type="button" class="main" disabled={busy || !name.value.trim()} onClick={() => run(async () => { const a = await call<Account>("POST", "/v1/accounts", { display: name.value.trim() }); making.value = false; await read(); switchTo(a.name); })}>{t("create")}</button>}>
			<label class="stack">{t("yourName")}<input class="field" autofocus maxLength={60} value={name.value} onInput={e => { name.value = e.currentTarget.value; }} /></label><p class="dim">{t("accountNewText")}</p></Dialog>}</>;
}

function Devices() {
	const a = me.value;
	return <><p class="dim">{t("devicesText")}</p>{(a?.devices ?? []).map(d => <div class="row"><Icon name="device" /><span class="grow"><b>{t("deviceN", { n: d })}</b><small>{d === a?.device ? t("deviceThis") : t("deviceOther")}</small></span></div>)}</>;
}

function Checks({ all }: { all: Check[] | null }) {
	return <>{(all ?? []).map(c => <div class={"row check " + c.state}><Icon name={c.state === "ok" ? "check" : "failed"} /><span class="grow"><b data-theirs>{c.name}</b><small data-theirs>{c.text}</small>{c.fix && <small class="fix">{t("fix")} <code data-theirs>{c.fix}</code></small>}</span></div>)}</>;
}

function NodePage() {
	const s = useSignal<Status | null>(null);
	const ask = () => { call<Status>("GET", "/v1/status").then(x => { s.value = x; }, complain); };
	useEffect(() => {
		let next = 0;
		const hear = (e: import("./words").Event) => { if (e.type === "waiting" || e.type === "delivery" || e.type === "relay") next ||= setTimeout(() => { next = 0; ask(); }, 300) as unknown as number; };
		listeners.add(hear);
		refreshers.add(ask);
		ask();
		return () => { clearTimeout(next); listeners.delete(hear); refreshers.delete(ask); };
	}, []);
	const a = s.value?.accounts.find(x => x.name === account.value);
	if (!s.value) return <span class="spinner" />;
	return <><p class="dim">{t("nodeText")}</p>
		<section class="group"><h3>{t("health")}</h3><Checks all={[...s.value.checks ?? [], ...a?.checks ?? []]} /><div class="row"><Icon name="node" /><span class="grow"><b>{t("peers", { n: a?.peers ?? 0 })}</b><small>{t("runsSince", { time: moment(s.value.since) })}</small></span></div></section>
		<section class="group"><h3>{t("outbox")}</h3>{a?.waiting?.length ? a.waiting.map(w => <a class="row" href={"#/c/" + w.to}><Avatar name={w.name} id={w.to} picture={chats.value.find(c => c.with.id === w.to)?.with.picture} size="s" /><span class="grow"><Name of={w.name} /><small>{t("waitingCount", { n: w.messages })}{w.why && <>: <Reason of={w} /></>}</small></span></a>) : <p class="dim row-like">{t("nothingWaits")}</p>}</section>
		<div class="buttons start"><button type="button" class="plain" onClick={ask}><Icon name="retry" />{t("lookAgain")}</button></div></>;
}

function PrivacyPage() {
	const p = useSignal<Privacy | null>(null);
	useEffect(() => { call<Privacy>("GET", at("/privacy")).then(x => { p.value = x; }, complain); }, []);
	const set = (part: Partial<Privacy>) => { const next = { ...p.value!, ...part }; p.value = next; call("PUT", at("/privacy"), next).catch(complain); };
	return <>{p.value && <section class="group"><h3>{t("othersSee")}</h3><Toggle label={t("receipts")} hint={t("receiptsHint")} on={!p.value.no_receipts} set={v => set({ no_receipts: !v })} /><Toggle label={t("typingTell")} hint={t("typingHint")} on={!p.value.no_typing} set={v => set({ no_typing: !v })} /></section>}
		<section class="group prose"><h3>{t("whoSees")}</h3><p>{t("whoSees1")}</p><p>{t("whoSees2")}</p><p>{t("whoSees3")}</p></section></>;
}

function Notifications() {
	const c = choices.value;
	return <><section class="group"><Toggle label={t("notifyOn")} hint={allowed.value === "denied" ? t("notifyDenied") : t("notifyHint")} on={c.notify && allowed.value === "granted"} set={v => { if (v) void ask(); else choose({ notify: false }); }} />
		<Pick label={t("notifyShow")} value={c.preview} from={[["all", t("showAllOf")], ["name", t("showName")], ["none", t("showNothing")]]} set={preview => choose({ preview })} /></section>
		<p class="dim">{t("notifyText")}</p></>;
}

function Appearance() {
	const c = choices.value;
	return <><section class="group"><Pick label={t("theme")} value={c.theme} from={[["auto", t("automatic")], ["light", t("light")], ["dark", t("dark")]]} set={theme => choose({ theme })} />
		<Pick label={t("textSize")} value={String(c.size)} from={[["13", t("small")], ["15", t("medium")], ["17", t("large")], ["20", t("huge")]]} set={v => choose({ size: Number(v) })} />
		<Toggle label={t("contrast")} on={c.contrast} set={contrast => choose({ contrast })} /><Toggle label={t("still")} on={c.still} set={still => choose({ still })} /></section>
		<section class="group"><h3>{t("writing")}</h3><Toggle label={t("enterSends")} hint={t(c.enter ? "enterHint" : "enterHintOff")} on={c.enter} set={enter => choose({ enter })} /></section></>;
}

function LanguagePage() {
	return <section class="group" role="radiogroup" aria-label={t("language")}>{[["auto", t("automatic")], ...Object.entries(languages)].map(([tag, name]) => <label class="row"><span class="grow"><b data-theirs={tag !== "auto" || undefined} lang={tag === "auto" ? undefined : tag}>{name}</b></span><input type="radio" name="language" checked={choices.value.language === tag} onChange={() => choose({ language: tag })} /></label>)}</section>;
}

function StoragePage() {
	const s = useSignal<Storage | null>(null), here = useSignal(0);
	useEffect(() => { call<Storage>("GET", at("/storage")).then(x => { s.value = x; }, complain); navigator.storage?.estimate?.().then(e => { here.value = e.usage ?? 0; }, () => {}); }, []);
	return <>{s.value ? <><div class="figure"><b data-theirs>{size(s.value.bytes)}</b><span>{t("storageUsed")}</span></div><div class="meter" role="img" aria-label={t("storageUsed")}><i style={{ inlineSize: Math.max(1, Math.min(100, 100 * s.value.bytes / (s.value.bytes + s.value.free))) + "%" }} /></div>
		<dl class="facts"><dt>{t("storageFree")}</dt><dd>{size(s.value.free)}</dd><dt>{t("conversations")}</dt><dd>{number(chats.value.length)}</dd><dt>{t("storagePage")}</dt><dd>{size(here.value)}</dd></dl></> : <span class="spinner" />}
		<p class="dim">{t("storageText")}</p>
		<Backups /></>;
}

// Backups says when the last backup was made, and makes one: an age file, which the passphrase opens.
function Backups() {
	const made = useSignal<string | null | undefined>(undefined), asking = useSignal(false), secret = useSignal(""), again = useSignal(""), wrong = useSignal(""), [busy, run] = useBusy();
	useEffect(() => { call<{ made?: string }>("GET", at("/backup")).then(x => { made.value = x.made ?? null; }, complain); }, []);
	const days = made.value ? Math.floor((Date.now() - Date.parse(made.value)) / 864e5) : 0;
	const close = () => { asking.value = false; secret.value = again.value = wrong.value = ""; };
	const make = () => run(async () => {
		const began = new Date().toISOString(), name = `linnet-${account.value}-${began.slice(0, 10)}.age`, picker = (window as any).showSaveFilePicker;
		try {
			const file = picker ? await picker({ suggestedName: name }) : null;
			const body = await stream("POST", at("/backup"), { passphrase: secret.value });
			if (file) await body.pipeTo(await file.createWritable());
			else {
				const url = URL.createObjectURL(await new Response(body).blob()), a = document.createElement("a");
				a.href = url;
				a.download = name;
				a.click();
				setTimeout(() => URL.revokeObjectURL(url), 60e3);
			}
			made.value = (await call<{ made?: string }>("PUT", at("/backup"), { made: began })).made ?? null;
			close();
			toast(t("backupDone"));
		} catch (e) { if ((e as Error).name !== "AbortError") wrong.value = explain(e); }
	});
	const short = secret.value.length > 0 && secret.value.length < 8, differs = again.value !== "" && again.value !== secret.value;
	return <section class="group"><h3>{t("backup")}</h3>
		<div class={"row check " + (made.value && days < 30 ? "ok" : "warn")}><Icon name={made.value && days < 30 ? "check" : "failed"} /><span class="grow"><b>{made.value === undefined ? "…" : made.value === null ? t("backupNever") : days === 0 ? t("backupToday") : t("backupAge", { n: days })}</b><small>{t("backupText")}</small></span></div>
		<div class="buttons start row-like"><button type="button" class="plain" onClick={() => { asking.value = true; }}><Icon name="disk" />{t("backupMake")}</button></div>
		{asking.value && <Dialog title={t("backupMake")} close={close} footer={<button type="button" class="main" disabled={busy || secret.value.length < 8 || secret.value !== again.value} onClick={make}>{t("backupMake")}</button>}>
			<p class="dim">{t("backupPass")}</p>
			<label class="stack">{t("passphrase")}<input class="field" type="password" autocomplete="new-password" autofocus value={secret.value} onInput={e => { secret.value = e.currentTarget.value; }} /></label>
			<label class="stack">{t("passphraseAgain")}<input class="field" type="password" autocomplete="new-password" value={again.value} onInput={e => { again.value = e.currentTarget.value; }} /></label>
			<div role="status">{(wrong.value || short || differs) && <p class="warn">{wrong.value || t(short ? "passphraseShort" : "passphraseDiffers")}</p>}{busy && <span class="spinner" />}</div></Dialog>}
	</section>;
}

function Blocked() {
	const all = chats.value.filter(c => c.with.state === "blocked");
	if (!all.length) return <Empty icon="block" title={t("nobodyBlocked")} />;
	return <>{all.map(c => <div class="row"><Avatar name={c.with.name} id={c.with.id} picture={c.with.picture} size="s" /><span class="grow"><Name of={contactName(c.with.id)} /></span><button type="button" class="plain" onClick={() => void call("PATCH", at("/contacts/" + c.with.id), { blocked: false }).catch(complain)}>{t("unblock")}</button></div>)}</>;
}

function Tabs() {
	const all = useSignal<Token[] | null>(null), [busy, run] = useBusy();
	const ask = () => call<{ tokens: Token[] | null }>("GET", "/v1/tokens").then(x => { all.value = x.tokens ?? []; });
	useEffect(() => { ask().catch(complain); }, []);
	return <><p class="dim">{t("tabsText")}</p>{(all.value ?? []).map(k => <div class="row"><Icon name={k.page ? "link" : "key"} /><span class="grow"><b data-theirs={!k.page || undefined}>{k.page ? t("tabOf") : k.name}</b><small>{k.used ? t("usedAt", { time: moment(k.used) }) : t("madeAt", { time: moment(k.created) })}</small></span><IconButton icon="trash" label={t("revoke")} disabled={busy} onClick={() => run(async () => { await call("DELETE", "/v1/tokens/" + k.id); await ask(); })} /></div>)}
		<div class="buttons start"><button type="button" class="plain bad" onClick={() => void logout()}><Icon name="lock" />{t("logout")}</button></div></>;
}

export function Shortcuts() {
	return <table class="keys"><tbody>{keymap.map(([keys, what]) => <tr><td>{keys.map((k, i) => <>{i > 0 && <span class="dim"> {t("or")} </span>}<kbd data-theirs>{k}</kbd></>)}</td><td>{t(what)}</td></tr>)}</tbody></table>;
}

function About() {
	const s = useSignal<Status | null>(null);
	useEffect(() => { call<Status>("GET", "/v1/status").then(x => { s.value = x; }, complain); }, []);
	return <div class="about-page"><img src="/icon.svg" alt="" width={72} height={72} /><h2 data-theirs>Linnet</h2><p class="dim">{t("aboutText")}</p>
		<dl class="facts"><dt>{t("version")}</dt><dd data-theirs>{s.value?.version ?? "…"}</dd><dt>{t("language")}</dt><dd data-theirs>{languages[language.value] ?? language.value}</dd><dt>{t("licence")}</dt><dd><a href="/licences.txt" target="_blank" rel="noopener" data-theirs>MIT</a></dd></dl></div>;
}

export { plain, stay };
