import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import type { SshTarget } from '../../src/core/sshTarget.ts';
import { PlaneClient } from '../support/planeClient.ts';
import { fixed, here } from '../support/poles.ts';
import { trustingAll } from './trust.ts';

/** What the benchmark asks of this process: an extension host with nothing in it but the product's plane. */
export type Order =
  | { readonly kind: 'forward'; readonly destination: number; readonly target?: SshTarget; readonly count?: number }
  /** Blocks the main loop 200 of every 250 ms, as a bad neighbour in the extension host would. */
  | { readonly kind: 'block' }
  | { readonly kind: 'watch-loop' }
  | { readonly kind: 'loop-delay' };

export interface Answer {
  readonly port?: number;
  /** From the order to the first forward's `up`. */
  readonly readyMs?: number;
  readonly loopDelayP99Ms?: number;
}

const LOOP_RESOLUTION_MS = 1;

const plane = await PlaneClient.start(trustingAll);
let delays: IntervalHistogram | undefined;

process.on('message', (order: Order) => {
  void obey(order).then((answer) => process.send?.(answer));
});
process.on('disconnect', () => { process.exit(); });
process.send?.({});

async function obey(order: Order): Promise<Answer> {
  switch (order.kind) {
    case 'forward':
      return forward(order);
    case 'block':
      setInterval(() => { block(200); }, 250);
      return {};
    case 'watch-loop':
      delays = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
      delays.enable();
      return {};
    case 'loop-delay':
      return { loopDelayP99Ms: (delays?.percentile(99) ?? Number.NaN) / 1e6 - LOOP_RESOLUTION_MS };
  }
}

async function forward({ destination, target, count = 1 }: Extract<Order, { kind: 'forward' }>): Promise<Answer> {
  const start = performance.now();
  const allUp = untilUp(count);
  const request = {
    connect: fixed({ host: '127.0.0.1', port: destination }), listen: here({ host: '127.0.0.1', port: 0 }), ...(target === undefined ? {} : { target }),
  };
  const forwards = await Promise.all(Array.from({ length: count }, () => plane.begin(request)));
  await allUp;
  const readyMs = performance.now() - start;
  const { port } = plane.boundOf(forwards[0]!).addresses[0]!;
  // What a test looks back at is no part of the product.
  plane.events.length = 0;
  return { port, readyMs };
}

/** Settles as soon as so many more forwards are up. */
function untilUp(count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = count;
    plane.onEvent = (event) => {
      if (event.name === 'lost') reject(new Error(`${event.payload.failure.code}: ${event.payload.failure.detail}`));
      if (event.name === 'up') left -= 1;
      if (left === 0) resolve();
    };
  });
}

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}
