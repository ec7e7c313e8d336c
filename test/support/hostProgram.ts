import { readFile } from 'node:fs/promises';
import type { ForwardSpec } from '../../src/core/forwardSpec.ts';
import type { SshTarget } from '../../src/core/sshTarget.ts';
import { ControlSide } from './controlSide.ts';
import type { Look, Resources } from './faultCheck.ts';

/** What a test asks of an extension host. */
export type HostOrder =
  /** Starts a forward, by an id of the test's; one through SSH takes this way. */
  | { readonly kind: 'start'; readonly id: string; readonly spec: ForwardSpec; readonly target?: SshTarget }
  | { readonly kind: 'stop'; readonly id: string }
  | { readonly kind: 'look'; readonly id: string }
  /** Asks what it has open. */
  | { readonly kind: 'count' };

/** What has come of it once the order is carried out. */
export interface HostAnswer extends Look {
  /** Where they were asked for. */
  readonly resources?: Resources;
}

// An extension host with nothing in it but the product, the editor left out, for what a test's own process cannot go through.
const [bundle = ''] = process.argv.slice(2);
let target: SshTarget | undefined;
const control = await ControlSide.start({
  bundle,
  // The server is the test's own, on the loopback.
  answers: { verifyHostKey: async () => ({ isAccepted: true }), needIdentity: async ({ path }) => ({ privateKey: await readFile(path, 'utf8') }) },
  target: () => {
    if (target === undefined) throw new Error('no target');
    return target;
  },
});

process.on('message', (order: HostOrder) => {
  void obey(order).then((answer) => process.send?.(answer));
});
process.on('disconnect', () => { process.exit(); });
process.send?.({});

async function obey(order: HostOrder): Promise<HostAnswer> {
  if (order.kind === 'count') return { ...control.look(''), resources: await control.resources() };
  if (order.kind === 'stop') await control.stop(order.id);
  if (order.kind === 'start') {
    target = order.target;
    await control.tryOut(order.spec, order.id);
  }
  return control.look(order.id);
}
