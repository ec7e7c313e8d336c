import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import type { Clock } from '../../core/ports.ts';
import type { SshHop } from '../../core/sshTarget.ts';
import { log, type PlaneServices } from '../services.ts';
import { dialFirstHop } from './firstHop.ts';
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
    const stream = collectWrites(socket, services.clock);
    return { stream, mayBorrow, ...(stream.remoteAddress === undefined ? {} : { address: stream.remoteAddress }) };
  } catch (error) {
    throw connectFailure(hop, error);
  }
}

/**
 * One system call for all that is written within one turn of the loop: ssh2 writes a packet in up to three pieces, and each
 * connection that something has come on within that turn writes its own. For eight that come and go, 1.2 calls instead of 5 each.
 */
function collectWrites(socket: Socket, clock: Clock): Socket {
  const write = socket.write.bind(socket) as (...parameters: unknown[]) => boolean;
  const collecting = (...parameters: unknown[]): boolean => {
    if (socket.writableCorked === 0) {
      socket.cork();
      clock.after(0, () => { socket.uncork(); });
    }
    return write(...parameters);
  };
  return Object.assign(socket, { write: collecting });
}
