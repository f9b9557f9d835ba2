// Pictures of accounts: read from the node once each and kept in RAM, chosen and cut here.
import { Fragment, h } from "preact";
import { signal, useSignal, type Signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { call } from "./api";
import { Dialog, Icon } from "./parts";
import { account, complain, toast } from "./state";
import { t } from "./tongue";

const most = 400; // pictures at a time, of at most 48 KiB
const shown = new Map<string, Signal<string>>();

// portrait returns the URL of a picture, by its name and where the node has it: empty until it has come.
export function portrait(name: string, path: string): string {
	let url = shown.get(name);
	shown.delete(name);
	if (!url) {
		const fresh = url = signal("");
		call<{ image: string }>("GET", path).then(p => {
			fresh.value = URL.createObjectURL(new Blob([Uint8Array.from(atob(p.image), c => c.charCodeAt(0))], { type: "image/jpeg" }));
		}, () => { if (shown.get(name) === fresh) shown.delete(name); }); // asked for again when it is shown again
	}
	shown.set(name, url);
	if (shown.size > most) {
		const [[old, was]] = shown;
		shown.delete(old);
		if (was.peek()) URL.revokeObjectURL(was.peek());
	}
	return url.value;
}

export const ownPath = (name = account.value) => "/v1/accounts/" + encodeURIComponent(name) + "/picture";

const side = 256;
const clamp = (v: number, from: number, to: number) => Math.min(Math.max(v, from), Math.max(from, to));

// Cut shows a picture in a square that its owner moves and widens, and gives the square as a small JPEG, in base64. Turned as
// the camera says, and without what else the file says.
function Cut({ file, close, done }: { file: Blob; close: () => void; done: (image: string) => void }) {
	const canvas = useRef<HTMLCanvasElement>(null), picture = useSignal<ImageBitmap | null>(null), zoom = useSignal(1), centre = useSignal({ x: 0, y: 0 }), drag = useRef<{ x: number; y: number } | null>(null);
	useEffect(() => {
		let gone = false;
		createImageBitmap(file).then(b => {
			if (gone) { b.close(); return; }
			centre.value = { x: b.width / 2, y: b.height / 2 };
			picture.value = b;
		}, () => { toast(t("pictureBad"), undefined, undefined, true); close(); });
		return () => { gone = true; picture.value?.close(); };
	}, [file]);
	const p = picture.value, span = p ? Math.min(p.width, p.height) / zoom.value : 1;
	const move = (x: number, y: number) => { if (p) centre.value = { x: clamp(x, span / 2, p.width - span / 2), y: clamp(y, span / 2, p.height - span / 2) }; };
	useLayoutEffect(() => { // before it can be pressed that this is it: what has not been drawn is black
		const c = canvas.current?.getContext("2d");
		if (!c || !p) return;
		const x = clamp(centre.value.x, span / 2, p.width - span / 2), y = clamp(centre.value.y, span / 2, p.height - span / 2);
		c.fillStyle = "#fff";
		c.fillRect(0, 0, side, side);
		c.imageSmoothingQuality = "high";
		c.drawImage(p, x - span / 2, y - span / 2, span, span, 0, 0, side, side);
		c.canvas.dataset.drawn = "";
	}, [p, zoom.value, centre.value]);
	const widen = (by: number) => { zoom.value = clamp(zoom.value * by, 1, 8); };
	const save = () => canvas.current?.toBlob(async b => {
		if (!b) return;
		let text = "";
		for (const byte of new Uint8Array(await b.arrayBuffer())) text += String.fromCharCode(byte);
		close();
		done(btoa(text));
	}, "image/jpeg", 0.9);
	return <Dialog title={t("picture")} close={close} footer={<><button type="button" class="plain" onClick={close}>{t("cancel")}</button><button type="button" class="main" disabled={!p} onClick={save}>{t("pictureUse")}</button></>}>
		<p class="dim">{t("pictureCut")}</p>
		<div class="cutter"><canvas ref={canvas} width={side} height={side} tabIndex={0} role="img" aria-label={t("picture")}
			onPointerDown={e => { e.currentTarget.setPointerCapture(e.pointerId); drag.current = { x: e.clientX, y: e.clientY }; }}
			onPointerMove={e => {
				if (!drag.current || !p) return;
				const scale = span / e.currentTarget.clientWidth;
				move(centre.value.x - (e.clientX - drag.current.x) * scale, centre.value.y - (e.clientY - drag.current.y) * scale);
				drag.current = { x: e.clientX, y: e.clientY };
			}}
			onPointerUp={() => { drag.current = null; }} onPointerCancel={() => { drag.current = null; }}
			onWheel={e => { e.preventDefault(); widen(e.deltaY < 0 ? 1.1 : 1 / 1.1); }}
			onKeyDown={e => {
				const step = span / 20, to = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[e.key];
				if (to) { e.preventDefault(); move(centre.value.x + to[0], centre.value.y + to[1]); }
				if (e.key === "+" || e.key === "-") { e.preventDefault(); widen(e.key === "+" ? 1.2 : 1 / 1.2); }
			}} /></div>
		<label class="zoom"><Icon name="user" /><input type="range" min="0" max="3" step="0.02" aria-label={t("zoom")} value={Math.log2(zoom.value)} onInput={e => { zoom.value = 2 ** Number(e.currentTarget.value); }} /><Icon name="user" class="large" /></label>
	</Dialog>;
}

// PickPicture has a picture chosen: from a file, or dropped on it.
export function PickPicture({ label, done, children, class: c }: { label: string; done: (image: string) => void; children?: preact.ComponentChildren; class?: string }) {
	const file = useSignal<Blob | null>(null);
	const take = (f: Blob | undefined | null) => { if (f) { if (f.size > 64 << 20) complain(new Error(t("pictureBad"))); else file.value = f; } };
	return <><label class={"file " + (c ?? "plain")} title={label} onDragOver={e => e.preventDefault()} onDrop={e => { e.preventDefault(); take(e.dataTransfer?.files[0]); }}>
		{children ?? <><Icon name="camera" />{label}</>}<input type="file" accept="image/jpeg,image/png,image/webp,image/*" aria-label={label} onChange={e => { take(e.currentTarget.files?.[0]); e.currentTarget.value = ""; }} /></label>
		{file.value && <Cut file={file.value} close={() => { file.value = null; }} done={done} />}</>;
}
import type * as preact from "preact";
