// How people become contacts: invites, and adding by an invite.
import { Fragment, h } from "preact";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call } from "./api";
import { copy, Dialog, Icon, IconButton, Name, QR, Toggle, plain, useBusy } from "./parts";
import { addRelay, isRelay } from "./relays";
import { pictureIn, readPicture, Scan } from "./scan";
import { at, explain, go, place, toast } from "./state";
import { moment, t } from "./tongue";
import type { Contact, Inspected, Invite } from "./words";

export function Invites({ close }: { close: () => void }) {
	const all = useSignal<Invite[]>([]), fresh = useSignal<Invite | null>(null), life = useSignal("86400"), standing = useSignal(false), [busy, run] = useBusy();
	const read = async () => { all.value = (await call<{ invites: Invite[] | null }>("GET", at("/invites"))).invites ?? []; };
	const make = () => run(async () => { fresh.value = await call<Invite>("POST", at("/invites"), { seconds: Number(life.value), standing: standing.value }); await read(); });
	useEffect(() => { make(); }, []);
	const show = fresh.value;
	return <Dialog title={t("invite")} close={close}>
		<p class="dim">{t("inviteText")}</p>
		{show ? <><QR text={show.link.toUpperCase()} label={t("inviteCode")} />
			<div class="linkbox" tabIndex={0} role="group" aria-label={t("inviteLink")}><code data-theirs dir="ltr">{show.link}</code></div>
			<div class="buttons"><button type="button" class="main" onClick={() => void copy(show.link, toast)}><Icon name="copy" />{t("copyLink")}</button>
				{"share" in navigator && <button type="button" class="plain" onClick={() => void navigator.share({ text: show.link }).catch(() => {})}><Icon name="share" />{t("share")}</button>}</div>
			<p class="dim center">{t(show.standing ? "inviteStanding" : "inviteOnce")} {show.until ? t("goodUntil", { time: moment(show.until) }) : t("goodForEver")}</p></> : <span class="spinner" />}
		<details class="more"><summary>{t("inviteOptions")}</summary>
			<label class="row"><span class="grow"><b>{t("inviteLife")}</b></span><select value={life.value} onChange={e => { life.value = e.currentTarget.value; }}>{([["3600", "life1h"], ["86400", "life1d"], ["604800", "life1w"], ["0", "lifeEver"]] as const).map(([v, k]) => <option value={v} selected={life.value === v}>{t(k)}</option>)}</select></label>
			<Toggle label={t("inviteMany")} hint={t("inviteManyHint")} on={standing.value} set={v => { standing.value = v; }} />
			<button type="button" class="plain" disabled={busy} onClick={make}><Icon name="plus" />{t("inviteNew")}</button></details>
		{all.value.length > 0 && <><h3>{t("invitesGood")}</h3>{all.value.map(i => <div class="row"><Icon name={i.standing ? "users" : "user"} /><span class="grow"><b>{t(i.standing ? "inviteKindMany" : "inviteKindOne")}</b><small>{i.until ? t("goodUntil", { time: moment(i.until) }) : t("goodForEver")}</small></span>
			<IconButton icon="qr" label={t("show")} onClick={() => { fresh.value = i; }} /><IconButton icon="trash" label={t("revoke")} onClick={() => run(async () => { await call("DELETE", at("/invites/" + i.id)); if (fresh.value?.id === i.id) fresh.value = null; await read(); })} /></div>)}</>}
	</Dialog>;
}

export function Add({ close }: { close: () => void }) {
	const text = useSignal(place.value[1] ?? ""), what = useSignal<Inspected | null>(null), wrong = useSignal(""), alias = useSignal(""), scanning = useSignal(false), [busy, run] = useBusy();
	useEffect(() => {
		const value = text.value.trim();
		what.value = null;
		wrong.value = "";
		if (!value || isRelay(value)) return;
		const stop = new AbortController(), wait = setTimeout(() => {
			call<Inspected>("POST", at("/inspect"), { invite: value.slice(0, 4096) }, { signal: stop.signal }).then(w => { what.value = w; }, e => { if (!stop.signal.aborted) wrong.value = explain(e); });
		}, 150);
		return () => { clearTimeout(wait); stop.abort(); };
	}, [text.value]);
	const picture = async (f: Blob | undefined) => { if (f) { const code = await readPicture(f).catch(() => ""); if (code) text.value = code; else wrong.value = t("noCode"); } };
	const add = () => run(async () => {
		if (isRelay(text.value)) {
			try { await addRelay(text.value); } catch (e) { wrong.value = explain(e); return; }
			close();
			go("settings", "relays");
			return;
		}
		const c = await call<Contact>("POST", at("/contacts"), { invite: text.value.trim(), ...(alias.value.trim() ? { alias: alias.value.trim() } : {}) });
		close();
		go("c", c.id);
	});
	const w = what.value, bad = w && (w.self || w.over), relay = isRelay(text.value);
	return <Dialog title={t("addTitle")} close={close} footer={w?.known ? <button type="button" class="main" onClick={() => { close(); go("c", w.id); }}>{t("openChat")}</button>
		: <button type="button" class="main" disabled={busy || !relay && (!w || !!bad)} onClick={add}>{t("addShort")}</button>}>
		<p class="dim">{t("addText")}</p>
		<textarea class="field code" rows={4} dir="ltr" autofocus spellcheck={false} placeholder="linnet:add/…" aria-label={t("inviteLink")} value={text.value} onInput={e => { text.value = e.currentTarget.value; }}
			onPaste={e => { const f = pictureIn(e.clipboardData); if (f) { e.preventDefault(); void picture(f); } }}
			onDragOver={e => e.preventDefault()} onDrop={e => { const f = pictureIn(e.dataTransfer); if (f) { e.preventDefault(); void picture(f); } }}
			onKeyDown={e => { if (e.key === "Enter" && !e.shiftKey && (relay || w && !bad && !w.known)) { e.preventDefault(); add(); } }} />
		<div class="buttons start"><button type="button" class="plain" onClick={() => { scanning.value = true; }}><Icon name="camera" />{t("scan")}</button>
			<button type="button" class="plain" onClick={() => go("invite")}><Icon name="qr" />{t("inviteInstead")}</button></div>
		<div role="status">{wrong.value && text.value && <p class="warn">{wrong.value}</p>}
			{relay && !wrong.value && <div class="found-invite"><Icon name="relay" /><span>{t("relayFound")}</span></div>}
			{w && <div class="found-invite"><Icon name={bad ? "failed" : "shield"} /><span>{w.self ? t("inviteSelf") : w.over ? t("inviteOver") : w.known ? <>{t("inviteKnown")} <Name of={w.known.name} /></> : t(w.bare ? "inviteBare" : "inviteGood", { id: w.id.slice(0, 8) })}{w.until && !w.over && <small>{t("goodUntil", { time: moment(w.until) })}</small>}</span></div>}</div>
		{w && !bad && !w.known && <label class="stack">{t("aliasOptional")}<input class="field" maxLength={60} value={alias.value} onInput={e => { alias.value = e.currentTarget.value; }} /></label>}
		{scanning.value && <Scan close={() => { scanning.value = false; }} found={x => { scanning.value = false; text.value = x; }} />}
	</Dialog>;
}

export { plain };
