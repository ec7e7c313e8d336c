import { afterEach, describe, expect, it, vi } from 'vitest';
import { EventEmitter } from '../../../src/core/event.ts';
import { DisposableStore, onDispose } from '../../../src/core/lifecycle.ts';

afterEach(() => { vi.unstubAllGlobals(); });

describe('an event', () => {
  it('reaches every listener, in the order of their subscribing', () => {
    const emitter = new EventEmitter<number>();
    const heard: string[] = [];
    emitter.event((value) => heard.push(`a${value}`));
    emitter.event((value) => heard.push(`b${value}`));
    emitter.fire(1);
    emitter.fire(2);
    expect(heard).toEqual(['a1', 'b1', 'a2', 'b2']);
  });

  it('reaches a function as often as it subscribed, and each subscription ends by itself', () => {
    const emitter = new EventEmitter<number>();
    const listener = vi.fn();
    const first = emitter.event(listener);
    emitter.event(listener);
    emitter.fire(1);
    first.dispose();
    first.dispose();
    emitter.fire(2);
    expect(listener.mock.calls).toEqual([[1], [1], [2]]);
  });

  it('does not reach whoever unsubscribed while it was being told', () => {
    const emitter = new EventEmitter<number>();
    const second = vi.fn();
    emitter.event(() => { subscription.dispose(); });
    const subscription = emitter.event(second);
    emitter.fire(1);
    expect(second).not.toHaveBeenCalled();
  });

  it('does not reach, this time, whoever subscribed while it was being told', () => {
    const emitter = new EventEmitter<number>();
    const late = vi.fn();
    emitter.event(() => emitter.event(late));
    emitter.fire(1);
    expect(late).not.toHaveBeenCalled();
  });

  it('reaches nobody after dispose', () => {
    const emitter = new EventEmitter<number>();
    const listener = vi.fn();
    emitter.event(listener);
    emitter.dispose();
    emitter.fire(1);
    expect(listener).not.toHaveBeenCalled();
  });

  it('reaches the others when one listener throws, and the error is not swallowed', () => {
    const later: (() => void)[] = [];
    vi.stubGlobal('queueMicrotask', (action: () => void) => later.push(action));
    const emitter = new EventEmitter<number>();
    const second = vi.fn();
    emitter.event(() => { throw new Error('a faulty view'); });
    emitter.event(second);
    emitter.fire(1);
    expect(second).toHaveBeenCalledWith(1);
    expect(later).toHaveLength(1);
    expect(later[0]).toThrow('a faulty view');
  });
});

describe('a disposable', () => {
  it('runs its action once', () => {
    const action = vi.fn();
    const disposable = onDispose(action);
    expect(action).not.toHaveBeenCalled();
    disposable.dispose();
    disposable.dispose();
    expect(action).toHaveBeenCalledOnce();
  });
});

describe('a store of disposables', () => {
  it('disposes in reverse order, once, and of latecomers at once', () => {
    const store = new DisposableStore();
    const order: string[] = [];
    for (const name of ['a', 'b', 'c']) store.add(onDispose(() => order.push(name)));
    store.dispose();
    store.dispose();
    expect(order).toEqual(['c', 'b', 'a']);
    const late = onDispose(() => order.push('late'));
    expect(store.add(late)).toBe(late);
    expect(order).toEqual(['c', 'b', 'a', 'late']);
  });

  it('disposes of all when one throws, and says so', () => {
    const store = new DisposableStore();
    const order: string[] = [];
    store.add(onDispose(() => order.push('a')));
    store.add({ dispose() { throw new Error('stuck'); } });
    store.add(onDispose(() => order.push('c')));
    expect(() => { store.dispose(); }).toThrow('stuck');
    expect(order).toEqual(['c', 'a']);
  });
});
