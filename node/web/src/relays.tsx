// Relays: those that keep one's own post, and what others keep of what was said here.
import { Fragment, h } from "preact";
import { signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { call } from "./api";
import { Dialog, Empty, Icon, IconButton, useBusy } from "./parts";
import { foreign, told } from "./reasons";
import { pictureIn, readPicture, Scan } from "./scan";
import { account, at, complain, explain, listeners, refreshers, toast } from "./state";
import { date, moment, t } from "./tongue";
import type { Keeping, Relay } from "./words";

export const relays = signal<Relay[] | null>(null);
export const isRelay = (text: string) => /^\s*linnet:relay[/]/i.test(text);

const leaveDays = 31;
const most = 3; // used at a time

export async function readRelays() {
	const name = account.value, all = (await call<{ relays: Relay[] | null }>("GET", at("/relays"))).relays ?? [];
	if (name === account.value) relays.value = all;
}
export async function addRelay(address: string) {
	relays.value = (await call<{ relays: Relay[] | null }>("POST", at("/relays"), { address: address.trim() })).relays ?? [];
}

// hostOf is where a relay is, of its addresses: a name before a number.
function hostOf(r: Relay): string {
	const hosts = (r.addresses ?? []).map(a => /^\/(dns[46]?|ip[46])\/([^/]+)/.exec(a)).filter(x => x !== null);
	return (hosts.find(x => x[1].startsWith("dns")) ?? hosts[0])?.[2] ?? "";
}

export const shortRelay = (id: string) => id.slice(0, 4) + " " + id.slice(4, 8);

// RelayName is what a relay is called: where it is, if that is known, and the beginning of its key.
export function RelayName({ id }: { id: string }) {
	const r = relays.value?.find(x => x.id === id), host = r ? hostOf(r) : "";
	return <span class="relay-name">{host && <bdi data-theirs>{host} </bdi>}<code dir="ltr" data-theirs>{shortRelay(id)}</code></span>;
}

// Reason says why, beginning a line with a capital letter.
export function Reason({ of, line }: { of: { why?: string; reason?: string }; line?: boolean }) {
	const text = told(of.reason, of.why ?? "");
	return <bdi data-theirs={foreign(of.reason) || undefined}>{line ? text.charAt(0).toLocaleUpperCase() + text.slice(1) : text}</bdi>;
}

function Health({ r }: { r: Relay }) {
	const until = new Date(Date.parse(r.since) + leaveDays * 864e5);
	const lines = [];
	if (r.state === "leaving") lines.push(<span>{t("relayLeaving", { date: date(until) })}</span>);
	else if (r.state === "allowed") lines.push(<span>{t("relayAllowed")}</span>);
	else if (r.drains) lines.push(<span class="warned">{t("relayDrains")}</span>);
	else if (r.listens) lines.push(<span>{t("relayListens")}</span>);
	else if (r.connected || r.seen && !r.why) lines.push(<span>{t("relayVisited")}</span>);
	else if (!r.why) lines.push(<span>{t("relayOpening")}</span>);
	if (r.why) lines.push(<span class="bad"><Reason of={r} line={!lines.length} /></span>);
	if (r.state === "used" && r.seen && !r.why && !r.drains && r.ready === undefined) lines.push(<span>{t("relaySupplied")}</span>);
	if (r.invited) lines.push(<span>{t("relayInvited")}</span>);
	if (r.seen && !r.connected) lines.push(<span>{t("relaySeen", { time: moment(r.seen) })}</span>);
	if (Math.abs(r.ahead_ms ?? 0) > 60e3) lines.push(<span class="warned">{t(r.ahead_ms! > 0 ? "relayAhead" : "relayBehind", { n: Math.round(Math.abs(r.ahead_ms!) / 1000) })}</span>);
	return <small class="health">{lines.map((x, i) => <>{i > 0 && " · "}{x}</>)}</small>;
}

const well = (r: Relay) => r.why ? "fail" : r.drains || r.state === "leaving" ? "warn" : r.state === "used" && r.seen ? "ok" : "";

export function RelaysPage() {
	const adding = useSignal(false), removing = useSignal<Relay | null>(null), opened = useSignal(""), keeping = useSignal<Keeping[]>([]), [busy, run] = useBusy();
	const count = useRef<() => void>(() => {});
	count.current = () => { call<{ relays: Keeping[] | null }>("GET", at("/custody")).then(x => { keeping.value = x.relays ?? []; }, complain); };
	useEffect(() => {
		let wait = 0, next = 0;
		const look = () => { next = 0; void readRelays().catch(() => {}); }; // the pill tells when nobody answers
		const soon = () => { wait ||= setTimeout(() => { wait = 0; count.current(); }, 500) as unknown as number; };
		const hear = (e: import("./words").Event) => {
			if (e.type === "delivery") soon();
			if (e.type === "relay") next ||= setTimeout(look, 150) as unknown as number;
		};
		const all = () => { look(); count.current(); };
		listeners.add(hear);
		refreshers.add(all);
		all();
		return () => { clearTimeout(next); clearTimeout(wait); listeners.delete(hear); refreshers.delete(all); };
	}, []);
	const all = relays.value, used = all?.filter(r => r.state === "used") ?? [];
	if (!all) return <span class="spinner" />;
	const gone = removing.value;
	return <><p class="dim">{t("relaysText")}</p>
		{all.length === 0 ? <Empty icon="relay" title={t("relaysNone")}><p>{t("relaysNoneText")}</p></Empty>
			: <section class="group"><h3>{t("relaysOwn")}</h3>{all.map(r => <div class="relay" key={r.id}>
				<div class="row"><span class={"state-dot " + well(r)}><Icon name="relay" /></span>
					<button type="button" class="grow open-relay" aria-expanded={opened.value === r.id} onClick={() => { opened.value = opened.value === r.id ? "" : r.id; }}><b><RelayName id={r.id} /></b><Health r={r} /></button>
					{r.state !== "leaving" && <IconButton icon="trash" label={t("relayRemove")} disabled={busy} onClick={() => { removing.value = r; }} />}</div>
				{opened.value === r.id && <dl class="facts"><dt>{t("relayKey")}</dt><dd><code class="wrap" dir="ltr" data-theirs>{r.id}</code></dd>{(r.addresses ?? []).map(a => <><dt>{t("address")}</dt><dd dir="ltr" data-theirs>{a}</dd></>)}
					<dt>{t("relaySince")}</dt><dd>{moment(r.since)}</dd></dl>}</div>)}</section>}
		{used.length > 0 && used.length < 2 && <p class="warn">{t("relayOne")}</p>}
		<div class="buttons start"><button type="button" class={all.length ? "plain" : "main"} onClick={() => { adding.value = true; }}><Icon name="plus" />{t("relayAdd")}</button></div>
		<section class="group"><h3>{t("custody")}</h3>{keeping.value.length === 0 ? <p class="dim row-like">{t("custodyNone")}</p>
			: keeping.value.map(k => <div class="row"><Icon name="kept" /><span class="grow"><b><RelayName id={k.relay} /></b><small>{t("custodyCount", { n: k.messages, until: date(k.until) })}</small></span></div>)}</section>
		<p class="dim">{t("relaysBlind")}</p>
		{adding.value && <AddRelay close={() => { adding.value = false; }} full={used.length >= most} />}
		{gone && <Dialog title={t("relayRemoveTitle")} close={() => { removing.value = null; }} footer={<>
			<button type="button" class="plain" onClick={() => { removing.value = null; }}>{t("cancel")}</button>
			<button type="button" class="main bad" disabled={busy} onClick={() => run(async () => { relays.value = (await call<{ relays: Relay[] | null }>("DELETE", at("/relays/" + gone.id))).relays ?? []; removing.value = null; })}>{t("remove")}</button></>}>
			<p class="host"><RelayName id={gone.id} /></p><p>{t(gone.state === "allowed" ? "relayForgetText" : "relayRemoveText")}</p>
			{gone.state === "used" && used.length === 1 && all.every(r => r.state !== "allowed") && <p class="warn">{t("relayLast")}</p>}</Dialog>}
	</>;
}

function AddRelay({ close, full }: { close: () => void; full: boolean }) {
	const text = useSignal(""), wrong = useSignal(""), scanning = useSignal(false), [busy, run] = useBusy();
	const put = (value: string) => { text.value = value; wrong.value = value.trim() && !isRelay(value) ? t("notRelay") : ""; };
	const picture = async (f: Blob | undefined) => { if (f) { const code = await readPicture(f).catch(() => ""); if (code) put(code); else wrong.value = t("noCode"); } };
	const add = () => run(async () => {
		try { await addRelay(text.value); close(); toast(t("relayAdded")); } catch (e) { wrong.value = explain(e); }
	});
	const ready = isRelay(text.value) && !busy;
	return <Dialog title={t("relayAdd")} close={close} footer={<button type="button" class="main" disabled={!ready} onClick={add}>{t("addShort")}</button>}>
		<p class="dim">{t("relayAddText")}</p>
		<textarea class="field code" rows={4} dir="ltr" autofocus spellcheck={false} placeholder="linnet:relay/…" aria-label={t("relayAddress")} value={text.value} onInput={e => put(e.currentTarget.value)}
			onPaste={e => { const f = pictureIn(e.clipboardData); if (f) { e.preventDefault(); void picture(f); } }}
			onDragOver={e => e.preventDefault()} onDrop={e => { const f = pictureIn(e.dataTransfer); if (f) { e.preventDefault(); void picture(f); } }}
			onKeyDown={e => { if (e.key === "Enter" && !e.shiftKey) { e.preventDefault(); if (ready) add(); } }} />
		<div class="buttons start"><button type="button" class="plain" onClick={() => { scanning.value = true; }}><Icon name="camera" />{t("scan")}</button></div>
		<div role="status">{wrong.value && <p class="warn">{wrong.value}</p>}{full && !wrong.value && <p class="dim">{t("relayReserve")}</p>}</div>
		<p class="dim">{t("relayRun")} <code data-theirs>linnet-relay</code></p>
		{scanning.value && <Scan close={() => { scanning.value = false; }} found={x => { scanning.value = false; put(x); }} />}
	</Dialog>;
}

