// Emoji to choose from, found by name.
import { h } from "preact";
import { useRef, useState } from "preact/hooks";
import { useEscape } from "./parts";
import { t } from "./tongue";

export const quick = ["👍", "❤️", "😂", "😮", "😢", "🙏"];

const list = `😀 grinning|😃 smiley|😄 smile|😁 grin|😆 laughing|😅 sweat smile|🤣 rofl|😂 joy tears|🙂 slight smile|🙃 upside down|😉 wink|😊 blush|😇 innocent angel|🥰 in love hearts|😍 heart eyes|🤩 star struck|😘 kiss|😋 yum|😛 tongue|😜 wink tongue|🤪 zany|😎 cool sunglasses|🤓 nerd|🧐 monocle|🤗 hug|🤔 thinking|🤫 shush|🤐 zip|🤨 eyebrow|😐 neutral|😏 smirk|🙄 eye roll|😬 grimace|😌 relieved|😔 pensive|😴 sleep|😷 mask|🤒 ill|🤕 hurt|🥳 party|😕 confused|🙁 frown|😟 worried|😮 open mouth wow|😲 astonished|🥺 pleading|😢 cry sad|😭 sob|😱 scream|😖 confounded|😞 disappointed|😤 triumph|😡 angry|🤬 swear|😈 devil|💀 skull|🤡 clown|👻 ghost|👽 alien|🤖 robot|😺 cat|🙈 see no evil|🙉 hear no evil|🙊 speak no evil|💋 kiss mark|💯 hundred|💢 anger|💥 boom|💫 dizzy|💦 sweat|💤 zzz|👋 wave hello|🤚 hand|✋ stop|🖖 vulcan|👌 ok|🤌 pinched|✌️ peace|🤞 fingers crossed|🤟 love you|🤘 rock|🤙 call me|👈 left|👉 right|👆 up|👇 down|👍 thumbs up yes|👎 thumbs down no|✊ fist|👊 punch|👏 clap|🙌 hooray|🫶 heart hands|👐 open hands|🤝 handshake|🙏 thanks please pray|💪 strong|👀 eyes|🧠 brain|👶 baby|🧒 child|👩 woman|👨 man|🧓 old|🤷 shrug|🤦 facepalm|🙋 raise hand|🏃 run|💃 dance|👪 family|❤️ heart love|🧡 orange heart|💛 yellow heart|💚 green heart|💙 blue heart|💜 purple heart|🖤 black heart|💔 broken heart|❣️ heart exclamation|💕 two hearts|💖 sparkling heart|🐶 dog|🐱 cat face|🐭 mouse|🐰 rabbit|🦊 fox|🐻 bear|🐼 panda|🐨 koala|🦁 lion|🐮 cow|🐷 pig|🐸 frog|🐵 monkey|🐔 chicken|🐧 penguin|🐦 bird linnet|🦆 duck|🦉 owl|🐺 wolf|🐴 horse|🦄 unicorn|🐝 bee|🦋 butterfly|🐌 snail|🐞 ladybird|🐢 turtle|🐍 snake|🐙 octopus|🐟 fish|🐬 dolphin|🐳 whale|🐘 elephant|🌵 cactus|🎄 christmas tree|🌲 tree|🌱 seedling|🍀 clover luck|🌹 rose|🌻 sunflower|🌸 blossom|🍂 leaves autumn|🌍 earth|🌙 moon|⭐ star|🌟 glowing star|✨ sparkles|⚡ lightning|🔥 fire|🌈 rainbow|☀️ sun|⛅ cloud sun|☁️ cloud|🌧️ rain|❄️ snow|☃️ snowman|🌊 wave sea|🍏 apple|🍌 banana|🍉 melon|🍇 grapes|🍓 strawberry|🍒 cherry|🍑 peach|🍍 pineapple|🥑 avocado|🍅 tomato|🥕 carrot|🌽 corn|🍞 bread|🧀 cheese|🥚 egg|🥓 bacon|🍔 burger|🍟 fries|🍕 pizza|🌮 taco|🥗 salad|🍝 pasta|🍜 noodles|🍣 sushi|🍦 ice cream|🍩 doughnut|🍪 biscuit cookie|🎂 cake birthday|🍫 chocolate|🍿 popcorn|☕ coffee|🍵 tea|🥛 milk|🍺 beer|🍻 cheers|🥂 champagne|🍷 wine|🍸 cocktail|⚽ football|🏀 basketball|🎾 tennis|🏓 table tennis|🎯 target|🎮 game|🎲 dice|♟️ chess|🎸 guitar|🎹 piano|🎧 headphones|🎤 microphone|🎬 film|🎨 art|🏆 trophy|🥇 gold medal|🚗 car|🚕 taxi|🚌 bus|🚲 bicycle|✈️ plane|🚀 rocket|🚆 train|⛵ boat|🏠 house home|🏢 office|🏖️ beach|🏔️ mountain|🗺️ map|⌚ watch|📱 phone|💻 laptop|🖨️ printer|📷 camera|📺 television|💡 idea light|🔋 battery|🔌 plug|💰 money|💳 card|💎 gem|🔧 spanner|🔨 hammer|🔑 key|🔒 lock|🔓 unlock|📦 parcel|✉️ letter|📧 mail|📅 calendar|📎 paperclip|✂️ scissors|📌 pin|📝 memo|📚 books|🔍 search|🎁 gift|🎈 balloon|🎉 tada party|⏰ alarm|⏳ hourglass|✅ done yes|☑️ checked|✔️ check|❌ no cross|❗ exclamation|❓ question|⚠️ warning|🚫 forbidden|💬 speech|➕ plus|➖ minus|➡️ arrow right|⬅️ arrow left|🔁 repeat|🆗 ok button|🆕 new|🏁 finish|🏳️‍🌈 pride|🇻🇳 vietnam|🇬🇧 britain|🇪🇺 europe|🇺🇸 america`
	.split("|").map(x => { const i = x.indexOf(" "); return { emoji: x.slice(0, i), name: x.slice(i + 1) }; });

const recent = (): string[] => { try { return JSON.parse(localStorage.getItem("linnet-emoji") ?? "[]"); } catch { return []; } };
export function used(emoji: string) {
	localStorage.setItem("linnet-emoji", JSON.stringify([emoji, ...recent().filter(x => x !== emoji)].slice(0, 18)));
}

export const findEmoji = (name: string, most: number) => list.filter(x => x.name.split(" ").some(w => w.startsWith(name.toLowerCase()))).slice(0, most);

export function EmojiPicker({ choose, close }: { choose: (emoji: string) => void; close: () => void }) {
	const [find, set] = useState("");
	const box = useRef<HTMLDivElement>(null);
	useEscape(close);
	const all = find ? findEmoji(find, 200) : list, last = find ? [] : recent();
	const take = (e: string) => { used(e); choose(e); };
	const key = (e: KeyboardEvent) => {
		const buttons = [...box.current!.querySelectorAll<HTMLElement>("button")], i = buttons.indexOf(document.activeElement as HTMLElement);
		if (e.key === "Enter" && i < 0) { e.preventDefault(); if (all[0]) take(all[0].emoji); return; }
		const perRow = Math.max(1, Math.round((box.current!.clientWidth - 16) / 40));
		const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: i < 0 ? 1 : perRow, ArrowUp: -perRow }[e.key];
		if (step !== undefined && (i >= 0 || e.key === "ArrowDown")) { e.preventDefault(); (buttons[i + step] ?? box.current!.querySelector("input")!).focus(); }
	};
	return <div class="menu-veil" onMouseDown={e => { if (e.target === e.currentTarget) close(); }}>
		<div class="picker" role="dialog" aria-label={t("emoji")} ref={box} onKeyDown={key}>
			<input type="search" placeholder={t("emojiFind")} aria-label={t("emojiFind")} autofocus ref={x => { if (x && !x.dataset.seen) { x.dataset.seen = "1"; x.focus(); } }} value={find} onInput={e => set(e.currentTarget.value)} />
			<div class="grid" data-theirs>
				{last.map(e => <button type="button" onClick={() => take(e)}>{e}</button>)}
				{last.length > 0 && <hr />}
				{all.map(e => <button type="button" title={e.name} aria-label={e.name} onClick={() => take(e.emoji)}>{e.emoji}</button>)}
			</div>
			{!all.length && <p class="dim">{t("nothingFound")}</p>}
		</div>
	</div>;
}
