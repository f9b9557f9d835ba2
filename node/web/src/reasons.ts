// What the node says of why something waits, failed or was refused, in the language of the page. It is found by its words,
// which a test compares with what the node's sources say; what is not known here is shown as it came.
import { t } from "./tongue";

type Key = Parameters<typeof t>[0];

const known: [string, Key][] = [
	["nobody in the network has the account's descriptor", "whyNotFound"], ["says nowhere that it can be reached directly", "whyNowhere"], ["its device cannot take it now", "whyBusy"],
	["its device lost the session", "whyReset"], ["its device does not answer", "whyNoAnswer"], ["its device is not the account's any more", "whyDeviceGone"], ["no relay of its answers", "whyNoRelay"],
	["looking for the account", "whyLooking"], ["not delivered for 30 days", "whyTooOld"], ["its device was taken off the account", "whyDeviceGone"], ["the contact was removed", "whyRemoved"],
	["this device was taken off", "whyRevoked"], ["you blocked this contact", "whyBlocked"], ["the contact is blocked", "whyBlocked"],
	["it does not answer in time", "whySlow"], ["it cannot be reached", "whyUnreachable"], ["relay cannot be reached", "whyUnreachable"], ["relay is busy", "whyRelayBusy"], ["relay is closing down", "whyDrains"],
	["relay has no room left", "whyRelayFull"], ["banned here", "whyBanned"], ["too many boxes from this network", "whyManyBoxes"], ["box is full", "whyBoxFull"], ["share of this token is full", "whyBoxFull"], ["share of this contact is full", "whyBoxFull"],
	["too fast", "whyFast"], ["no room for strangers left", "whyStrangers"], ["no strangers let in", "whyStrangers"], ["does not keep to the protocol", "whyLie"], ["relay failed", "whyRelayFailed"], ["needs a newer Linnet", "whyNewer"],
	["that is no relay's address", "notRelay"], ["there are as many relays as there can be", "relaysFull"], ["no such relay", "relayGone"],
	["that is no invite", "notInvite"], ["the invite has expired", "inviteOver"], ["that is yourself", "inviteSelf"], ["there are as many contacts as there can be", "contactsFull"],
	["too much waits for this contact already", "outboxFull"], ["the disk is nearly full", "diskFull"], ["these are not the words of this account", "wordsWrong"],
];

export function told(reason: string): string {
	const k = known.find(([part]) => reason.includes(part));
	return k ? t(k[1]) : reason;
}

// foreign tells whether a reason is shown as it came, in no language of the page.
export const foreign = (reason: string) => !known.some(([part]) => reason.includes(part));
