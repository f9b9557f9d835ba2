// Why something waits, failed or was refused, in the language of the page: by the stable names that the node gives beside its
// sentences. A test holds that there are words for all of them; what has no name is shown as it came.
import { t } from "./tongue";

type Key = Parameters<typeof t>[0];

const known = new Map<string, Key>([
	["not_found", "whyNotFound"], ["looking", "whyLooking"], ["nowhere", "whyNowhere"], ["device_busy", "whyBusy"], ["session_lost", "whyReset"], ["no_answer", "whyNoAnswer"], ["device_gone", "whyDeviceGone"], ["no_relay", "whyNoRelay"],
	["too_old", "whyTooOld"], ["removed", "whyRemoved"], ["blocked", "whyBlocked"], ["revoked", "whyRevoked"],
	["relay_slow", "whySlow"], ["relay_unreachable", "whyUnreachable"], ["relay_busy", "whyRelayBusy"], ["relay_drains", "whyDrains"], ["relay_full", "whyRelayFull"], ["relay_failed", "whyRelayFailed"], ["relay_lies", "whyLie"], ["relay_banned", "whyBanned"], ["relay_boxes", "whyManyBoxes"],
	["box_full", "whyBoxFull"], ["too_fast", "whyFast"], ["no_strangers", "whyStrangers"], ["newer", "whyNewer"],
	["not_relay", "notRelay"], ["relays_full", "relaysFull"], ["no_such_relay", "relayGone"], ["not_invite", "notInvite"], ["invite_over", "inviteOver"], ["self", "inviteSelf"], ["contacts_full", "contactsFull"],
	["no_contact", "noContact"], ["no_message", "noMessage"], ["outbox_full", "outboxFull"], ["disk_full", "diskFull"], ["wrong_words", "wordsWrong"], ["no_words", "wordsGone"], ["stopped", "accountStops"], ["not_picture", "pictureBad"], ["picture_large", "pictureLarge"],
]);

// told says a reason in the language of the page, or as the node says it where it has no name.
export function told(reason: string | undefined, sentence: string): string {
	const key = known.get(reason ?? "");
	return key ? t(key) : sentence;
}

// foreign tells whether a reason is shown as it came, in no language of the page.
export const foreign = (reason: string | undefined) => !known.has(reason ?? "");
