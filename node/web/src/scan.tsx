// Codes: read by the camera, or from a picture that is chosen, dropped or pasted. The reader is loaded when it is needed.
import { Fragment, h } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { Dialog, Icon } from "./parts";
import { t } from "./tongue";

type Reader = (image: ImageBitmap | HTMLVideoElement) => Promise<string>;

let reader: Promise<Reader> | null = null;

function load(): Promise<Reader> {
	return reader ??= (async () => {
		const Native = (window as any).BarcodeDetector;
		if (Native && (await Native.getSupportedFormats?.())?.includes("qr_code")) {
			const d = new Native({ formats: ["qr_code"] });
			return async image => (await d.detect(image))[0]?.rawValue ?? "";
		}
		const name = "/jsqr.js";
		const jsQR = (await import(name)).default as (data: Uint8ClampedArray, w: number, h: number) => { data: string } | null;
		const canvas = document.createElement("canvas"), ctx = canvas.getContext("2d", { willReadFrequently: true })!;
		return async image => {
			const w = "videoWidth" in image ? image.videoWidth : image.width, hh = "videoHeight" in image ? image.videoHeight : image.height;
			if (!w || !hh) return "";
			for (const most of [800, 1600]) { // small first: it is quicker
				const scale = Math.min(1, most / Math.max(w, hh));
				canvas.width = Math.round(w * scale);
				canvas.height = Math.round(hh * scale);
				ctx.drawImage(image, 0, 0, canvas.width, canvas.height);
				const found = jsQR(ctx.getImageData(0, 0, canvas.width, canvas.height).data, canvas.width, canvas.height);
				if (found?.data) return found.data;
				if (scale === 1 || "videoWidth" in image) break;
			}
			return "";
		};
	})();
}

export async function readPicture(file: Blob): Promise<string> {
	if (file.size > 20 << 20) return "";
	const image = await createImageBitmap(file);
	try { return await (await load())(image); } finally { image.close(); }
}

export const pictureIn = (data: DataTransfer | null) => [...data?.files ?? []].find(f => f.type.startsWith("image/"));

export function Scan({ found, close }: { found: (text: string) => void; close: () => void }) {
	const video = useRef<HTMLVideoElement>(null), trouble = useSignal(""), seeing = useSignal(false);
	useEffect(() => {
		let stream: MediaStream | null = null, over = false, frame = 0;
		const look = async () => {
			if (over) return;
			const text = video.current && video.current.readyState >= 2 ? await (await load())(video.current).catch(() => "") : "";
			if (over) return;
			if (text) { found(text); return; }
			frame = setTimeout(look, 150) as unknown as number;
		};
		void (async () => {
			try {
				stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
				if (over) { stream.getTracks().forEach(x => x.stop()); return; }
				video.current!.srcObject = stream;
				await video.current!.play();
				seeing.value = true;
				void look();
			} catch { trouble.value = t("noCamera"); }
		})();
		return () => { over = true; clearTimeout(frame); stream?.getTracks().forEach(x => x.stop()); };
	}, []);
	const take = async (f: Blob | undefined) => {
		if (!f) return;
		try { const text = await readPicture(f); if (text) found(text); else trouble.value = t("noCode"); } catch { trouble.value = t("noCode"); }
	};
	return <Dialog title={t("scan")} close={close}>
		<div class="camera" onDragOver={e => e.preventDefault()} onDrop={e => { e.preventDefault(); void take(pictureIn(e.dataTransfer)); }}>
			<video ref={video} muted playsInline aria-label={t("camera")} />{!seeing.value && <span class="badge"><Icon name="camera" /></span>}</div>
		<p class="dim" role="status">{trouble.value || t("scanText")}</p>
		<label class="file plain">{t("pictureOf")}<input type="file" accept="image/*" onChange={e => void take(e.currentTarget.files?.[0])} /></label>
	</Dialog>;
}
