import type { ParsedKey } from 'ssh2';
import { ForwardError } from '../../core/failure.ts';
import { unusableBecause } from '../../core/keyTypes.ts';
import type { SshIdentity } from '../../core/sshTarget.ts';
import type { LoginSession } from './loginSession.ts';
import { publicKeyOfLocked, readPrivateKey, readPublicKey, type PrivateKey } from './privateKey.ts';
import type { SignWith } from './singleKeyAgent.ts';
import { unlockPrivateKey } from './unlocking.ts';

const PASSPHRASE_TRIES = 3;

/** A key whose private part is in a file, to be opened when a server accepts the key. */
export interface FileKey {
  readonly publicKey: ParsedKey;
  readonly sign: SignWith;
}

/**
 * The key of a configured file. One whose public key is unknown is read now, and unlocked now when only that tells its
 * public key, as ssh does (load_identity_file of OpenSSH's sshconnect2.c). Rejects with `identity-unreadable`.
 */
export async function keyOfFile(session: LoginSession, { path, publicKey }: SshIdentity): Promise<FileKey> {
  const known = publicKey === undefined ? undefined : readPublicKey(Buffer.from(publicKey, 'base64'));
  if (known === undefined) return openedKey(session, path);
  return { publicKey: known, sign: async (data, hash) => signed(await unlocked(session, path, await readFile(session, path)), data, hash) };
}

async function openedKey(session: LoginSession, path: string): Promise<FileKey> {
  const text = await readFile(session, path);
  const locked = readPrivateKey(text).kind === 'locked' ? readPublicKey(publicKeyOfLocked(text) ?? Buffer.alloc(0)) : undefined;
  const publicKey = locked ?? await unlocked(session, path, text);
  const reason = unusableBecause(publicKey.type);
  if (reason !== undefined) throw unreadable(path, reason);
  return {
    publicKey,
    sign: async (data, hash) => signed(locked === undefined ? publicKey : await unlocked(session, path, text), data, hash),
  };
}

async function readFile(session: LoginSession, path: string): Promise<string> {
  const { privateKey } = await session.ask('needIdentity', { hop: session.hop.name, path });
  return privateKey;
}

/** Opens a private key, asking for its passphrase up to three times; no passphrase at all means the next key, as with ssh. */
async function unlocked(session: LoginSession, path: string, text: string): Promise<ParsedKey> {
  let read: PrivateKey = readPrivateKey(text);
  for (let attempt = 1; read.kind === 'locked' && attempt <= PASSPHRASE_TRIES; attempt += 1) {
    const prompt = `Enter passphrase for key '${path}': `;
    const [passphrase = ''] = await session.askSecret({ kind: 'passphrase', attempt, path, prompts: [{ prompt, isEchoed: false }] });
    if (passphrase === '') throw unreadable(path, 'no passphrase was given');
    read = await session.whileAsking(() => unlockPrivateKey(text, passphrase, session.signal));
  }
  if (read.kind === 'open') return read.key;
  throw unreadable(path, read.kind === 'locked' ? 'no passphrase fitted' : read.reason);
}

function unreadable(path: string, reason: string): ForwardError {
  return new ForwardError('identity-unreadable', reason, { context: { path } });
}

function signed(key: ParsedKey, data: Buffer, hash: string | undefined): Buffer {
  const signature: unknown = key.sign(data, hash);
  if (Buffer.isBuffer(signature)) return signature;
  throw signature instanceof Error ? signature : new Error('the key made no signature');
}
