import { formatHostPort } from '../core/address.ts';
import { untrustedText } from '../core/failure.ts';
import type { FilePlace } from '../core/forward.ts';
import { namesKey } from '../openssh/fingerprintText.ts';
import type { HostKeyVerdict } from '../openssh/hostKeyCheck.ts';
import { SSH_PORT } from '../openssh/knownHosts.ts';
import type { HostKeyQuestion } from '../protocol/messages.ts';

/** A row of the question about an unknown host key. One that only tells has neither an answer nor a place. */
export interface TrustRow {
  readonly label: string;
  readonly description?: string;
  readonly detail?: string;
  readonly isTrusted?: boolean;
  /** What is shown of known_hosts when the row is chosen; the question stays. */
  readonly place?: FilePlace;
}

export const DO_NOT_CONNECT = 'Do Not Connect';
export const TRUST = 'Trust and Connect';

const REFUSE: TrustRow = { label: `$(circle-slash) ${DO_NOT_CONNECT}`, detail: 'Nothing has been sent to the server. Ask whoever runs it for the fingerprint of its key.', isTrusted: false };

/** Which server it is about: as the user calls it, as it is reached, and the address behind that. */
export function trustTitle({ hop, host, port, address }: HostKeyQuestion): string {
  const at = port === SSH_PORT ? host : formatHostPort({ host, port });
  const details = [hop === host || hop === at ? '' : at, address === undefined || address === host ? '' : address].filter((part) => part !== '');
  const name = hop === host ? at : hop;
  return `Unknown Host Key of ${name}${details.length === 0 ? '' : ` (${details.join(', ')})`}`;
}

/** What to do here, behind why somebody is asked who has not just started anything. */
export function trustPlaceholder({ onDemandAt }: HostKeyQuestion): string {
  const what = 'the fingerprint that you were given, to compare it';
  // One line, of which little more is seen.
  return onDemandAt === undefined ? `Paste ${what}` : `A program has connected to ${onDemandAt}. Paste ${what}`;
}

/** The rows under what was typed. The first is what Enter does: never a yes, unless the key's own fingerprint was typed. */
export function trustRows(typed: string, { key }: Pick<HostKeyQuestion, 'key'>, verdict: HostKeyVerdict): readonly TrustRow[] {
  const shown = `${displayType(verdict.keyType)} ${verdict.fingerprint}`;
  const kept = verdict.appendTo === undefined ? 'will not be remembered' : `will be added to ${verdict.appendTo}`;
  if (typed.trim() === '') return [REFUSE, { label: `$(key) ${TRUST}`, description: kept, detail: shown, isTrusted: true }, ...knownRows(verdict)];
  if (namesKey(typed, key)) return [{ label: `$(pass-filled) The Same Fingerprint: ${TRUST}`, description: kept, detail: shown, isTrusted: true }, REFUSE];
  return [{ label: '$(error) This Is Not Its Fingerprint', detail: `The server shows ${shown}` }, REFUSE];
}

/** What known_hosts says around it: each row leads to its line. */
function knownRows({ others, aliases, authorities }: HostKeyVerdict): TrustRow[] {
  return [
    ...aliases.slice(0, MAX_ALIASES).map(({ names, file, line }): TrustRow => (
      { label: `$(info) The same key is known as ${names === undefined ? 'another host, whose name is hashed' : withoutIcons(names)}`, ...placeRow({ file, line }) })),
    ...others.map(({ keyType, fingerprint, file, line }): TrustRow => (
      { label: `$(info) Known for port 22 of this host: ${displayType(keyType)} ${fingerprint}`, ...placeRow({ file, line }) })),
    ...authorities.map(({ file, line }): TrustRow => (
      { label: '$(info) A certificate authority is known for this host, but host certificates are not supported', ...placeRow({ file, line }) })),
  ];
}

/** As ssh: more than that says nothing more (other_hostkeys_message of sshconnect.c). */
const MAX_ALIASES = 8;

function placeRow(place: FilePlace): Pick<TrustRow, 'detail' | 'place'> {
  return { detail: `${place.file}, line ${String(place.line)}`, place };
}

/** A name as it stands in the file: the editor makes icons of `$(…)`. */
function withoutIcons(names: string): string {
  return untrustedText(names, 60).replaceAll('$(', '$ (');
}

function displayType(keyType: string): string {
  return keyType.replace(/^ssh-/, '').replace(/^ecdsa-sha2-.*/, 'ecdsa').toUpperCase();
}
