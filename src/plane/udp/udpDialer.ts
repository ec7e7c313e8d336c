import type { Socket } from 'node:dgram';
import type { HostPort } from '../../core/address.ts';
import { ForwardError } from '../../core/failure.ts';
import type { Clock } from '../../core/ports.ts';
import { untilAborted } from '../abort.ts';
import type { Dialer } from '../dialer.ts';
import type { End } from '../end.ts';
import { dialFailure } from '../tcpDialer.ts';
import { createDatagramSocket, resolveHost, widenBuffers, type Address } from './datagramSocket.ts';
import { UdpEnd, type AddressCycle } from './udpEnd.ts';

/** Sends from this machine: the far side of a forward of datagrams, with a socket for each flow. */
export class UdpDialer implements Dialer {
  readonly isProvedByAnswers = true;
  readonly #clock: Clock;
  onLost: Dialer['onLost'];
  onDestination: Dialer['onDestination'];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** There is nothing to open before the first flow. */
  open(): Promise<void> {
    return Promise.resolve();
  }

  /** Looks the destination up; whether anybody is there only an answer can tell. */
  async dial(_origin: HostPort, destination: HostPort, signal: AbortSignal): Promise<End> {
    try {
      const cycle = new Cycle(await untilAborted(resolveHost(destination.host), signal), destination.port);
      const socket = await cycle.openNext();
      return new UdpEnd(socket, {
        destination, cycle, clock: this.#clock, onDestination: (failure) => this.onDestination?.(failure),
      });
    } catch (error) {
      throw error instanceof ForwardError ? error : dialFailure(error, destination);
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

class Cycle implements AddressCycle {
  readonly #addresses: readonly Address[];
  readonly #port: number;
  #next = 0;

  constructor(addresses: readonly Address[], port: number) {
    this.#addresses = addresses;
    this.#port = port;
  }

  get length(): number {
    return this.#addresses.length;
  }

  /** An address of a family that this machine has no way for is passed over. */
  async openNext(): Promise<Socket> {
    const start = this.#next % Math.max(this.length, 1);
    let failure: unknown;
    for (const address of [...this.#addresses.slice(start), ...this.#addresses.slice(0, start)]) {
      this.#next += 1;
      try {
        return await connectDatagrams(address, this.#port);
      } catch (error) {
        failure ??= error;
      }
    }
    throw failure instanceof Error ? failure : new ForwardError('internal', 'a name without addresses');
  }
}

function connectDatagrams({ address, family }: Address, port: number): Promise<Socket> {
  const socket = createDatagramSocket(family);
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      socket.close();
      reject(error);
    };
    socket.once('error', fail);
    socket.connect(port, address, (error?: Error | null) => {
      socket.off('error', fail);
      if (error !== undefined && error !== null) {
        fail(error);
        return;
      }
      widenBuffers(socket);
      resolve(socket);
    });
  });
}
