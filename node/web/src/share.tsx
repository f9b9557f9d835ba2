// What another program shares: somebody chooses the conversation, and sends it there, or does not.
import { Fragment, h } from "preact";
import { signal, useSignal } from "@preact/signals";
import { session } from "./api";
import { given } from "./composer";
import { Avatar, Dialog, Name } from "./parts";
import { chats, go, loaded, me } from "./state";
import { t } from "./tongue";

// shared is the text that waits for a conversation to be chosen. It is nowhere but here.
export const shared = signal("");

export function Share() {
	const find = useSignal("");
	if (!shared.value || session.value !== "in" || !loaded.value || me.value?.state !== "running") return null;
	const close = () => { shared.value = find.value = ""; };
	const all = chats.value.filter(c => (c.with.state === "accepted" || c.with.state === "asked") && c.with.name.toLowerCase().includes(find.value.toLowerCase()));
	const to = (id: string) => {
		given.value = { with: id, text: shared.value };
		close();
		go("c", id);
	};
	return <Dialog title={t("sharedText")} close={close}>
		<p class="shared" dir="auto" data-theirs>{shared.value}</p>
		<input type="search" class="field" placeholder={t("search")} aria-label={t("search")} value={find.value} onInput={e => { find.value = e.currentTarget.value; }} />
		<div class="people">{all.slice(0, 100).map(c => <button type="button" class="person" key={c.with.id} onClick={() => to(c.with.id)}><Avatar name={c.with.name} id={c.with.id} picture={c.with.picture} size="s" /><Name of={c.with.name} /></button>)}</div>
		{!all.length && <p class="dim">{t(find.value ? "nothingFound" : "noChats")}</p>}
	</Dialog>;
}
