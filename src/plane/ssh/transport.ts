import type { Duplex } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import type { SshHop } from '../../core/sshTarget.ts';
import { log, type PlaneServices } from '../services.ts';
import { dialFirstHop } from './firstHop.ts';
import { joinWrites } from './joinedWrites.ts';
import { ProxyCommandStream } from './proxyCommand.ts';
import { connectFailure } from './sshFailure.ts';
import { borrowTransportReads } from './transportReads.ts';

/** What carries an SSH connection: a TCP socket, a ProxyCommand, or a channel of the hop before. */
export interface Transport {
  readonly stream: Duplex;
  /** The same as a channel, where it is one. */
  readonly channel?: ClientChannel;
  /** Whether chunks may be good only while they are being emitted, where the stream has that; at first they may not. */
  readonly mayBorrow?: (isAllowed: boolean) => void;
  /** Whether what was written may be used again at once. */
  readonly isCopying?: boolean;
  /** The address that was reached, where there is one. */
  readonly address?: string;
  /** Why the stream ended, where it can tell. */
  readonly epitaph?: () => string;
}

/** Reaches the first hop of a chain; rejects with a `ForwardError`. */
export async function openTransport(hop: SshHop, services: PlaneServices, signal: AbortSignal): Promise<Transport> {
  if (hop.proxyCommand !== undefined) {
    const onLine = (line: string): void => { log(services, 'info', `${hop.name}: ProxyCommand: ${line}`); };
    const stream = new ProxyCommandStream({ command: hop.proxyCommand, shell: hop.proxyShell, clock: services.clock, onLine });
    return { stream, epitaph: () => stream.epitaph };
  }
  try {
    const { socket, mayBorrow } = borrowTransportReads(await dialFirstHop(hop, services.clock, signal), services.clock);
    const stream = joinWrites(socket, services.clock);
    return { stream, mayBorrow, isCopying: true, ...(stream.remoteAddress === undefined ? {} : { address: stream.remoteAddress }) };
  } catch (error) {
    throw connectFailure(hop, error);
  }
}
