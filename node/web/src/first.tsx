// What comes before the first conversation: to be let in, to say a name, to open what is locked.
import { h } from "preact";
import { useSignal } from "@preact/signals";
import { call, link, login, session } from "./api";
import { Avatar, Icon, useBusy } from "./parts";
import { ownPath, PickPicture } from "./portrait";
import { account, accounts, at, complain, explain, failure, go, me, read } from "./state";
import { t } from "./tongue";
import type { Account } from "./words";

function Welcome({ title, text, children }: { title: string; text: string; children?: preact.ComponentChildren }) {
	return <main class="welcome"><div class="sheetlet"><img src="/icon.svg" alt="" width={88} height={88} /><h1>{title}</h1><p>{text}</p>{children}</div></main>;
}
import type * as preact from "preact";

// Door is shown to a tab without a token, and when nobody answers.
export function Door() {
	const code = useSignal(""), wrong = useSignal(""), [busy, run] = useBusy();
	if (link.value === "down") return <Down />;
	const found = /([A-Z2-7]{20,40})\s*$/.exec(code.value);
	return <Welcome title={t("doorTitle")} text={t("doorText")}>
		<pre class="command" data-theirs><code>linnet open</code></pre>
		<form onSubmit={e => { e.preventDefault(); if (found) run(async () => { try { await login(found[1]); wrong.value = ""; } catch (x) { wrong.value = explain(x); } }); }}>
			<label class="stack">{t("doorPaste")}<input class="field" dir="ltr" autocomplete="off" spellcheck={false} value={code.value} onInput={e => { code.value = e.currentTarget.value; }} /></label>
			{wrong.value && <p class="warn" role="alert">{wrong.value}</p>}
			<button type="submit" class="main" disabled={busy || !found}>{t("enterPage")}</button></form></Welcome>;
}

export function Down() {
	return <Welcome title={t("downTitle")} text={t("downText")}><pre class="command" data-theirs><code>linnet up</code></pre><p class="dim" role="status">{t("downWait")}</p></Welcome>;
}

export function First() {
	const name = useSignal(""), image = useSignal(""), wrong = useSignal(""), [busy, run] = useBusy();
	return <Welcome title={t("firstTitle")} text={t("firstText")}>
		<form onSubmit={e => { e.preventDefault(); run(async () => {
			try {
				const a = await call<Account>("POST", "/v1/accounts", { display: name.value.trim() });
				if (image.value) await call("PUT", ownPath(a.name), { image: image.value }).catch(complain); // there is an account: it can be chosen again
				accounts.value = [a];
				await read();
				go("start");
			} catch (x) { wrong.value = explain(x); }
		}); }}>
			<div class="portrait"><PickPicture class="pick" label={t("pictureOptional")} done={x => { image.value = x; }}>{image.value ? <Avatar name="" id="" size="l" here={"data:image/jpeg;base64," + image.value} /> : <span class="avatar l nobody"><Icon name="user" /></span>}<span class="badge"><Icon name="camera" /></span></PickPicture></div>
			<label class="stack">{t("firstName")}<input class="field" id="first-name" autofocus maxLength={60} autocomplete="nickname" value={name.value} onInput={e => { name.value = e.currentTarget.value; }} ref={x => { if (x && !x.dataset.seen) { x.dataset.seen = "1"; x.focus(); } }} /></label>
			{wrong.value && <p class="warn" role="alert">{wrong.value}</p>}
			<button type="submit" class="main" disabled={busy}>{t("firstGo")}</button></form>
		<p class="dim small">{t("firstPromise")}</p></Welcome>;
}

// Start is the second and last page of a first run.
export function Start() {
	return <Welcome title={t("startTitle", { name: me.value?.display || me.value?.name || "" })} text={t("startText")}>
		<div class="choices"><button type="button" class="choice" onClick={() => go("invite")}><Icon name="qr" /><b>{t("inviteSomebody")}</b><small>{t("startInvite")}</small></button>
			<button type="button" class="choice" onClick={() => go("add")}><Icon name="link" /><b>{t("haveInvite")}</b><small>{t("startAdd")}</small></button></div>
		<button type="button" class="plain" onClick={() => go()}>{t("startLater")}</button></Welcome>;
}

export function Locked() {
	const secret = useSignal(""), wrong = useSignal(""), [busy, run] = useBusy(), a = me.value!;
	const others = (accounts.value ?? []).filter(x => x.name !== account.value);
	if (a.state === "failed") return <Welcome title={t("failedTitle")} text={a.problem ?? ""}><pre class="command" data-theirs><code>linnet doctor</code></pre><button type="button" class="main" disabled={busy} onClick={() => run(() => call("POST", at("/unlock"), { passphrase: "" }).then(read))}>{t("tryAgain")}</button>{others.length > 0 && <button type="button" class="plain" onClick={() => go("settings", "accounts")}>{t("accounts")}</button>}</Welcome>;
	return <Welcome title={t("lockedTitle")} text={t("lockedText", { name: a.display || a.name })}>
		<form onSubmit={e => { e.preventDefault(); run(async () => { try { await call("POST", at("/unlock"), { passphrase: secret.value }); secret.value = ""; await read(); } catch (x) { wrong.value = explain(x); } }); }}>
			<label class="stack">{t("passphrase")}<input class="field" type="password" autocomplete="current-password" autofocus value={secret.value} onInput={e => { secret.value = e.currentTarget.value; }} /></label>
			{wrong.value && <p class="warn" role="alert">{wrong.value}</p>}
			<button type="submit" class="main" disabled={busy}>{t("unlock")}</button></form></Welcome>;
}

export function Trouble() {
	return <Welcome title={t("troubleTitle")} text={failure.value}><button type="button" class="main" onClick={() => void read()}>{t("tryAgain")}</button></Welcome>;
}

export { session };
