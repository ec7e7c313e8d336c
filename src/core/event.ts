import { onDispose, type Disposable } from './lifecycle.ts';

/** Subscribes a listener; disposing of the answer unsubscribes it. */
export type Event<T> = (listener: (value: T) => void) => Disposable;

/**
 * The firing end of an `Event`. Listeners run synchronously, in the order of their subscribing. What one of them throws
 * becomes an uncaught error of its own and keeps neither the others nor whoever fires from going on.
 */
export class EventEmitter<T> implements Disposable {
  readonly #listeners = new Set<(value: T) => void>();

  readonly event: Event<T> = (listener) => {
    const entry = (value: T): void => { listener(value); };
    this.#listeners.add(entry);
    return onDispose(() => this.#listeners.delete(entry));
  };

  fire(value: T): void {
    for (const listener of [...this.#listeners]) {
      if (this.#listeners.has(listener)) call(listener, value);
    }
  }

  dispose(): void {
    this.#listeners.clear();
  }
}

function call<T>(listener: (value: T) => void, value: T): void {
  try {
    listener(value);
  } catch (error) {
    queueMicrotask(() => { throw error; });
  }
}
