import { parentPort, Worker } from 'node:worker_threads';
import { isSlowToUnlock, readPrivateKey, type PrivateKey } from './privateKey.ts';

/** What a worker of the plane's own bundle is started with when it is to unlock one key and end. */
export interface UnlockOrder {
  readonly role: 'unlock';
  readonly text: string;
  readonly passphrase: string;
}

/** What it answers: a key cannot cross the threads, its text can. */
type UnlockAnswer = { readonly kind: 'open'; readonly pem: string } | Exclude<PrivateKey, { readonly kind: 'open' }>;

/**
 * Opens a private key with a passphrase. bcrypt and Argon2 take seconds, in which every forward would stand still, so they
 * run in a thread of their own, which ends with `signal`. Rejects when the thread has no answer.
 */
export async function unlockPrivateKey(text: string, passphrase: string, signal: AbortSignal): Promise<PrivateKey> {
  if (!isSlowToUnlock(text)) return readPrivateKey(text, passphrase);
  const answer = await runWorker({ role: 'unlock', text, passphrase }, signal);
  return answer.kind === 'open' ? readPrivateKey(answer.pem) : answer;
}

export function isUnlockOrder(data: unknown): data is UnlockOrder {
  return typeof data === 'object' && data !== null && 'role' in data && data.role === 'unlock';
}

/** The other thread's part: unlocks, answers, and has nothing left to do. */
export function answerUnlockOrder({ text, passphrase }: UnlockOrder): void {
  const read = readPrivateKey(text, passphrase);
  const answer: UnlockAnswer = read.kind === 'open' ? { kind: 'open', pem: read.key.getPrivatePEM() } : read;
  parentPort?.postMessage(answer);
}

function runWorker(order: UnlockOrder, signal: AbortSignal): Promise<UnlockAnswer> {
  return new Promise((resolve, reject) => {
    // The bundle is one file: this one.
    const worker = new Worker(__filename, { name: 'culvert-unlock', workerData: order });
    const onAbort = (): void => { void worker.terminate(); };
    signal.addEventListener('abort', onAbort, { once: true });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => {
      signal.removeEventListener('abort', onAbort);
      reject(new Error('the key was not unlocked'));
    });
    if (signal.aborted) onAbort();
  });
}
