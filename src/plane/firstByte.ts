import type { DiagnosisFact } from '../core/diagnosis.ts';
import { ForwardError, untrustedText } from '../core/failure.ts';
import type { Clock } from '../core/ports.ts';
import type { End } from './end.ts';

/** How long a destination may take to speak first; whoever does so does it at once. */
const PATIENCE_MS = 2_000;

/** How long its end may take once we have said goodbye. */
const FAREWELL_MS = 300;

/** What is quoted of its first words, and looked at for it. */
const QUOTED_MAX_LENGTH = 100;
const QUOTED_MAX_BYTES = 400;

type Observation = Extract<DiagnosisFact, { kind: 'first-byte' }>;

/**
 * What a destination does with a connection in which nobody has said anything, for 2 s; then ends the connection, which
 * is given over with the call. Rejects with `connection-lost` when what carries it is gone, or with the signal's reason.
 */
export async function observeFirstByte(end: End, clock: Clock, signal: AbortSignal): Promise<Observation> {
  const watched = new Watched(end, clock);
  const onAbort = (): void => { watched.abort(signal.reason as Error); };
  signal.addEventListener('abort', onAbort);
  try {
    if (signal.aborted) onAbort();
    const observation = await watched.observation;
    await watched.close();
    return observation;
  } finally {
    signal.removeEventListener('abort', onAbort);
    end.reset();
  }
}

class Watched {
  readonly #end: End;
  readonly #clock: Clock;
  readonly observation: Promise<Observation>;
  readonly #over: Promise<void>;
  #abort: (reason: Error) => void = () => undefined;
  #onOver: () => void = () => undefined;

  constructor(end: End, clock: Clock) {
    this.#end = end;
    this.#clock = clock;
    this.#over = new Promise((resolve) => { this.#onOver = resolve; });
    this.observation = new Promise((resolve, reject) => {
      const timer = clock.after(PATIENCE_MS, () => { tell('waits'); });
      const tell = (how: Observation['how'], text = ''): void => {
        timer.dispose();
        resolve({ kind: 'first-byte', how, text });
      };
      this.#abort = (reason) => {
        timer.dispose();
        this.#onOver();
        reject(reason);
      };
      end.attach({
        onData: (chunk) => { tell('speaks', untrustedText(chunk.toString('utf8', 0, QUOTED_MAX_BYTES), QUOTED_MAX_LENGTH)); },
        onDrain: () => undefined,
        onEnd: () => {
          tell('ends');
          this.#onOver();
        },
        onClose: (how) => {
          if (how === 'lost') this.#abort(new ForwardError('connection-lost', 'the SSH connection is gone'));
          else tell(how === 'reset' ? 'resets' : 'ends');
          this.#onOver();
        },
      });
    });
  }

  abort(reason: Error): void {
    this.#abort(reason);
  }

  /** Says goodbye, so that a well-behaved peer sees an end and no reset; settles after a short wait at the latest. */
  async close(): Promise<void> {
    this.#end.end();
    const timer = this.#clock.after(FAREWELL_MS, this.#onOver);
    await this.#over;
    timer.dispose();
  }
}
