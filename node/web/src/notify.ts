// What is told outside of the page: notifications, the title, the badge of the icon.
import { effect, signal } from "@preact/signals";
import { leading, session } from "./api";
import { choices, choose } from "./choices";
import { brief } from "./format";
import { plain } from "./parts";
import { chats, go, listeners, open, unread } from "./state";
import { t } from "./tongue";

export const allowed = signal<string>("Notification" in window ? Notification.permission : "denied");

export async function ask() {
	if (!("Notification" in window)) return;
	allowed.value = await Notification.requestPermission();
	choose({ notify: allowed.value === "granted" });
}

const shown = new Map<string, Notification>();

export function beginNotices() {
	listeners.add(e => {
		const m = e.message;
		if (e.type !== "message" || !m || m.own || !m.unread || m.deleted || m.edited || m.reactions?.length || !leading || !choices.value.notify || allowed.value !== "granted") return;
		const c = chats.value.find(x => x.with.id === e.with);
		if (c?.muted || c?.archived || document.hasFocus() && open.value === e.with) return;
		const preview = choices.value.preview, who = plain(m.name);
		const n = new Notification(preview === "none" ? t("noticeNew") : who, { body: preview === "all" ? brief(m.text ?? "").slice(0, 200) : preview === "name" ? t("noticeNew") : "", tag: e.with, icon: "/icon-192.png", silent: false });
		shown.set(e.with!, n);
		n.onclick = () => { window.focus(); go("c", e.with!); n.close(); };
		n.onclose = () => { if (shown.get(e.with!) === n) shown.delete(e.with!); };
	});
	effect(() => { // read elsewhere
		for (const c of chats.value) if (!c.unread) shown.get(c.with.id)?.close();
	});
	effect(() => {
		const n = session.value === "in" ? unread.value : 0;
		document.title = n ? `(${n > 999 ? "999+" : n}) Linnet` : "Linnet";
		if ("setAppBadge" in navigator) void (n ? navigator.setAppBadge(n) : navigator.clearAppBadge()).catch(() => {});
	});
}
