import { BaseAgent, type ParsedKey, type SignCallback, type SigningRequestOptions } from 'ssh2';
import { ForwardError, toFailure, untrustedText } from '../../core/failure.ts';
import type { SshIdentity } from '../../core/sshTarget.ts';
import { Agent, type AgentKey } from './agent.ts';
import type { LoginSession } from './loginSession.ts';
import { hopFailure } from './sshFailure.ts';
import { publicKeyOfLocked, readPrivateKey, readPublicKey } from './privateKey.ts';

const PASSPHRASE_TRIES = 3;

/** A key to offer: its public part goes to the server first, and only when that is accepted a signature is made. */
export interface KeyOffer {
  /** The file or the agent's comment, for people. */
  readonly name: string;
  readonly blob: Buffer;
  readonly agent: SingleKeyAgent;
}

type SignWith = (data: Buffer, hash: string | undefined) => Promise<Buffer>;

/** Signs for ssh2 with one key, at its own pace: a person may be asked for a passphrase or by the agent. */
export class SingleKeyAgent extends BaseAgent<ParsedKey> {
  readonly #session: LoginSession;
  readonly #name: string;
  readonly #publicKey: ParsedKey;
  readonly #signWith: SignWith;
  #hasSigned = false;

  constructor(session: LoginSession, name: string, publicKey: ParsedKey, signWith: SignWith) {
    super();
    this.#session = session;
    this.#name = name;
    this.#publicKey = publicKey;
    this.#signWith = signWith;
  }

  /** True once a signature went to the server: what ssh2 knows of the methods left is then out of date. */
  get hasSigned(): boolean {
    return this.#hasSigned;
  }

  override getIdentities(callback: (error: Error | undefined, keys?: ParsedKey[]) => void): void {
    callback(undefined, [this.#publicKey]);
  }

  override sign(_publicKey: ParsedKey, data: Buffer, options: SigningRequestOptions | SignCallback, callback?: SignCallback): void {
    const [hash, answer] = typeof options === 'function' ? [undefined, options] : [options.hash, callback];
    this.#sign(data, hash, answer).catch((error: unknown) => {
      this.#session.fail(hopFailure(this.#session.hop, 'internal', toFailure(error).detail, { cause: error }));
    });
  }

  async #sign(data: Buffer, hash: string | undefined, answer: SignCallback | undefined): Promise<void> {
    let signature: Buffer;
    try {
      signature = await this.#signWith(data, hash);
    } catch (error) {
      if (isRefusal(error)) this.#session.fail(error);
      if (this.#session.signal.aborted) return;
      this.#session.log('warn', `the key ${this.#name} cannot be used: ${toFailure(error).detail}`);
      answer?.(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (this.#session.signal.aborted) return;
    this.#hasSigned = true;
    answer?.(undefined, signature);
  }
}

/**
 * The keys in OpenSSH's order: the agent's that are configured, the agent's others unless identitiesOnly, then files.
 * A file whose public key is unknown is opened when its turn comes.
 */
export async function* offeredKeys(session: LoginSession): AsyncGenerator<KeyOffer, void, undefined> {
  const { identities, identitiesOnly } = session.hop;
  const configured = new Set(identities.map(({ publicKey }) => publicKey));
  const offered = new Set<string>();
  const agentKeys = await usableAgentKeys(session);
  const isConfigured = ({ blob }: AgentKey): boolean => configured.has(blob.toString('base64'));
  const others = identitiesOnly ? [] : agentKeys.filter(({ key }) => !isConfigured(key));
  for (const { key, offer } of [...agentKeys.filter(({ key: each }) => isConfigured(each)), ...others]) {
    offered.add(key.blob.toString('base64'));
    yield offer;
  }
  for (const identity of identities) {
    if (identity.publicKey !== undefined && offered.has(identity.publicKey)) continue;
    const offer = await fileOffer(session, identity);
    if (offer === undefined) continue;
    const blob = offer.blob.toString('base64');
    if (!offered.has(blob)) yield offer;
    offered.add(blob);
  }
}

async function usableAgentKeys(session: LoginSession): Promise<readonly { readonly key: AgentKey; readonly offer: KeyOffer }[]> {
  const path = session.hop.identityAgent;
  if (path === undefined) return [];
  const agent = new Agent(path, session.clock);
  let keys: readonly AgentKey[];
  try {
    keys = await session.whileAsking(() => agent.list(session.signal));
  } catch (error) {
    session.log('warn', `no agent: ${toFailure(error).detail}`);
    return [];
  }
  return keys.flatMap((key) => {
    const publicKey = readPublicKey(key.blob);
    const name = untrustedText(key.comment) || key.type;
    if (publicKey === undefined) {
      session.log('warn', `the agent's key ${name} cannot be used: its type ${untrustedText(key.type)} is not supported`);
      return [];
    }
    const sign: SignWith = (data, hash) => session.whileAsking(() => agent.sign(key.blob, data, hash, session.signal));
    return [{ key, offer: offerOf(session, `${name} (agent)`, publicKey, sign) }];
  });
}

function offerOf(session: LoginSession, name: string, publicKey: ParsedKey, signWith: SignWith): KeyOffer {
  return { name, blob: publicKey.getPublicSSH(), agent: new SingleKeyAgent(session, name, publicKey, signWith) };
}

/** The offer of a key file, or nothing when the file is of no use, which is logged. */
async function fileOffer(session: LoginSession, { path, publicKey }: SshIdentity): Promise<KeyOffer | undefined> {
  try {
    const known = publicKey === undefined ? undefined : readPublicKey(Buffer.from(publicKey, 'base64'));
    if (known !== undefined) {
      return offerOf(session, path, known, async (data, hash) => signed(await openFile(session, path), data, hash));
    }
    return await openedOffer(session, path);
  } catch (error) {
    skipOrThrow(session, path, error);
    return undefined;
  }
}

async function openedOffer(session: LoginSession, path: string): Promise<KeyOffer> {
  const { privateKey } = await session.ask('needIdentity', { hop: session.hop.name, path });
  const first = readPrivateKey(privateKey);
  const locked = first.kind === 'locked' ? readPublicKey(publicKeyOfLocked(privateKey) ?? Buffer.alloc(0)) : undefined;
  const key = locked ?? await unlocked(session, path, privateKey);
  return offerOf(session, path, key, async (data, hash) => {
    return signed(locked === undefined ? key : await unlocked(session, path, privateKey), data, hash);
  });
}

async function openFile(session: LoginSession, path: string): Promise<ParsedKey> {
  const { privateKey } = await session.ask('needIdentity', { hop: session.hop.name, path });
  return unlocked(session, path, privateKey);
}

/** Opens a private key, asking for its passphrase up to three times. */
async function unlocked(session: LoginSession, path: string, text: string): Promise<ParsedKey> {
  let read = readPrivateKey(text);
  for (let attempt = 1; read.kind === 'locked' && attempt <= PASSPHRASE_TRIES; attempt += 1) {
    const prompt = `Enter passphrase for key '${path}': `;
    const [passphrase = ''] = await session.askSecret({ kind: 'passphrase', attempt, path, prompts: [{ prompt, isEchoed: false }] });
    read = readPrivateKey(text, passphrase);
  }
  if (read.kind === 'open') return read.key;
  throw new ForwardError('identity-unreadable', read.kind === 'locked' ? 'no passphrase fitted' : read.reason, { context: { path } });
}

function signed(key: ParsedKey, data: Buffer, hash: string | undefined): Buffer {
  const signature: unknown = key.sign(data, hash);
  if (Buffer.isBuffer(signature)) return signature;
  throw signature instanceof Error ? signature : new Error('the key made no signature');
}

/** A key that cannot be used is logged and passed over, as ssh does; a person's no ends the login. */
function skipOrThrow(session: LoginSession, path: string, error: unknown): void {
  if (isRefusal(error)) throw error;
  session.log('warn', `the key ${path} cannot be used: ${toFailure(error).detail}`);
}

function isRefusal(error: unknown): error is ForwardError {
  return error instanceof ForwardError && (error.code === 'auth-cancelled' || error.code === 'cancelled');
}
