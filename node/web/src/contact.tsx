// All about one contact: who it is, whether it is who it says, and what is set for it.
import { Fragment, h } from "preact";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call } from "./api";
import { muteChoices } from "./list";
import { Avatar, copy, Dialog, Icon, IconButton, Menu, Name, QR, Toggle, plain, useBusy } from "./parts";
import { Scan } from "./scan";
import { change, changeContact, chat, chats, complain, go, here, toast, withContact } from "./state";
import { date, moment, t } from "./tongue";
import type { Contact } from "./words";

const prefix = "LINNET:NUMBER/";
const digits = (s: string) => s.toUpperCase().replace(prefix, "").replace(/\D/g, "");

export function ContactPane() {
	const c = chat.value, number = useSignal(""), alias = useSignal<string | null>(null), verifying = useSignal(false), asking = useSignal<"" | "block" | "remove">(""), muting = useSignal<{ x: number; y: number } | null>(null), [busy, run] = useBusy();
	const id = c?.with.id ?? "";
	useEffect(() => {
		number.value = "";
		alias.value = null;
		if (id) call<Contact>("GET", withContact(id)).then(x => { number.value = x.safety_number ?? ""; }, complain);
	}, [id]);
	if (!c) return null;
	const close = () => go("c", id), w = c.with;
	return <aside class="pane" aria-label={t("contactInfo")}>
		<header class="bar"><IconButton icon="close" label={t("close")} onClick={close} /><h2>{t("contactInfo")}</h2></header>
		<div class="scroll">
			<div class="portrait"><Avatar name={w.name} id={id} picture={w.picture} size="xl" awake={w.awake || here.value[id]} /><Name of={w.name} class="big" />
				{w.alias && w.profile && <small>{t("callsItself")} <bdi data-theirs>{plain(w.profile)}</bdi></small>}{w.about && <p dir="auto" data-theirs>{w.about}</p>}
				{w.verified && <span class="tag"><Icon name="shield" />{t("verified")}</span>}</div>
			<section class="group"><h3>{t("identity")}</h3>
				<button type="button" class="row" onClick={() => { verifying.value = true; }}><Icon name="shield" /><span class="grow"><b>{t("safetyNumber")}</b><small>{t(w.verified ? "verifiedText" : "notVerified")}</small></span><Icon name="next" class="dim" /></button>
				<label class="stack row-like">{t("alias")}<span class="line"><input class="field" maxLength={60} placeholder={plain(w.profile || w.name)} value={alias.value ?? w.alias ?? ""} onInput={e => { alias.value = e.currentTarget.value; }} onKeyDown={e => { if (e.key === "Enter") e.currentTarget.blur(); }}
					onBlur={() => { if (alias.value !== null && alias.value.trim() !== (w.alias ?? "")) run(() => changeContact(id, { alias: alias.value!.trim() })); }} /></span></label>
				<button type="button" class="row" onClick={() => void copy(w.address, toast)}><Icon name="at" /><span class="grow"><b>{t("address")}</b><small class="cut" dir="ltr" data-theirs>{w.address}</small></span><Icon name="copy" class="dim" /></button></section>
			<section class="group"><h3>{t("conversation")}</h3>
				<button type="button" class="row" onClick={e => { const r = e.currentTarget.getBoundingClientRect(); muting.value = { x: r.left + 20, y: r.bottom }; }}><Icon name={c.muted ? "mute" : "bell"} /><span class="grow"><b>{t("notifications")}</b><small>{c.muted ? t("mutedUntil", { time: +new Date(c.muted) - Date.now() > 3e11 ? t("unmuted") : moment(c.muted) }) : t("notifyAll")}</small></span></button>
				<Toggle label={t("pinned")} on={!!c.pinned} set={v => change(id, { pinned: v })} /><Toggle label={t("archived")} on={!!c.archived} set={v => change(id, { archived: v })} /></section>
			<section class="group"><h3>{t("devices")}</h3>{w.devices?.length ? w.devices.map(d => <div class="row"><Icon name="device" /><span class="grow"><b>{t("deviceN", { n: d })}</b></span></div>) : <p class="dim row-like">{t("devicesUnknown")}</p>}
				<p class="dim row-like">{t("contactSince", { date: date(w.since) })}</p></section>
			<section class="group">
				<button type="button" class="row bad" onClick={() => { asking.value = "block"; }}><Icon name="block" /><span class="grow"><b>{t(w.state === "blocked" ? "unblock" : "block")}</b></span></button>
				<button type="button" class="row bad" onClick={() => { asking.value = "remove"; }}><Icon name="trash" /><span class="grow"><b>{t("removeContact")}</b></span></button></section>
		</div>
		{muting.value && <Menu x={muting.value.x} y={muting.value.y} close={() => { muting.value = null; }} choices={muteChoices(c)} />}
		{verifying.value && <Verify w={w} number={number.value} close={() => { verifying.value = false; }} />}
		{asking.value && <Dialog title={t(asking.value === "remove" ? "removeTitle" : w.state === "blocked" ? "unblock" : "blockTitle", { name: plain(w.name) })} close={() => { asking.value = ""; }} footer={<>
			<button type="button" class="plain" onClick={() => { asking.value = ""; }}>{t("cancel")}</button>
			<button type="button" class="main bad" disabled={busy} onClick={() => { const what = asking.value; asking.value = ""; run(async () => {
				if (what === "block") await changeContact(id, { blocked: w.state !== "blocked" });
				else { await call("DELETE", withContact(id)); chats.value = chats.value.filter(x => x.with.id !== id); go(); }
			}); }}>{t(asking.value === "remove" ? "remove" : w.state === "blocked" ? "unblock" : "block")}</button></>}>
			<p>{t(asking.value === "remove" ? "removeText" : "blockText")}</p></Dialog>}
	</aside>;
}

function Verify({ w, number, close }: { w: Contact; number: string; close: () => void }) {
	const scanning = useSignal(false), pasted = useSignal(""), result = useSignal<"" | "same" | "different">("");
	const compare = (text: string) => {
		const d = digits(text);
		pasted.value = text;
		if (d.length < 60) { result.value = ""; return; }
		result.value = d === digits(number) ? "same" : "different";
		if (result.value === "same" && !w.verified) void changeContact(w.id, { verified: true }).catch(complain);
	};
	const groups = digits(number).match(/\d{5}/g) ?? [];
	return <Dialog title={t("safetyNumber")} close={close} footer={<button type="button" class={w.verified ? "plain" : "main"} onClick={() => void changeContact(w.id, { verified: !w.verified }).catch(complain)}>{t(w.verified ? "unverify" : "markVerified")}</button>}>
		<p class="dim">{t("verifyText", { name: plain(w.name) })}</p>
		{number && <QR text={prefix + digits(number)} label={t("safetyNumber")} />}
		<button type="button" class="digits" dir="ltr" title={t("copyNumber")} onClick={() => void copy(groups.join(" "), toast)} data-theirs>{groups.map(g => <span>{g}</span>)}</button>
		<div class="buttons"><button type="button" class="plain" onClick={() => { scanning.value = true; }}><Icon name="camera" />{t("scanTheirs")}</button></div>
		<label class="stack">{t("pasteTheirs")}<input class="field" dir="ltr" inputMode="numeric" value={pasted.value} onInput={e => compare(e.currentTarget.value)} /></label>
		<div role="status">{result.value && <p class={result.value === "same" ? "good" : "warn"}><Icon name={result.value === "same" ? "check" : "failed"} />{t(result.value === "same" ? "numbersSame" : "numbersDiffer")}</p>}</div>
		{scanning.value && <Scan close={() => { scanning.value = false; }} found={x => { scanning.value = false; compare(x); }} />}
	</Dialog>;
}
