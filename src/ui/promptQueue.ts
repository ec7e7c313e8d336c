/** Lets one question be on the screen at a time: a second box would take the first one's place and cancel it. */
export class PromptQueue {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `ask` once every earlier question is answered; not at all when `signal` aborts before. */
  run<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    const turn = this.#last.then(() => (signal.aborted ? undefined : ask()));
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
