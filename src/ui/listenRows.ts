import { formatEndpoint, isSocketPath, type Endpoint } from '../core/address.ts';
import type { Forward } from '../core/forward.ts';
import { isProxy, listensOnServer, portCountOf, type ForwardSpec } from '../core/forwardSpec.ts';
import { boundOf } from '../core/forwardState.ts';
import { formatDestination } from '../core/forwardText.ts';
import { formatEndpoints, nthEndpoint } from '../core/portRange.ts';
import { distinctHosts } from './listenPorts.ts';
import { explain } from './messages.ts';
import type { Icon, Row } from './present.ts';

/** More ports of a range than this have their rest in one row. */
const MAX_PORT_ROWS = 100;

/** The rows under a forward that name what it listens on, and where, or what it had to do without; one for each port of a range. */
export function presentAddresses({ definition: { spec }, state }: Pick<Forward, 'definition' | 'state'>): Row[] {
  const bound = boundOf(state);
  if (bound === undefined) return [];
  const missing = bound.missing === undefined ? '' : `without ${formatEndpoint(bound.missing.address)}: ${explain(bound.missing.failure).summary}`;
  const portCount = portCountOf(spec);
  if (portCount === 1 || isProxy(spec)) return [listenRow(spec, bound.addresses.map(formatEndpoint), '', missing)];
  const firsts = distinctHosts(bound.addresses);
  const rowOf = (from: number, count: number): Row => listenRow(spec, at(firsts, from, count), at([spec.connect], from, count).join(), from === 0 ? missing : '');
  const alone = Math.min(portCount, MAX_PORT_ROWS);
  const rows = Array.from({ length: alone }, (_, index) => rowOf(index, 1));
  return alone < portCount ? [...rows, rowOf(alone, portCount - alone)] : rows;
}

/** A stretch of a range at each of its hosts. */
function at(firsts: readonly Endpoint[], from: number, count: number): string[] {
  return firsts.map((first) => formatEndpoints(nthEndpoint(first, from), count));
}

function listenRow(spec: ForwardSpec, addresses: readonly string[], destination: string, missing: string): Row {
  const server = listensOnServer(spec) ? ` on ${formatDestination(spec.target)}` : '';
  const to = destination === '' ? '' : ` → ${destination}`;
  const listed = addresses.join('  ');
  return {
    label: `LISTEN${server}`,
    description: `${listed}${to}${missing === '' ? '' : `  ·  ${missing}`}`,
    icon: missing === '' ? iconOf(spec) : { id: 'warning', color: 'charts.yellow' },
    spoken: `Listening${server === '' ? '' : `${server},`} on ${listed}${destination === '' ? '' : ` to ${destination}`}${missing === '' ? '' : `, ${missing}`}`,
  };
}

function iconOf(spec: ForwardSpec): Icon {
  if (listensOnServer(spec)) return { id: 'server' };
  return { id: isSocketPath(spec.listen) ? 'plug' : 'radio-tower' };
}
