// What the owner chose for this browser: how the page looks and tells. Nothing that anybody said is among it.
import { effect, signal } from "@preact/signals";

export interface Choices {
	theme: "auto" | "light" | "dark"; contrast: boolean; still: boolean; size: number; language: string;
	enter: boolean; notify: boolean; preview: "all" | "name" | "none"; account: string;
}

const usual: Choices = {
	theme: "auto", contrast: false, still: false, size: 15, language: "auto", enter: true, notify: false, preview: "all", account: "",
};

function read(): Choices {
	try { return { ...usual, ...JSON.parse(localStorage.getItem("linnet") ?? "{}") }; } catch { return usual; }
}

export const choices = signal<Choices>(read());

export function choose(part: Partial<Choices>) {
	choices.value = { ...choices.value, ...part };
	localStorage.setItem("linnet", JSON.stringify(choices.value));
}

addEventListener("storage", e => { if (e.key === "linnet") choices.value = read(); });

effect(() => {
	const c = choices.value, root = document.documentElement;
	root.dataset.theme = c.theme;
	root.dataset.contrast = c.contrast ? "more" : "auto";
	root.dataset.motion = c.still ? "less" : "auto";
	root.style.fontSize = c.size + "px";
});
