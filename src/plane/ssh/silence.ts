import type { Duplex } from 'node:stream';
import type { Disposable } from '../../core/lifecycle.ts';
import type { Clock } from '../../core/ports.ts';

/** How long a server may be silent after a question: a network that has just come back needs a moment. */
export const SILENCE_MS = 5_000;

export interface Listening {
  /** Where the server is heard. */
  readonly stream: Duplex;
  readonly clock: Clock;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Asks for an answer; false where that cannot be. */
  readonly ask: (onAnswer: () => void) => boolean;
}

/**
 * Asks a server whether it is there, and calls `onSilent` when nothing has come from it for 5 s before it answers. Whatever
 * comes counts: the answer may wait behind all that fills a slow line.
 */
export function listenForSilence({ stream, clock, signal, ask }: Listening, onSilent: () => void): void {
  let heardAt = clock.now();
  let timer: Disposable | undefined;
  const onData = (): void => { heardAt = clock.now(); };
  const end = (): void => {
    timer?.dispose();
    stream.off('data', onData);
    signal.removeEventListener('abort', end);
  };
  const wait = (delayMs: number): void => {
    timer = clock.after(delayMs, () => {
      const leftMs = heardAt + SILENCE_MS - clock.now();
      if (leftMs > 0) {
        wait(leftMs);
        return;
      }
      end();
      onSilent();
    });
  };
  stream.on('data', onData);
  signal.addEventListener('abort', end);
  wait(SILENCE_MS);
  if (!ask(end)) end();
}
