// Languages: one JSON for each, plural rules and dates by Intl. qps and qpr are no languages: they mark every text that
// comes from a JSON, so that a test finds those that do not; qpr also runs from right to left.
import { effect, signal } from "@preact/signals";
import en from "../lang/en.json";
import { choices } from "./choices";

type Text = string | Record<string, string>;
type Key = keyof typeof en;

export const languages: Record<string, string> = { en: "English", ru: "Русский", vi: "Tiếng Việt" };

const table = signal<Record<string, Text>>(en);
export const language = signal("en");

let plurals = new Intl.PluralRules("en");

function wanted(): string {
	const chosen = choices.value.language;
	if (chosen !== "auto") return chosen;
	for (const l of navigator.languages) {
		const short = l.split("-")[0];
		if (short in languages) return short;
	}
	return "en";
}

const accents: Record<string, string> = { a: "á", e: "é", i: "í", o: "ó", u: "ú", A: "Á", E: "É", I: "Í", O: "Ó", U: "Ú" };

function pseudo(t: Text): Text {
	if (typeof t !== "string") return Object.fromEntries(Object.entries(t).map(([k, v]) => [k, pseudo(v) as string]));
	return "⟦" + t.replace(/\{\w+\}|[aeiouAEIOU]/g, c => accents[c] ?? c) + "⟧";
}

effect(() => {
	const l = wanted();
	const use = (strings: Record<string, Text>, tag: string, locale: string) => {
		table.value = strings;
		language.value = locale;
		plurals = new Intl.PluralRules(locale);
		document.documentElement.lang = locale;
		document.documentElement.dir = tag === "qpr" || ["ar", "fa", "he", "ur"].includes(tag) ? "rtl" : "ltr";
		document.documentElement.dataset.tongue = tag;
	};
	if (l === "en") return use(en, l, l);
	if (l === "qps" || l === "qpr") return use(Object.fromEntries(Object.entries(en).map(([k, v]) => [k, pseudo(v as Text)])), l, "en");
	if (!(l in languages)) return use(en, "en", "en");
	fetch("/lang/" + l + ".json").then(r => r.json()).then(strings => { if (wanted() === l) use({ ...en, ...strings }, l, l); }, () => use(en, "en", "en"));
});

// t returns a text, with {name} filled in; {n} also chooses the plural form.
export function t(key: Key, fill: Record<string, string | number> = {}): string {
	let text: Text = table.value[key] ?? (en as Record<string, Text>)[key] ?? key;
	if (typeof text !== "string") text = text[plurals.select(Number(fill.n ?? 0))] ?? text.other;
	return text.replace(/\{(\w+)\}/g, (all, name) => {
		const v = fill[name];
		return v === undefined ? all : typeof v === "number" ? number(v) : v;
	});
}

export const number = (n: number) => new Intl.NumberFormat(language.value).format(n);

const formats = new Map<string, Intl.DateTimeFormat>();

function format(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
	const key = language.value + name;
	let f = formats.get(key);
	if (!f) formats.set(key, f = new Intl.DateTimeFormat(language.value, options));
	return f;
}

export const clock = (time: string | Date) => format("clock", { timeStyle: "short" }).format(new Date(time));
export const moment = (time: string | Date) => format("moment", { dateStyle: "medium", timeStyle: "short" }).format(new Date(time));
export const date = (time: string | Date) => format("date", { dateStyle: "medium" }).format(new Date(time));

const dayOf = (d: Date) => d.getFullYear() * 400 + d.getMonth() * 32 + d.getDate();
export const sameDay = (a: string | Date, b: string | Date) => dayOf(new Date(a)) === dayOf(new Date(b));

// day names a day as people do: Today, Yesterday, Monday, 3 May, 3 May 2024.
export function day(time: string | Date): string {
	const d = new Date(time), now = new Date(), ago = new Date();
	if (sameDay(d, now)) return t("today");
	ago.setDate(now.getDate() - 1);
	if (sameDay(d, ago)) return t("yesterday");
	const days = (now.getTime() - d.getTime()) / 864e5;
	if (days > 0 && days < 6) return format("weekday", { weekday: "long" }).format(d);
	if (d.getFullYear() === now.getFullYear()) return format("day", { day: "numeric", month: "long" }).format(d);
	return format("year", { day: "numeric", month: "long", year: "numeric" }).format(d);
}

// when is the time in a list: 14:02, Mon, 3 May, 03.05.24.
export function when(time: string): string {
	const d = new Date(time), now = new Date(), days = (now.getTime() - d.getTime()) / 864e5;
	if (sameDay(d, now)) return clock(d);
	if (days > 0 && days < 6) return format("short", { weekday: "short" }).format(d);
	if (d.getFullYear() === now.getFullYear()) return format("monthday", { day: "numeric", month: "short" }).format(d);
	return format("numeric", { day: "2-digit", month: "2-digit", year: "2-digit" }).format(d);
}

export function size(bytes: number): string {
	const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
	let i = 0;
	while (bytes >= 1000 && i < units.length - 1) { bytes /= 1000; i++; }
	return new Intl.NumberFormat(language.value, { style: "unit", unit: units[i], unitDisplay: "short", maximumFractionDigits: bytes < 10 && i > 0 ? 1 : 0 }).format(bytes);
}
