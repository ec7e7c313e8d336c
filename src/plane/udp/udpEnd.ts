import type { Socket } from 'node:dgram';
import type { HostPort } from '../../core/address.ts';
import type { ForwardError } from '../../core/failure.ts';
import type { Clock } from '../../core/ports.ts';
import type { End, EndListener } from '../end.ts';
import { systemCode } from '../tcpConnect.ts';
import { dialFailure } from '../tcpDialer.ts';
import { isCongested } from './datagramSocket.ts';
import { FlowTimer } from './flowTimer.ts';

/** Opens a socket that is connected to the next address of the destination, and after the last to the first again. */
export interface AddressCycle {
  readonly length: number;
  openNext(): Promise<Socket>;
}

export interface UdpEndOptions {
  readonly destination: HostPort;
  readonly cycle: AddressCycle;
  readonly clock: Clock;
  /** Told of each answer, and of each refusal. */
  readonly onDestination: (failure: ForwardError | undefined) => void;
}

/**
 * A socket for one flow, connected so that nobody else can answer, as an end of a relay: each `onData` is one datagram, and
 * so is each `write`. A refusal (ICMP port unreachable) is told and ends nothing; where the destination has several
 * addresses and has not answered yet, the next one is tried. Closes with `idle` when nothing has passed for a while.
 */
export class UdpEnd implements End {
  readonly queuedBytes = 0;
  readonly #options: UdpEndOptions;
  readonly #timer: FlowTimer;
  #socket: Socket;
  #listener: EndListener | undefined;
  /** The latest datagram, for another address. */
  #last: Buffer | undefined;
  #isAnswered = false;
  #isMoving = false;
  /** In a row. */
  #refusals = 0;
  #closedBy: 'ended' | 'idle' | undefined;

  constructor(socket: Socket, options: UdpEndOptions) {
    this.#options = options;
    this.#socket = socket;
    this.#timer = new FlowTimer(options.clock, () => { this.#close('idle'); });
    this.#watch(socket);
  }

  attach(listener: EndListener): void {
    this.#listener = listener;
    if (this.#closedBy !== undefined) listener.onClose(this.#closedBy);
  }

  /** Datagrams are dropped rather than held back. */
  pause(): void {
    return;
  }

  resume(): void {
    return;
  }

  write(datagram: Buffer): boolean {
    if (this.#closedBy !== undefined) return true;
    this.#timer.sent();
    if (!this.#isAnswered && this.#options.cycle.length > 1) this.#last = datagram;
    if (!this.#isMoving) this.#send(datagram, true);
    return true;
  }

  end(): void {
    this.#close('ended');
  }

  linger(): void {
    this.#close('ended');
  }

  reset(): void {
    this.#close('ended');
  }

  #watch(socket: Socket): void {
    socket.on('message', (datagram) => { if (socket === this.#socket) this.#receive(datagram); });
    socket.on('error', (error) => { if (socket === this.#socket) this.#onError(error); });
  }

  #receive(datagram: Buffer): void {
    this.#isAnswered = true;
    this.#refusals = 0;
    this.#last = undefined;
    this.#timer.answered();
    this.#options.onDestination(undefined);
    this.#listener?.onData(datagram);
  }

  /** Sending fails with what came back for an earlier datagram (udp(7)), and then this one is still to be sent. */
  #send(datagram: Buffer, canRepeat: boolean): void {
    if (isCongested(this.#socket)) return;
    this.#socket.send(datagram, (error) => {
      if (error === null || this.#closedBy !== undefined) return;
      const isAnother = isRefusal(error);
      this.#onError(error);
      if (isAnother && canRepeat && !this.#isMoving) this.#send(datagram, false);
    });
  }

  #onError(error: Error): void {
    if (this.#closedBy !== undefined || this.#isMoving) return;
    const { cycle, destination, onDestination } = this.#options;
    this.#refusals += 1;
    // All addresses have been tried for this datagram. The next one begins where it was left.
    if (this.#isAnswered || this.#refusals % cycle.length === 0) {
      this.#last = undefined;
      onDestination(dialFailure(isRefusal(error) ? refused(error) : error, destination));
    }
    if (!this.#isAnswered && cycle.length > 1) void this.#move();
  }

  async #move(): Promise<void> {
    this.#isMoving = true;
    try {
      const socket = await this.#options.cycle.openNext();
      if (this.#closedBy !== undefined) {
        socket.close();
        return;
      }
      this.#socket.close();
      this.#socket = socket;
      this.#watch(socket);
    } catch (error) {
      if (this.#closedBy === undefined) this.#options.onDestination(dialFailure(error, this.#options.destination));
    } finally {
      this.#isMoving = false;
    }
    if (this.#last !== undefined && this.#closedBy === undefined) this.#send(this.#last, false);
  }

  #close(how: 'ended' | 'idle'): void {
    if (this.#closedBy !== undefined) return;
    this.#closedBy = how;
    this.#timer.dispose();
    this.#socket.close();
    this.#listener?.onClose(how);
  }
}

/** Windows says ECONNRESET for a port that is unreachable. */
function isRefusal(error: Error): boolean {
  return ['ECONNREFUSED', 'ECONNRESET'].includes(systemCode(error));
}

function refused(error: Error): Error {
  return Object.assign(new Error(error.message, { cause: error }), { code: 'ECONNREFUSED' });
}
