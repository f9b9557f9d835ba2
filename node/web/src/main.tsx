// The page begins here.
import { Fragment, h, render } from "preact";
import { useSignal } from "@preact/signals";
import { begin as beginSession, link, session } from "./api";
import { ContactPane } from "./contact";
import { Conversation } from "./conversation";
import { Door, Down, First, Locked, Start, Trouble } from "./first";
import { Leave } from "./format";
import { beginKeys, openable, switching } from "./keys";
import { List } from "./list";
import { beginNotices } from "./notify";
import { Avatar, Dialog, Empty, Name, Toasts } from "./parts";
import { Add, Invites } from "./people";
import { Settings } from "./settings";
import { Share, shared } from "./share";
import { accounts, begin, explain, failure, go, loaded, me, open, place, stay, toast } from "./state";
import { begin as beginThread } from "./thread";
import { t } from "./tongue";

function Switcher() {
	const find = useSignal(""), chosen = useSignal(0);
	if (!switching.value) return null;
	const close = () => { switching.value = false; };
	const low = find.value.toLowerCase(), all = openable().filter(c => c.with.name.toLowerCase().includes(low)).slice(0, 8);
	const to = (id: string) => { close(); go("c", id); };
	return <Dialog title={t("switchTo")} close={close}>
		<input class="field" type="search" autofocus role="combobox" aria-expanded="true" aria-controls="switch-list" aria-activedescendant={all.length ? "switch-" + chosen.value : undefined} aria-label={t("switchTo")} placeholder={t("search")} value={find.value} onInput={e => { find.value = e.currentTarget.value; chosen.value = 0; }}
			onKeyDown={e => {
				if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); chosen.value = (chosen.value + (e.key === "ArrowDown" ? 1 : all.length - 1)) % Math.max(1, all.length); }
				if (e.key === "Enter" && all[chosen.value]) { e.preventDefault(); to(all[chosen.value].with.id); }
			}} />
		<div class="people" role="listbox" id="switch-list" aria-label={t("conversations")}>{all.map((c, i) => <div class={"person" + (i === chosen.value ? " chosen" : "")} role="option" id={"switch-" + i} aria-selected={i === chosen.value} onClick={() => to(c.with.id)}><Avatar name={c.with.name} id={c.with.id} picture={c.with.picture} size="s" /><Name of={c.with.name} /></div>)}</div>
	</Dialog>;
}

function Page() {
	if (session.value === "unknown") return null;
	if (session.value === "out") return <Door />;
	if (accounts.value === null) return link.value === "down" ? <Down /> : failure.value ? <Trouble /> : null;
	if (!accounts.value.length) return <First />;
	const where = place.value[0];
	if (me.value && me.value.state !== "running" && where !== "settings") return <Locked />;
	const over = where === "add" ? <Add close={() => stay()} /> : where === "invite" ? <Invites close={() => stay()} /> : null;
	if (where === "start") return <Start />;
	if (where === "settings") return <div class="frame two" data-on={place.value[1] ? "main" : "list"}><Settings /></div>;
	const info = !!open.value && place.value[2] === "info";
	return <div class={"frame" + (info ? " three" : "")} data-on={info ? "pane" : open.value ? "main" : "list"}>
		<List />
		{open.value ? <Conversation /> : <main class="conversation none" aria-label={t("conversation")}>{loaded.value && <Empty icon="send" title={t("chooseChat")}><p>{t("chooseText")}</p></Empty>}</main>}
		{info && <ContactPane />}
		{over}
	</div>;
}

function App() { return <><Page /><Switcher /><Share /><Leave /><Toasts /></>; }

// Trusted Types: the one text that is ever used as code is the name of the service worker.
const policy = (window as any).trustedTypes?.createPolicy("linnet", { createScriptURL: (u: string) => { if (u !== "/sw.js") throw new TypeError("no"); return u; } });

// take shows what a link or another program brought: an invite in the screen where it can be added, or a text for which a
// conversation is to be chosen. Neither is done by itself, and neither stays in the address.
function take(search: string) {
	const brought = new URLSearchParams(search), invite = brought.get("add");
	if (invite) go("add", invite.replace(/^web\+/, "").slice(0, 4096));
	const said = [...new Set(["title", "text", "url"].map(k => brought.get(k)?.trim() ?? ""))].filter(Boolean);
	if (said.length) shared.value = said.join("\n").slice(0, 16384);
}

async function main() {
	const first = location.search;
	if (first) history.replaceState(null, "", "/" + location.hash);
	begin();
	beginThread();
	beginKeys();
	beginNotices();
	render(<App />, document.getElementById("app")!);
	try { await beginSession(); } catch (e) { if (link.value === "up") toast(explain(e), undefined, undefined, true); }
	take(first);
	// A window that is open already is not loaded anew: it is told. Of the first launch, it is told what it knows.
	let told = first !== "";
	(window as any).launchQueue?.setConsumer((launch: { targetURL?: string }) => {
		const search = launch.targetURL ? new URL(launch.targetURL).search : "";
		if (told && search === first) { told = false; return; }
		take(search);
	});
	const stopWaiting = loaded.subscribe(there => { // drawn, with what can be done
		if (there) requestAnimationFrame(() => { performance.mark("usable"); stopWaiting(); });
	});
	if ("serviceWorker" in navigator) void navigator.serviceWorker.register(policy ? policy.createScriptURL("/sw.js") : "/sw.js").catch(() => {});
}

void main();
