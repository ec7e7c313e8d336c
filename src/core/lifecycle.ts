/** Something that holds a resource until `dispose()`; disposing twice does nothing. */
export interface Disposable {
  dispose(): void;
}

/** A disposable that runs `action` at the first `dispose()` and never again. */
export function onDispose(action: () => void): Disposable {
  let isDisposed = false;
  return {
    dispose(): void {
      if (isDisposed) return;
      isDisposed = true;
      action();
    },
  };
}

/** Owns disposables and disposes of them in the reverse order of their adding, all of them, even when one throws. */
export class DisposableStore implements Disposable {
  readonly #items: Disposable[] = [];
  #isDisposed = false;

  /** Takes ownership; what is added after `dispose()` is disposed of at once. */
  add<T extends Disposable>(item: T): T {
    if (this.#isDisposed) item.dispose();
    else this.#items.push(item);
    return item;
  }

  dispose(): void {
    this.#isDisposed = true;
    const item = this.#items.pop();
    if (item === undefined) return;
    try {
      item.dispose();
    } finally {
      this.dispose();
    }
  }
}
