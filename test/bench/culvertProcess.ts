import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import type { SshTarget } from '../../src/core/sshTarget.ts';
import { PlaneClient } from '../support/planeClient.ts';
import { eventually } from '../support/eventually.ts';
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
let allForwards = 0;
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
  const request = {
    connect: fixed({ host: '127.0.0.1', port: destination }), listen: here({ host: '127.0.0.1', port: 0 }), ...(target === undefined ? {} : { target }),
  };
  const forwards = await Promise.all(Array.from({ length: count }, () => plane.begin(request)));
  await eventually(() => plane.payloads('up').length >= allForwards + count, { intervalMs: 0 });
  allForwards += count;
  return { port: plane.boundOf(forwards[0]!).addresses[0]!.port, readyMs: performance.now() - start };
}

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}
