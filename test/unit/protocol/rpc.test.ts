import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ForwardError } from '../../../src/core/failure.ts';
import { RpcEndpoint, type Handlers } from '../../../src/protocol/rpc.ts';

interface Requests {
  add: { params: { a: number; b: number }; result: number };
  fail: { params: unknown; result: undefined };
  hang: { params: string; result: string };
  give: { params: undefined; result: unknown };
}
interface Nothing { none: { params: undefined; result: undefined } }
interface NoEvents { none: undefined }
interface Events { progress: { step: string }; log: string }

type Asker = RpcEndpoint<Nothing, Requests, NoEvents, Events>;
type Answerer = RpcEndpoint<Requests, Nothing, Events, NoEvents>;

const opened: MessagePort[] = [];
const unhandled = vi.fn();
process.on('unhandledRejection', unhandled);

afterEach(() => {
  for (const port of opened.splice(0)) port.close();
  expect(unhandled).not.toHaveBeenCalled();
});

function unused(): Promise<never> {
  return Promise.reject(new Error('not under test'));
}

function pair(handlers: Partial<Handlers<Requests>> = {}) {
  const { port1, port2 } = new MessageChannel();
  opened.push(port1, port2);
  const asker: Asker = new RpcEndpoint<Nothing, Requests, NoEvents, Events>(port1, { none: unused });
  const answerer: Answerer = new RpcEndpoint<Requests, Nothing, Events, NoEvents>(port2, {
    add: async ({ a, b }) => a + b,
    fail: unused,
    hang: unused,
    give: unused,
    ...handlers,
  });
  port1.on('message', (message) => { asker.receive(message); });
  port2.on('message', (message) => { answerer.receive(message); });
  return { asker, answerer, port1, port2 };
}

/** Everything that was sent before this has arrived and been answered. */
async function roundTrip({ asker }: { readonly asker: Asker }): Promise<void> {
  await asker.request('add', { a: 0, b: 0 });
}

const causeOf = (error: unknown): unknown => (error instanceof ForwardError ? { code: error.code, message: error.message, context: error.context } : error);
const failureOf = async (promise: Promise<unknown>): Promise<unknown> => causeOf(await promise.then(() => 'no failure', (error: unknown) => error));

describe('a request', () => {
  it('gets its reply', async () => {
    await expect(pair().asker.request('add', { a: 2, b: 3 })).resolves.toBe(5);
  });

  it('gets its own reply, in whatever order they come', async () => {
    const waiting = new Map<string, (text: string) => void>();
    const { asker } = pair({ hang: (name) => new Promise((resolve) => waiting.set(name, resolve)) });
    const [one, two] = [asker.request('hang', 'one'), asker.request('hang', 'two')];
    await roundTrip({ asker });
    waiting.get('two')!('second');
    waiting.get('one')!('first');
    await expect(Promise.all([one, two])).resolves.toEqual(['first', 'second']);
  });

  it('fails with the code and the context of what the other side threw', async () => {
    const context = { path: '/key', tried: ['a', 'b'], attempt: 2, isLast: true };
    const { asker } = pair({ fail: () => Promise.reject(new ForwardError('identity-unreadable', 'no such file', { context })) });
    const error: unknown = await asker.request('fail', null).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ForwardError);
    expect(causeOf(error)).toEqual({ code: 'identity-unreadable', message: 'no such file', context });
  });

  it.each<[string, unknown, string]>([
    ['an error', new TypeError('boom'), 'boom'],
    ['a text', 'boom', 'boom'],
    ['an object without a prototype', Object.create(null), 'an error that cannot be described'],
  ])('fails as internal when the other side throws %s', async (_, thrown, message) => {
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- whatever a handler throws
    const { asker } = pair({ fail: () => Promise.reject(thrown) });
    expect(await failureOf(asker.request('fail', null))).toEqual({ code: 'internal', message, context: {} });
  });

  it('fails when its handler throws before it has a promise', async () => {
    const { asker } = pair({ fail: () => { throw new ForwardError('config-invalid', 'at once'); } });
    expect(await failureOf(asker.request('fail', null))).toMatchObject({ code: 'config-invalid' });
  });

  it.each(['nonsense', 'constructor', 'toString', '__proto__', 'hasOwnProperty'])('fails when nobody handles it: %s', async (method) => {
    const { asker } = pair();
    expect(await failureOf(asker.request(method as 'add', { a: 1, b: 1 }))).toEqual({ code: 'internal', message: `no handler for ${method}`, context: {} });
  });
});

describe('what cannot cross the threads', () => {
  it('as a result is an error for the asker', async () => {
    const { asker } = pair({ give: () => Promise.resolve(() => 'a function') });
    expect(await failureOf(asker.request('give', undefined))).toMatchObject({ code: 'internal', message: expect.stringContaining('could not be cloned') as string });
  });

  it('as the context of an error costs the context, not the answer', async () => {
    const context = { port: () => 80 } as unknown as { port: number };
    const { asker } = pair({ fail: () => Promise.reject(new ForwardError('address-in-use', 'port 80', { context })) });
    expect(await failureOf(asker.request('fail', null))).toEqual({ code: 'address-in-use', message: 'port 80', context: {} });
  });

  it('as a parameter is an error for the asker, and nothing stays behind', async () => {
    const { asker } = pair();
    const controller = new AbortController();
    const removed = vi.spyOn(controller.signal, 'removeEventListener');
    expect(await failureOf(asker.request('fail', () => 1, controller.signal))).toMatchObject({
      code: 'internal', message: expect.stringMatching(/^fail could not be sent: /) as string,
    });
    expect(removed).toHaveBeenCalledOnce();
    await roundTrip({ asker });
  });
});

describe('cancelling', () => {
  it('fails the request at once and reaches its handler, whose answer is dropped', async () => {
    const aborted = vi.fn();
    const started = vi.fn();
    const { asker } = pair({
      hang: (_, signal) => new Promise((resolve) => {
        started();
        signal.addEventListener('abort', () => { aborted(); resolve('too late'); });
      }),
    });
    const controller = new AbortController();
    const request = asker.request('hang', 'x', controller.signal);
    await roundTrip({ asker });
    expect(started).toHaveBeenCalledOnce();
    controller.abort();
    expect(await failureOf(request)).toEqual({ code: 'cancelled', message: 'hang was cancelled', context: {} });
    await roundTrip({ asker });
    expect(aborted).toHaveBeenCalledOnce();
  });

  it('before the request sends nothing', async () => {
    const hang = vi.fn(() => Promise.resolve('x'));
    const { asker } = pair({ hang });
    expect(await failureOf(asker.request('hang', 'x', AbortSignal.abort()))).toMatchObject({ code: 'cancelled' });
    await roundTrip({ asker });
    expect(hang).not.toHaveBeenCalled();
  });

  it('after the answer does nothing', async () => {
    const { asker, port1 } = pair();
    const controller = new AbortController();
    await asker.request('add', { a: 1, b: 1 }, controller.signal);
    const posted = vi.spyOn(port1, 'postMessage');
    controller.abort();
    expect(posted).not.toHaveBeenCalled();
  });

  it('reaches no handler that has answered', async () => {
    const signals: AbortSignal[] = [];
    const { asker, answerer } = pair({ hang: async (_, signal) => { signals.push(signal); return 'done'; } });
    await asker.request('hang', 'x');
    await roundTrip({ asker });
    answerer.receive({ type: 'cancel', id: 1 });
    answerer.close(new ForwardError('plane-crashed', 'gone'));
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
  });

  it('leaves no listener on a signal that many requests share', async () => {
    const { asker, answerer } = pair({ hang: () => new Promise(() => undefined), fail: () => Promise.reject(new ForwardError('internal', 'x')) });
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, 'addEventListener');
    const removed = vi.spyOn(signal, 'removeEventListener');
    for (let count = 0; count < 20; count += 1) await asker.request('add', { a: 1, b: 1 }, signal);
    await failureOf(asker.request('fail', null, signal));
    const hanging = failureOf(asker.request('hang', 'x', signal));
    asker.close(new ForwardError('plane-crashed', 'gone'));
    await hanging;
    answerer.close(new ForwardError('plane-crashed', 'gone'));
    expect(added).toHaveBeenCalledTimes(22);
    expect(removed).toHaveBeenCalledTimes(22);
  });
});

describe('events', () => {
  it('arrive by name, in order, between the replies', async () => {
    const { asker, answerer } = pair();
    const heard: unknown[] = [];
    const subscription = asker.onEvent((event) => heard.push(event));
    answerer.emit('progress', { step: 'resolving' });
    answerer.emit('log', 'hello');
    await roundTrip({ asker });
    expect(heard).toEqual([{ name: 'progress', payload: { step: 'resolving' } }, { name: 'log', payload: 'hello' }]);
    subscription.dispose();
    answerer.emit('log', 'unheard');
    await roundTrip({ asker });
    expect(heard).toHaveLength(2);
  });
});

describe('closing', () => {
  const gone = new ForwardError('plane-crashed', 'the worker ended');

  it('rejects everything under way, once, and everything later', async () => {
    const { asker } = pair({ hang: () => new Promise(() => undefined) });
    const rejected = vi.fn();
    const requests = ['a', 'b', 'c'].map((name) => asker.request('hang', name).catch((error: unknown) => { rejected(error); }));
    asker.close(gone);
    asker.close(new ForwardError('internal', 'a second time'));
    await Promise.all(requests);
    expect(rejected.mock.calls).toEqual([[gone], [gone], [gone]]);
    expect(await failureOf(asker.request('add', { a: 1, b: 1 }))).toMatchObject({ code: 'plane-crashed' });
  });

  it('aborts what is being served and sends nothing more', async () => {
    const aborted = vi.fn();
    const { asker, answerer, port2 } = pair({
      hang: (_, signal) => new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => { aborted(); reject(new Error('aborted')); });
      }),
    });
    const hanging = failureOf(asker.request('hang', 'x'));
    await roundTrip({ asker });
    const posted = vi.spyOn(port2, 'postMessage');
    answerer.close(gone);
    expect(aborted).toHaveBeenCalledOnce();
    answerer.emit('log', 'nobody hears this');
    await new Promise((resolve) => { setImmediate(resolve); });
    expect(posted).not.toHaveBeenCalled();
    asker.close(gone);
    expect(await hanging).toMatchObject({ code: 'plane-crashed' });
  });

  it('serves nothing that arrives later, and hears nothing', async () => {
    const add = vi.fn(() => Promise.resolve(1));
    const { asker, answerer } = pair({ add });
    const heard = vi.fn();
    asker.onEvent(heard);
    answerer.close(gone);
    answerer.receive({ type: 'request', id: 1, method: 'add', params: { a: 1, b: 1 } });
    asker.close(gone);
    asker.receive({ type: 'event', name: 'log', payload: 'late' });
    await new Promise((resolve) => { setImmediate(resolve); });
    expect(add).not.toHaveBeenCalled();
    expect(heard).not.toHaveBeenCalled();
  });

  it('ignores answers to what nobody asked', () => {
    const { asker } = pair();
    for (const message of [{ type: 'reply', id: 99, result: 1 }, { type: 'error', id: 99, failure: { code: 'internal', detail: '', context: {} } }, { type: 'cancel', id: 99 }]) {
      expect(() => { asker.receive(message); }).not.toThrow();
    }
  });
});
