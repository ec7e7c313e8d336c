import { ForwardError } from '../core/failure.ts';
import type { Clock } from '../core/ports.ts';
import type { End } from './end.ts';
import { readStatus } from './httpStatus.ts';

/** How long the peer's end may take once we have said goodbye. */
const FAREWELL_MS = 300;

/** What is read of an answer at most, its body included, which is thrown away. */
const READ_MAX_BYTES = 65_536;

/** How a destination answered a request; `silent` when it ended the connection without a word. */
export type Answer =
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'foreign'; readonly bytes: Buffer }
  | { readonly kind: 'silent' };

/**
 * Sends a request and reads the status of the answer; then ends the connection, which is given over with the call. Rejects
 * with `connection-lost` when what carries it is gone, or with the signal's reason.
 */
export async function exchange(end: End, request: Buffer, clock: Clock, signal: AbortSignal): Promise<Answer> {
  return withEnd(end, clock, signal, (talk) => {
    end.write(request);
    return talk.answer;
  });
}

/** Ends a connection so that a well-behaved peer sees an end and no reset; it is given over with the call. */
export async function sayGoodbye(end: End, clock: Clock, signal: AbortSignal): Promise<void> {
  await withEnd(end, clock, signal, () => Promise.resolve());
}

async function withEnd<T>(end: End, clock: Clock, signal: AbortSignal, action: (talk: Talk) => Promise<T>): Promise<T> {
  const talk = new Talk(end);
  const onAbort = (): void => { talk.abort(signal.reason as Error); };
  signal.addEventListener('abort', onAbort);
  try {
    if (signal.aborted) onAbort();
    const result = await action(talk);
    await talk.close(clock);
    return result;
  } finally {
    signal.removeEventListener('abort', onAbort);
    end.reset();
  }
}

class Talk {
  readonly #end: End;
  readonly answer: Promise<Answer>;
  readonly #over: Promise<void>;
  #heard: Buffer = Buffer.alloc(0);
  #readCount = 0;
  #settle: (answer: Answer) => void = () => undefined;
  #fail: (reason: Error) => void = () => undefined;
  #onOver: () => void = () => undefined;

  constructor(end: End) {
    this.#end = end;
    this.#over = new Promise((resolve) => { this.#onOver = resolve; });
    this.answer = new Promise((resolve, reject) => {
      this.#settle = resolve;
      this.#fail = reject;
    });
    // Nobody waits for it where nothing is asked.
    this.answer.catch(() => undefined);
    end.attach({
      onData: (chunk) => { this.#hear(chunk); },
      onDrain: () => undefined,
      onEnd: () => { this.#onEnd(); },
      onClose: (how) => {
        if (how === 'lost') this.abort(new ForwardError('connection-lost', 'the SSH connection is gone'));
        else this.#onEnd();
      },
    });
  }

  abort(reason: Error): void {
    this.#fail(reason);
    this.#onOver();
  }

  /** Settles after a short wait at the latest. */
  async close(clock: Clock): Promise<void> {
    this.#end.end();
    const timer = clock.after(FAREWELL_MS, this.#onOver);
    await this.#over;
    timer.dispose();
  }

  #hear(chunk: Buffer): void {
    this.#readCount += chunk.length;
    if (this.#readCount > READ_MAX_BYTES) this.#onOver();
    // One that is borrowed is copied by this.
    else this.#heard = Buffer.concat([this.#heard, chunk]);
    const reading = readStatus(this.#heard);
    if (reading.kind === 'status') this.#settle(reading);
    else if (reading.kind === 'foreign') this.#settle({ kind: 'foreign', bytes: this.#heard });
  }

  #onEnd(): void {
    this.#settle(this.#heard.length === 0 ? { kind: 'silent' } : { kind: 'foreign', bytes: this.#heard });
    this.#onOver();
  }
}
