import { EventEmitter, type Event } from '../core/event.ts';
import { ForwardError, fromFailure, toFailure, type Failure } from '../core/failure.ts';

/** The part of a MessagePort or Worker that the endpoint uses. */
export interface Port {
  postMessage(message: unknown): void;
}

/** One side's requests: name → what goes in and what comes out. */
export type RequestMap<T> = { [K in keyof T]: { params: unknown; result: unknown } };

/** Answers one side's requests; `signal` aborts when the asker no longer waits. */
export type Handlers<T extends RequestMap<T>> = {
  [K in keyof T]: (params: T[K]['params'], signal: AbortSignal) => Promise<T[K]['result']>;
};

type Message =
  | { readonly type: 'request'; readonly id: number; readonly method: string; readonly params: unknown }
  | { readonly type: 'reply'; readonly id: number; readonly result: unknown }
  | { readonly type: 'error'; readonly id: number; readonly failure: Failure }
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'event'; readonly name: string; readonly payload: unknown };

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** Any event of the other side, by name; the names and payloads are those of the event map `E`. */
export type RpcEvent<E> = { [K in keyof E]: { readonly name: K; readonly payload: E[K] } }[keyof E];

/**
 * One end of a request / reply / event exchange. `Mine` are the requests that this side answers, `Theirs` those it may
 * send, `Out` the events it sends and `In` those it gets. Every request settles exactly once: by a reply, an error, its
 * signal, or `close()`.
 */
export class RpcEndpoint<Mine extends RequestMap<Mine>, Theirs extends RequestMap<Theirs>, Out, In> {
  readonly #port: Port;
  readonly #handlers: Handlers<Mine>;
  readonly #pending = new Map<number, Pending>();
  readonly #serving = new Map<number, AbortController>();
  readonly #events = new EventEmitter<RpcEvent<In>>();
  #nextId = 1;
  #closedBy: ForwardError | undefined;

  readonly onEvent: Event<RpcEvent<In>> = this.#events.event;

  constructor(port: Port, handlers: Handlers<Mine>) {
    this.#port = port;
    this.#handlers = handlers;
  }

  /** Sends a request. Rejects with a `ForwardError`; `cancelled` when the signal aborts first. */
  request<K extends keyof Theirs & string>(method: K, params: Theirs[K]['params'], signal?: AbortSignal): Promise<Theirs[K]['result']> {
    if (this.#closedBy !== undefined) return Promise.reject(this.#closedBy);
    if (signal?.aborted === true) return Promise.reject(cancelled(method));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#pending.delete(id);
        this.#post({ type: 'cancel', id });
        reject(cancelled(method));
      };
      const settle = (): void => { signal?.removeEventListener('abort', onAbort); };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#pending.set(id, {
        resolve: (result) => { settle(); resolve(result); },
        reject: (error) => { settle(); reject(error); },
      });
      try {
        this.#post({ type: 'request', id, method, params });
      } catch (error) {
        this.#take(id)?.reject(new ForwardError('internal', `${method} could not be sent: ${toFailure(error).detail}`, { cause: error }));
      }
    });
  }

  /** Sends an event; lost without a trace when the other side is gone. */
  emit<K extends keyof Out & string>(name: K, payload: Out[K]): void {
    this.#post({ type: 'event', name, payload });
  }

  /** Takes a message of the other side; the owner of the port calls it. */
  receive(data: unknown): void {
    if (this.#closedBy !== undefined) return;
    const message = data as Message;
    switch (message.type) {
      case 'request':
        void this.#serve(message.id, message.method, message.params);
        return;
      case 'reply':
        this.#take(message.id)?.resolve(message.result);
        return;
      case 'error':
        this.#take(message.id)?.reject(fromFailure(message.failure));
        return;
      case 'cancel':
        this.#serving.get(message.id)?.abort();
        return;
      case 'event':
        this.#events.fire({ name: message.name, payload: message.payload } as RpcEvent<In>);
    }
  }

  /** Rejects everything under way with `reason` and aborts what is being served; nothing is sent or taken any more. */
  close(reason: ForwardError): void {
    if (this.#closedBy !== undefined) return;
    this.#closedBy = reason;
    for (const pending of this.#pending.values()) pending.reject(reason);
    this.#pending.clear();
    for (const controller of this.#serving.values()) controller.abort();
  }

  async #serve(id: number, method: string, params: unknown): Promise<void> {
    const controller = new AbortController();
    this.#serving.set(id, controller);
    try {
      if (!Object.hasOwn(this.#handlers, method)) throw new ForwardError('internal', `no handler for ${method}`);
      const result = await this.#handlers[method as keyof Mine](params, controller.signal);
      this.#post({ type: 'reply', id, result });
    } catch (error) {
      this.#postFailure(id, toFailure(error));
    } finally {
      this.#serving.delete(id);
    }
  }

  /** A context that cannot be cloned must not cost the asker its answer. */
  #postFailure(id: number, failure: Failure): void {
    try {
      this.#post({ type: 'error', id, failure });
    } catch {
      this.#post({ type: 'error', id, failure: { code: failure.code, detail: failure.detail, context: {} } });
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #post(message: Message): void {
    if (this.#closedBy === undefined) this.#port.postMessage(message);
  }
}

function cancelled(method: string): ForwardError {
  return new ForwardError('cancelled', `${method} was cancelled`);
}
