import type { Duplex } from 'node:stream';
import type { SshHop } from '../../core/sshTarget.ts';
import { log, type PlaneServices } from '../services.ts';
import { connectTcp } from '../tcpConnect.ts';
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
    const onLine = (line: string): void => { log(services, 'info', `${hop.name}: ProxyCommand: ${line}`); };
    const stream = new ProxyCommandStream({ command: hop.proxyCommand, shell: hop.proxyShell, clock: services.clock, onLine });
    return { stream, epitaph: () => stream.epitaph };
  }
  const options = { address: { host: hop.host, port: hop.port }, allowHalfOpen: false, timeoutMs: hop.connectTimeoutMs, clock: services.clock };
  try {
    const stream = await connectTcp(options, signal);
    return { stream, ...(stream.remoteAddress === undefined ? {} : { address: stream.remoteAddress }) };
  } catch (error) {
    throw connectFailure(hop, error);
  }
}
