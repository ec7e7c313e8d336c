import { Worker } from 'node:worker_threads';
import { EventEmitter, type Event } from '../core/event.ts';
import { ForwardError } from '../core/failure.ts';
import type { Disposable } from '../core/lifecycle.ts';
import type { ControlRequests, PlaneEvents, PlaneRequests } from '../protocol/messages.ts';
import { RpcEndpoint, type Handlers, type RpcEvent } from '../protocol/rpc.ts';
import type { Log } from './log.ts';

type Endpoint = RpcEndpoint<ControlRequests, PlaneRequests, Record<string, never>, PlaneEvents>;

interface Running {
  readonly worker: Worker;
  readonly endpoint: Endpoint;
}

const SHUTDOWN_MS = 3_000;

/**
 * V8 lets what is new take tens of MB before it looks for what is left of it, which most of a connection is not: with this
 * bound an idle connection takes 11 to 20 kB instead of 22 to 32, and nothing is slower.
 */
export const PLANE_LIMITS = { maxYoungGenerationSizeMb: 4 };

/** Owns the worker thread that moves the bytes: started at the first request, started anew at the first one after it died. */
export class PlaneHost implements Disposable {
  readonly #bundle: string;
  readonly #handlers: Handlers<ControlRequests>;
  readonly #log: Log;
  readonly #events = new EventEmitter<RpcEvent<PlaneEvents>>();
  readonly #starts = new EventEmitter<void>();
  readonly #exits = new EventEmitter<ForwardError>();
  #running: Running | undefined;
  #isClosed = false;

  readonly onEvent: Event<RpcEvent<PlaneEvents>> = this.#events.event;
  /** A worker has just been started and knows nothing yet. */
  readonly onDidStart: Event<void> = this.#starts.event;
  /** The worker ended without being asked to; everything it held is gone. */
  readonly onDidCrash: Event<ForwardError> = this.#exits.event;

  /** `bundle` is the path of plane.js. */
  constructor(bundle: string, handlers: Handlers<ControlRequests>, log: Log) {
    this.#bundle = bundle;
    this.#handlers = handlers;
    this.#log = log;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** The worker's thread id, for tests that take it away; undefined while none runs. */
  get worker(): Worker | undefined {
    return this.#running?.worker;
  }

  /** Sends a request to the plane and starts it if needed; rejects with a `ForwardError`. */
  request<K extends keyof PlaneRequests>(method: K, params: PlaneRequests[K]['params'], signal?: AbortSignal): Promise<PlaneRequests[K]['result']> {
    if (this.#isClosed) return Promise.reject(new ForwardError('cancelled', 'the editor is closing'));
    return this.#ensureRunning().endpoint.request(method, params, signal);
  }

  /** Lets the plane close everything it holds, for 3 s at most, then ends it. Waits for both. */
  async close(): Promise<void> {
    const running = this.#running;
    this.#isClosed = true;
    if (running === undefined) return;
    // A worker that is busy beyond measure is ended as it is: the editor waits for this.
    await running.endpoint.request('shutdown', undefined, AbortSignal.timeout(SHUTDOWN_MS)).catch(() => undefined);
    this.#running = undefined;
    running.endpoint.close(new ForwardError('cancelled', 'the editor is closing'));
    await running.worker.terminate();
  }

  /** Ends the worker at once; connections are cut without a word. `close()` is the orderly way. */
  dispose(): void {
    const running = this.#running;
    this.#isClosed = true;
    this.#running = undefined;
    if (running === undefined) return;
    running.endpoint.close(new ForwardError('cancelled', 'the editor is closing'));
    void running.worker.terminate();
  }

  #ensureRunning(): Running {
    if (this.#running !== undefined) return this.#running;
    const worker = new Worker(this.#bundle, { name: 'culvert-plane', resourceLimits: PLANE_LIMITS });
    const endpoint: Endpoint = new RpcEndpoint(worker, this.#handlers);
    const running: Running = { worker, endpoint };
    endpoint.onEvent((event) => { this.#events.fire(event); });
    worker.on('message', (message) => { endpoint.receive(message); });
    worker.on('error', (error) => { this.#log.write('error', `The plane failed: ${error.stack ?? error.message}`); });
    worker.on('exit', (code) => { this.#onExit(running, code); });
    this.#running = running;
    this.#starts.fire();
    return running;
  }

  #onExit(running: Running, code: number): void {
    if (this.#running !== running) return;
    this.#running = undefined;
    const reason = new ForwardError('plane-crashed', `the plane ended with code ${String(code)}`);
    running.endpoint.close(reason);
    this.#log.write('info', `The plane ended unexpectedly (code ${String(code)}); forwards that were up come back by themselves.`);
    this.#exits.fire(reason);
  }
}
