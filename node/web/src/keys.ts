// The keyboard: everything can be done with it. Shortcuts are the union of what other messengers have.
import { signal } from "@preact/signals";
import { chats, go, open, place } from "./state";
import { filter, query, shown } from "./list";
import { toEnd } from "./thread";
import { t } from "./tongue";

const mac = /Mac|iP/.test(navigator.platform), mod = mac ? "⌘" : "Ctrl";

export const keymap: [string[], Parameters<typeof t>[0]][] = [
	[[mod + " K"], "keySwitch"], [[mod + " F"], "keySearch"], [["Alt N"], "keyAdd"], [["Alt ↑", "Alt ↓"], "keyNext"], [["Alt Shift ↑", "Alt Shift ↓"], "keyUnread"],
	[["Enter"], "keySend"], [["Shift Enter"], "keyLine"], [["↑"], "keyEdit"], [[mod + " ↑", mod + " ↓"], "keyReply"], [[mod + " B", mod + " I", mod + " E"], "keyFormat"],
	[["R", "E", "Del"], "keyMessage"], [["Shift F10"], "keyMenu"], [["End"], "keyEnd"], [["Esc"], "keyEsc"], [["F6"], "keyLandmark"], [[mod + " ,"], "keySettings"], [[mod + " /", "?"], "keyHelp"],
];

export const switching = signal(false);

export function beginKeys() {
	addEventListener("keydown", e => {
		if (e.defaultPrevented || e.isComposing) return;
		const m = e.ctrlKey || e.metaKey, target = e.target as HTMLElement, writing = /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName), modal = !!document.querySelector("[aria-modal=true],.menu-veil");
		const did = () => e.preventDefault();
		if (m && !e.shiftKey && !e.altKey && e.key.toLowerCase() === "k") { did(); switching.value = !switching.value; return; }
		if (modal) return;
		if (m && !e.altKey && e.key.toLowerCase() === "f") { did(); if (place.value[0] === "settings") go(); requestAnimationFrame(() => { const s = document.getElementById("search") as HTMLInputElement | null; if (s && s.offsetParent === null) { go(); requestAnimationFrame(() => s.focus()); } else { s?.focus(); s?.select(); } }); return; }
		if (e.altKey && !m && e.code === "KeyN") { did(); go("add"); return; }
		if (m && e.key === ",") { did(); go("settings"); return; }
		if (m && e.key === "/" || e.key === "?" && !writing) { did(); go("settings", "shortcuts"); return; }
		if (e.altKey && !m && (e.key === "ArrowDown" || e.key === "ArrowUp")) {
			did();
			filter.value = "all";
			const all = shown().filter(c => !e.shiftKey || c.unread > 0 || c.with.id === open.value), i = all.findIndex(c => c.with.id === open.value), to = all[e.key === "ArrowDown" ? i + 1 : i < 0 ? all.length - 1 : i - 1];
			if (to) go("c", to.with.id);
			return;
		}
		if (e.key === "F6") {
			did();
			const stops = ["#search", ".list .rows a", ".messages .message[tabindex='0']", "#composer", ".pane button"].map(s => document.querySelector<HTMLElement>(s)).filter((x): x is HTMLElement => !!x && x.offsetParent !== null);
			const i = stops.findIndex(x => x === document.activeElement || x.closest(".list,.messages,.composer,.pane")?.contains(document.activeElement));
			stops[(i + (e.shiftKey ? stops.length - 1 : 1)) % stops.length]?.focus();
			return;
		}
		if (e.key === "End" && !writing && open.value) { did(); void toEnd(); return; }
		if ((e.key === "PageUp" || e.key === "PageDown") && (!writing || target.id === "composer")) { const b = document.querySelector(".messages"); if (b) { did(); b.scrollBy({ top: (e.key === "PageUp" ? -0.85 : 0.85) * b.clientHeight }); } return; }
		if (e.key === "Escape") {
			if (query.value) { query.value = ""; return; }
			const p = place.value;
			if (p[0] === "c" && p[2]) { go("c", p[1]); return; }
			if (p[0] === "settings") { go(...(p[1] && innerWidth < 720 ? ["settings"] : [])); return; }
			if (p[0] === "archive" || p[0] === "requests") { go(); return; }
			if (target.id !== "composer" && document.getElementById("composer")) document.getElementById("composer")!.focus();
			else void toEnd();
		}
	});
}

export const openable = () => chats.value.filter(c => c.with.state !== "blocked");
