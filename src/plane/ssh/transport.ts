import type { Duplex } from 'node:stream';
import type { SshHop } from '../../core/sshTarget.ts';
import { log, type PlaneServices } from '../services.ts';
import { dialFirstHop } from './firstHop.ts';
import { ProxyCommandStream } from './proxyCommand.ts';
import { connectFailure } from './sshFailure.ts';

/** What carries an SSH connection: a TCP socket, a ProxyCommand, or a channel of the hop before. */
export interface Transport {
  readonly stream: Duplex;
  /** The address that was reached, where there is one. */
  readonly address?: string;
  /** Why the stream ended, where it can tell. */
  readonly epitaph?: () => string;
}

/** Reaches the first hop of a chain; rejects with a `ForwardError`. */
export async function openTransport(hop: SshHop, services: PlaneServices, signal: AbortSignal): Promise<Transport> {
  if (hop.proxyCommand !== undefined) {
    const stream = new ProxyCommandStream(hop.proxyCommand, (line) => { log(services, 'info', `${hop.name}: ProxyCommand: ${line}`); });
    return { stream, epitaph: () => stream.epitaph };
  }
  try {
    const stream = await dialFirstHop(hop, services.clock, signal);
    return { stream, ...(stream.remoteAddress === undefined ? {} : { address: stream.remoteAddress }) };
  } catch (error) {
    throw connectFailure(hop, error);
  }
}
