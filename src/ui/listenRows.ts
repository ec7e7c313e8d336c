import { formatEndpoint, isSocketPath, type Endpoint } from '../core/address.ts';
import type { Forward } from '../core/forward.ts';
import { isProxy, listensOnServer, portCountOf, type ForwardSpec } from '../core/forwardSpec.ts';
import { boundOf } from '../core/forwardState.ts';
import { formatDestination } from '../core/forwardText.ts';
import { formatEndpoints, formatPorts, nthEndpoint } from '../core/portRange.ts';
import { distinctHosts } from './listenPorts.ts';
import { explain } from './messages.ts';
import { localAddress, localEnd, type Icon, type Row } from './present.ts';

/** More ports of a range than this have their rest in one row. */
const MAX_PORT_ROWS = 100;

/** The rows under a forward that name what it listens on, and where, or what it had to do without; one for each port of a range. `warning` stands at the first. */
export function presentAddresses({ definition: { spec }, state }: Pick<Forward, 'definition' | 'state'>, warning?: string): Row[] {
  const bound = boundOf(state);
  if (bound === undefined) return [];
  // The warning names who has the address that is missing.
  const missing = warning ?? (bound.missing === undefined ? '' : `without ${formatEndpoint(bound.missing.address)}: ${explain(bound.missing.failure).summary}`);
  const portCount = portCountOf(spec);
  if (portCount === 1 || isProxy(spec)) return [listenRow(spec, { addresses: bound.addresses.map(formatEndpoint) }, missing)];
  const firsts = distinctHosts(bound.addresses);
  return Array.from({ length: Math.min(portCount, MAX_PORT_ROWS + 1) }, (_, index) => {
    const count = portsOfRow(spec, index);
    const listed = at(firsts, index, count);
    return listenRow(spec, { addresses: listed, short: shortPorts(firsts, index, count), destination: at([spec.connect], index, count).join() }, index === 0 ? missing : '');
  });
}

/** How many ports the row with this index stands for. */
function portsOfRow(spec: ForwardSpec, index: number): number {
  return index < MAX_PORT_ROWS ? 1 : portCountOf(spec) - MAX_PORT_ROWS;
}

/** What a program is given to use the ports of one row. */
export function addressOfRow(forward: Forward, index: number): string {
  return formatEndpoints(nthEndpoint(localEnd(forward), index), portsOfRow(forward.definition.spec, index));
}

/** The addresses to copy for rows that were chosen: of ports of a range, those alone. */
export function addressesOfRows(forward: Forward, rows: readonly ChosenRow[]): string[] {
  const own = rows.filter(({ forwardId }) => forwardId === forward.definition.id);
  const indexes = own.flatMap(({ index }) => (index === undefined ? [] : [index]));
  const isOfPorts = portCountOf(forward.definition.spec) > 1 && indexes.length > 0 && indexes.length === own.length;
  return isOfPorts ? indexes.map((index) => addressOfRow(forward, index)) : [localAddress(forward)];
}

/** A row of the tree as far as it matters here. */
export interface ChosenRow {
  readonly kind: string;
  readonly forwardId?: string;
  /** Which of the rows of what listens it is. */
  readonly index?: number;
}

/** A stretch of a range at each of its hosts. */
function at(firsts: readonly Endpoint[], from: number, count: number): string[] {
  return firsts.map((first) => formatEndpoints(nthEndpoint(first, from), count));
}

/** The port alone where it is that of both loopbacks, as in the forward's own row: behind two addresses nobody would see where it leads. */
function shortPorts(firsts: readonly Endpoint[], from: number, count: number): string | undefined {
  const [first] = firsts;
  const hosts = firsts.map((address) => (isSocketPath(address) ? address.path : address.host)).sort();
  if (first === undefined || isSocketPath(first) || hosts.join() !== BOTH_LOOPBACKS) return undefined;
  return formatPorts(first.port + from, count);
}

const BOTH_LOOPBACKS = '127.0.0.1,::1';

/** What one row names. */
interface Listened {
  readonly addresses: readonly string[];
  /** In their place, for the eye. */
  readonly short?: string | undefined;
  /** Where it leads, when the forward's own row does not say so. */
  readonly destination?: string;
}

function listenRow(spec: ForwardSpec, { addresses, short, destination = '' }: Listened, missing: string): Row {
  const server = listensOnServer(spec) ? ` on ${formatDestination(spec.target)}` : '';
  const to = destination === '' ? '' : ` → ${destination}`;
  const listed = addresses.join('  ');
  return {
    label: `LISTEN${server}`,
    description: `${short ?? listed}${to}${missing === '' ? '' : `  ·  ${missing}`}`,
    icon: missing === '' ? iconOf(spec) : { id: 'warning', color: 'charts.yellow' },
    spoken: `Listening${server === '' ? '' : `${server},`} on ${listed}${destination === '' ? '' : ` to ${destination}`}${missing === '' ? '' : `, ${missing}`}`,
  };
}

function iconOf(spec: ForwardSpec): Icon {
  if (listensOnServer(spec)) return { id: 'server' };
  return { id: isSocketPath(spec.listen) ? 'plug' : 'radio-tower' };
}
