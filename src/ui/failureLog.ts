import type { Failure } from '../core/failure.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import type { ForwardState } from '../core/forwardState.ts';
import { formatForward } from '../core/forwardText.ts';
import { DisposableStore, type Disposable } from '../core/lifecycle.ts';
import type { LogLevel } from '../protocol/messages.ts';
import type { Log } from './log.ts';

/** How soon the same complaint about a destination is worth another line, once it has been taken back. */
const SAME_AGAIN_MS = 60_000;

type Listening = Extract<ForwardState, { phase: 'listening' }>;

/** What was told of a destination, and whether it still stands. */
interface Told {
  readonly code: Failure['code'];
  readonly at: number;
  readonly isOpen: boolean;
}

/** Writes one line for whatever goes wrong with a forward, with its poles, its server and the cause, and one when it is mended. */
export class FailureLog implements Disposable {
  readonly #model: ForwardModel;
  readonly #log: Log;
  readonly #owned = new DisposableStore();
  /** The forwards that have been told to be down and have not been up since. */
  readonly #down = new Set<string>();
  readonly #complaints = new Map<string, Told>();

  constructor(model: ForwardModel, log: Log) {
    this.#model = model;
    this.#log = log;
    this.#owned.add(model.onDidChange((change) => {
      if (change.kind === 'state') this.#onState(change.id, change.before);
      if (change.kind === 'definitions') this.#forgetRemoved();
    }));
  }

  dispose(): void {
    this.#owned.dispose();
  }

  #onState(id: string, before: ForwardState): void {
    const state = this.#model.get(id)?.state;
    switch (state?.phase) {
      case 'retrying':
        if (before.phase !== 'retrying') this.#onRetrying(id, state.failure);
        return;
      case 'failed':
        if (before.phase !== 'failed') this.#write('warn', id, causeOf(state.failure));
        this.#forget(id);
        return;
      case 'listening':
        if (this.#down.delete(id)) this.#write('info', id, 'up again');
        this.#onListening(id, state, before);
        return;
      case 'idle':
        // One that could not be woken rests with what went wrong.
        if (state.complaint === undefined) this.#forget(id);
        return;
      case 'stopped':
      case 'elsewhere':
        this.#forget(id);
        return;
      case 'starting':
      case 'stopping':
      case undefined:
        return;
    }
  }

  /** That the tries after the first do not succeed either is no news. */
  #onRetrying(id: string, failure: Failure): void {
    this.#write(this.#down.has(id) ? 'debug' : 'warn', id, causeOf(failure));
    this.#down.add(id);
    // What is said of the destination when it is up again is news.
    this.#complaints.delete(id);
  }

  #onListening(id: string, { complaint }: Listening, before: ForwardState): void {
    const told = this.#complaints.get(id);
    if (complaint === undefined) {
      if (told?.isOpen !== true || before.phase !== 'listening') return;
      this.#complaints.set(id, { ...told, isOpen: false });
      this.#write('info', id, `no longer: ${told.code}`);
      return;
    }
    const { failure, at } = complaint;
    // A tunnel that breaks while somebody is being connected is told of by itself.
    if (failure.code === 'connection-lost') return;
    if (told?.code === failure.code && (told.isOpen || at - told.at < SAME_AGAIN_MS)) return;
    this.#complaints.set(id, { code: failure.code, at, isOpen: true });
    this.#write('warn', id, causeOf(failure));
  }

  #write(level: LogLevel, id: string, text: string): void {
    const forward = this.#model.get(id);
    if (forward !== undefined) this.#log.write(level, `${formatForward(forward.definition.spec)}: ${text}`);
  }

  #forget(id: string): void {
    this.#down.delete(id);
    this.#complaints.delete(id);
  }

  #forgetRemoved(): void {
    for (const id of [...this.#down, ...this.#complaints.keys()]) if (this.#model.get(id) === undefined) this.#forget(id);
  }
}

function causeOf({ code, detail }: Failure): string {
  return `${code}: ${detail}`;
}
