// How far a message came, as a sign and in words.
import { h } from "preact";
import { Icon } from "./parts";
import { foreign, told } from "./reasons";
import { date, moment, t } from "./tongue";
import type { Delivery, Message } from "./words";

export function stateText(m: Message): string {
	if (m.pending === "unsent") return t("stateUnsent");
	if (m.pending) return t("stateSending");
	switch (m.state) {
		case "kept": {
			const d = m.deliveries?.find(x => x.state === "kept");
			return d?.relays ? t("stateKeptBy", { n: d.relays, until: d.until ? date(d.until) : "" }) : t("stateKept");
		}
		case "delivered": return t("stateDelivered");
		case "read": return t("stateRead");
		case "failed": return t("stateFailed");
		default: return t("stateQueued");
	}
}

export function Ticks({ m }: { m: Message }) {
	if (!m.own) return null;
	const state = m.pending === "unsent" ? "failed" : m.pending ? "queued" : m.state ?? "queued", text = stateText(m);
	const icon = { queued: "clock", kept: "kept", delivered: "delivered", read: "delivered", failed: "failed" }[state];
	return <span class={"ticks " + state} title={text}><Icon name={icon} /><span class="sr">{text}</span></span>;
}

// why says in a line why a message is late, empty if it is not.
export function why(m: Message): string {
	if (m.pending === "unsent") return m.problem || "";
	if (m.state !== "queued" && m.state !== "failed") return "";
	const d = m.deliveries?.find(x => x.why);
	return d?.why ? told(d.reason, d.why) : "";
}

// foreignWhy tells whether that line is in no language of the page.
export const foreignWhy = (m: Message) => m.pending !== "unsent" && foreign(m.deliveries?.find(x => x.why)?.reason);

export function deliveryText(d: Delivery): string {
	switch (d.state) {
		case "delivered": return d.at ? t("deliveredAt", { time: moment(d.at) }) : t("stateDelivered");
		case "read": return d.at ? t("readAt", { time: moment(d.at) }) : t("stateRead");
		case "kept": return t("stateKeptBy", { n: d.relays ?? 0, until: d.until ? date(d.until) : "" });
		case "failed": return t("stateFailed");
		default: return d.next ? t("queuedNext", { time: moment(d.next) }) : t("stateQueued");
	}
}
