import { createHash } from 'node:crypto';
import { ForwardError, fromFailure } from '../../core/failure.ts';
import type { SshHop } from '../../core/sshTarget.ts';
import type { HostKeyAnswer, HostKeyQuestion } from '../../protocol/messages.ts';
import { hopFailure } from './sshFailure.ts';

/** What the check of a host key needs of the SSH connection it belongs to. */
export interface HostKeyCheck {
  readonly hop: SshHop;
  /** The address that was reached, where there is one. */
  readonly address: string | undefined;
  /** What a program has connected to, where that is why the login happens now. */
  readonly onDemandAt: string | undefined;
  ask(question: HostKeyQuestion): Promise<HostKeyAnswer>;
  /** Takes the verdict: nothing, or why the key is refused; `verify` tells ssh2 and must be called at most once. */
  decide(refusal: ForwardError | undefined, verify: (isAccepted: boolean) => void): void;
}

/**
 * ssh2's host verifier for one SSH connection: asks once and remembers the verdict by the key's bytes, since ssh2 asks
 * again at every key exchange. A plain function that answers through its callback alone: ssh2 takes every truthy answer,
 * a promise too, for a yes.
 */
export function hostVerifier(check: HostKeyCheck): (key: Buffer, verify: (isAccepted: boolean) => void) => void {
  let accepted: Buffer | undefined;
  return (key, verify) => {
    if (accepted !== undefined) {
      check.decide(key.equals(accepted) ? undefined : changedWithin(check.hop, accepted, key), verify);
      return;
    }
    // ssh2 owns the buffer that it shows.
    const copy = Buffer.from(key);
    void refusalOf(() => check.ask(questionOf(check, copy))).then((refusal) => {
      if (refusal === undefined) accepted = copy;
      check.decide(refusal, verify);
    });
  };
}

/** RFC 4253 section 9: the host key may change in a key exchange; nobody would do so, but who took the connection over. */
function changedWithin(hop: SshHop, accepted: Buffer, key: Buffer): ForwardError {
  const context = { keyType: keyTypeOf(key), fingerprint: fingerprintOf(key), expected: `${keyTypeOf(accepted)} ${fingerprintOf(accepted)}` };
  return hopFailure(hop, 'host-key-mismatch', `the server changed its key within the connection, to ${context.fingerprint}`, { context });
}

/** `SHA256:…`, as OpenSSH writes it. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

async function refusalOf(ask: () => Promise<HostKeyAnswer>): Promise<ForwardError | undefined> {
  try {
    const answer = await ask();
    return answer.isAccepted ? undefined : fromFailure(answer.failure);
  } catch (error) {
    return error instanceof ForwardError ? error : new ForwardError('internal', String(error), { cause: error });
  }
}

function questionOf({ hop, address, onDemandAt }: HostKeyCheck, key: Buffer): HostKeyQuestion {
  return {
    hop: hop.name,
    host: hop.host,
    port: hop.port,
    ...(hop.hostKeyAlias === undefined ? {} : { hostKeyAlias: hop.hostKeyAlias }),
    ...(hop.hostKeyPolicy === undefined ? {} : { hostKeyPolicy: hop.hostKeyPolicy }),
    ...(address === undefined ? {} : { address }),
    ...(onDemandAt === undefined ? {} : { onDemandAt }),
    keyType: keyTypeOf(key),
    key: key.toString('base64'),
  };
}

/** The key's type: the first string of its blob (RFC 4253 section 6.6). */
export function keyTypeOf(blob: Buffer): string {
  if (blob.length < 4) return '';
  return blob.toString('latin1', 4, 4 + blob.readUInt32BE(0));
}
