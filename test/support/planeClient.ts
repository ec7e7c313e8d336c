import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Endpoint, HostPort } from '../../src/core/address.ts';
import { ForwardError, type Failure } from '../../src/core/failure.ts';
import type { Bound } from '../../src/core/forwardState.ts';
import type { Connection } from '../../src/core/forward.ts';
import type { SshTarget } from '../../src/core/sshTarget.ts';
import type { ControlRequests, PlaneEvents, PlaneRequests, StartForward } from '../../src/protocol/messages.ts';
import { RpcEndpoint, type Handlers, type RpcEvent } from '../../src/protocol/rpc.ts';
import { SocketFiles } from '../../src/system/socketFile.ts';
import { PLANE_LIMITS } from '../../src/ui/planeHost.ts';
import { socketHandlers } from '../../src/ui/socketHandlers.ts';
import { eventually } from './eventually.ts';
import { planeBundle } from './planeBundle.ts';
import { fixed, here } from './poles.ts';
import type { Sshd } from './sshd.ts';
import type { TemporaryFolder } from './temporaryFolder.ts';

const LOOPBACK: HostPort = { host: '127.0.0.1', port: 0 };

/** What a forward of ports has got; those of sockets are in its `bound` event. */
export type BoundPorts = Omit<Bound, 'addresses'> & { readonly addresses: readonly HostPort[] };

/** Answers to the plane's questions; what a test does not answer fails the login. Files of sockets are real. */
export type Answers = Partial<Handlers<ControlRequests>>;

/** One run of a forward that a test started. */
export interface StartedForward {
  readonly id: string;
  readonly generation: number;
}

/** The control side as a test: the shipped bundle in a worker thread, spoken to over its port. */
export class PlaneClient {
  /** Everything the plane has told so far. */
  readonly events: RpcEvent<PlaneEvents>[] = [];
  /** Every question the plane has asked so far. */
  readonly questions: { readonly method: keyof ControlRequests; readonly params: ControlRequests[keyof ControlRequests]['params'] }[] = [];
  answers: Answers;
  /** Is told every event as it comes. */
  onEvent: (event: RpcEvent<PlaneEvents>) => void = () => undefined;
  private readonly endpoint: RpcEndpoint<ControlRequests, PlaneRequests, Record<string, never>, PlaneEvents>;
  private hasExited = false;
  private readonly socketFiles = socketHandlers(new SocketFiles());

  private constructor(
    private readonly worker: Worker,
    answers: Answers,
  ) {
    this.answers = answers;
    this.endpoint = new RpcEndpoint(worker, {
      verifyHostKey: (params, signal) => this.answer('verifyHostKey', params, signal),
      needIdentity: (params, signal) => this.answer('needIdentity', params, signal),
      needSecret: (params, signal) => this.answer('needSecret', params, signal),
      prepareSocket: (params, signal) => (this.answers.prepareSocket ?? this.socketFiles.prepareSocket)(params, signal),
      publishSocket: (params, signal) => (this.answers.publishSocket ?? this.socketFiles.publishSocket)(params, signal),
      areOriginsGone: (params, signal) => (this.answers.areOriginsGone ?? this.socketFiles.areOriginsGone)(params, signal),
      withdrawSocket: (params, signal) => (this.answers.withdrawSocket ?? this.socketFiles.withdrawSocket)(params, signal),
    });
    this.endpoint.onEvent((event) => {
      this.events.push(event);
      this.onEvent(event);
    });
    worker.on('message', (message) => this.endpoint.receive(message));
    worker.once('exit', () => {
      this.hasExited = true;
      this.endpoint.close(new ForwardError('plane-crashed', 'the worker ended'));
    });
  }

  /** `preload` is a script that runs in the worker before the plane, which is the one that ships unless another is given. */
  static async start(answers: Answers = {}, { bundle, preload }: { readonly bundle?: string; readonly preload?: string } = {}): Promise<PlaneClient> {
    const worker = new Worker(bundle ?? await planeBundle(), { resourceLimits: PLANE_LIMITS, ...(preload === undefined ? {} : { execArgv: ['--no-deprecation', '--require', preload] }) });
    await once(worker, 'online');
    return new PlaneClient(worker, answers);
  }

  request<K extends keyof PlaneRequests>(method: K, params: PlaneRequests[K]['params'], signal?: AbortSignal): Promise<PlaneRequests[K]['result']> {
    return this.endpoint.request(method, params, signal);
  }

  /** Starts a forward and waits until it is up. */
  async forward(connect: Endpoint, target?: SshTarget, listen: readonly HostPort[] = [LOOPBACK]): Promise<{ forward: StartedForward; port: number }> {
    const forward = await this.begin({ connect: fixed(connect), listen: here(...listen), ...(target === undefined ? {} : { target }) });
    await this.untilUp(forward);
    return { forward, port: this.boundOf(forward).addresses[0]!.port };
  }

  /** Starts a forward and waits for nothing. */
  async begin(request: Omit<StartForward, 'id' | 'generation'> & { readonly id?: string; readonly generation?: number }): Promise<StartedForward> {
    const started = { id: request.id ?? randomUUID(), generation: request.generation ?? 1 };
    await this.request('start', { ...request, ...started });
    return started;
  }

  async untilUp(forward: StartedForward): Promise<void> {
    await this.until(() => {
      const lost = this.lostOf(forward);
      if (lost !== undefined) throw new Error(`lost instead of up: ${lost.failure.code}: ${lost.failure.detail}`);
      return this.of('up', forward)[0];
    });
  }

  /** Waits until this run is over, and gives why. */
  async untilLost(forward: StartedForward, deadlineMs?: number): Promise<PlaneEvents['lost']> {
    return this.until(() => this.lostOf(forward), deadlineMs);
  }

  async untilBound(forward: StartedForward): Promise<BoundPorts> {
    await this.until(() => this.of('bound', forward)[0]);
    return this.boundOf(forward);
  }

  /** The last failure to reach the destination that this run has told of, once there is one. */
  async untilComplaint(forward: StartedForward): Promise<Failure> {
    return this.until(() => this.of('destination', forward).at(-1)?.failure);
  }

  async stop({ id }: StartedForward): Promise<void> {
    await this.request('stop', { id });
  }

  connections({ id }: StartedForward): Promise<readonly Connection[]> {
    return this.request('connections', { id });
  }

  boundOf(forward: StartedForward): BoundPorts {
    return this.of('bound', forward)[0]!.bound as BoundPorts;
  }

  /** The events of one name about one run, in order. */
  of<K extends 'progress' | 'bound' | 'up' | 'idle' | 'waking' | 'destination' | 'lost'>(name: K, { id, generation }: StartedForward): PlaneEvents[K][] {
    return this.payloads(name).filter((payload) => payload.id === id && payload.generation === generation);
  }

  payloads<K extends keyof PlaneEvents>(name: K): PlaneEvents[K][] {
    return this.events.filter((event) => event.name === name).map((event) => event.payload as PlaneEvents[K]);
  }

  log(): string {
    return this.payloads('log').map(({ level, text }) => `${level} ${text}`).join('\n');
  }

  /** Waits for a condition about what the plane has told; explains a failure with the plane's log. */
  until<T>(condition: () => T, deadlineMs = 15_000): Promise<Exclude<T, false | null | undefined>> {
    return eventually(condition, { deadlineMs, explain: () => JSON.stringify(this.events.slice(-20), undefined, 1) });
  }

  /** Ends the worker as it is, as a crash would. */
  async kill(): Promise<void> {
    await this.worker.terminate();
  }

  /** Ends the worker. Fails when the plane had a fault that nobody caught. */
  async close(): Promise<void> {
    if (!this.hasExited) {
      await this.request('shutdown', undefined);
      await this.worker.terminate();
    }
    const faults = this.payloads('log').filter(({ text }) => /unhandled|uncaught/.test(text));
    if (faults.length > 0) throw new Error(faults.map(({ text }) => text).join('\n'));
  }

  private lostOf(forward: StartedForward): PlaneEvents['lost'] | undefined {
    return this.of('lost', forward)[0];
  }

  private async answer<K extends keyof ControlRequests>(method: K, params: ControlRequests[K]['params'], signal: AbortSignal): Promise<ControlRequests[K]['result']> {
    this.questions.push({ method, params });
    const handler = this.answers[method] as Handlers<ControlRequests>[K] | undefined;
    if (handler === undefined) throw new ForwardError('internal', `the test does not answer ${method}`);
    return handler(params, signal);
  }
}

/** Ends a plane, then the server that it logged in to, and their files, whatever happens to the one before. */
export async function closePlane(plane: PlaneClient, server: Sshd | undefined, folder: TemporaryFolder): Promise<void> {
  try {
    await plane.close();
  } finally {
    await server?.stop();
    await folder.remove();
  }
}
