import type { RemoteInfo, Socket } from 'node:dgram';
import { formatHostPort, type HostPort } from '../../core/address.ts';
import { ForwardError } from '../../core/failure.ts';
import type { Bound, Progress } from '../../core/forwardState.ts';
import type { Clock } from '../../core/ports.ts';
import type { StartForward } from '../../protocol/messages.ts';
import { bindAll, type BoundPort } from '../binding.ts';
import type { Arrival, Listener } from '../listener.ts';
import { createDatagramSocket, isCongested, resolveHost, widenBuffers } from './datagramSocket.ts';
import { FlowTable } from './flowTable.ts';
import { UdpFlow } from './udpFlow.ts';

/** Receives datagrams on one or several addresses of this machine; each origin's are one flow, which arrives like a connection. */
export class UdpListener implements Listener {
  readonly isLasting = true;
  readonly #addresses: readonly HostPort[];
  readonly #flows: FlowTable;
  readonly #onArrival: (arrival: Arrival) => void;
  readonly #sockets = new Set<Socket>();
  #binding: Promise<Bound> | undefined;
  #isClosed = false;
  onLost: Listener['onLost'];

  constructor(addresses: readonly HostPort[], clock: Clock, onArrival: (arrival: Arrival) => void) {
    this.#addresses = addresses;
    this.#flows = new FlowTable(clock);
    this.#onArrival = onArrival;
  }

  /** Binds at the first call; rejects as `bindAll` does, and then holds nothing. */
  open({ maxConnections = Infinity }: StartForward, onProgress: (progress: Progress) => void): Promise<Bound> {
    this.#flows.limit(maxConnections);
    onProgress({ step: 'binding' });
    return this.#binding ??= bindAll({ addresses: this.#addresses }, (address) => this.#bindOne(address));
  }

  endRun(): Promise<void> {
    return Promise.resolve();
  }

  /** Flows go on; the socket, which their answers leave by, stays until the close. */
  stopAccepting(): void {
    this.#isClosed = true;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#flows.close();
    await Promise.all([...this.#sockets].map((socket) => new Promise<void>((resolve) => {
      socket.once('close', resolve);
      this.#release(socket);
    })));
  }

  async #bindOne({ host, port }: HostPort): Promise<BoundPort> {
    const [resolved] = await resolveHost(host);
    if (this.#isClosed) throw new ForwardError('cancelled', 'binding was cancelled');
    const { address, family } = resolved ?? { address: host, family: 4 };
    const socket = createDatagramSocket(family);
    this.#sockets.add(socket);
    try {
      await bind(socket, { host: address, port });
    } catch (error) {
      this.#release(socket);
      throw error;
    }
    widenBuffers(socket);
    const accepted = { host, port: socket.address().port };
    socket.on('message', (datagram, from) => { this.#receive(socket, accepted, datagram, from); });
    return { port: accepted.port, release: () => { this.#release(socket); } };
  }

  #release(socket: Socket): void {
    if (this.#sockets.delete(socket)) socket.close();
  }

  #receive(socket: Socket, accepted: HostPort, datagram: Buffer, { address, port }: RemoteInfo): void {
    const key = `${formatHostPort(accepted)} ${address} ${String(port)}`;
    const known = this.#flows.use(key);
    if (known !== undefined) {
      known.receive(datagram);
      return;
    }
    // Nobody can be answered at port 0 (RFC 768: the port is optional).
    if (this.#isClosed || port === 0 || !this.#flows.makeRoom()) return;
    const flow = new UdpFlow(
      (answer) => {
        this.#flows.use(key);
        if (this.#sockets.has(socket) && !isCongested(socket)) socket.send(answer, port, address, ignore);
      },
      () => { this.#flows.delete(key); },
    );
    this.#flows.add(key, flow);
    flow.receive(datagram);
    this.#onArrival({ origin: { host: address, port }, accepted, open: () => flow, refuse: () => { flow.reset(); } });
  }
}

function bind(socket: Socket, { host, port }: HostPort): Promise<void> {
  return new Promise((resolve, reject) => {
    // Stays for good: what an origin's machine says of an answer (ICMP) is that origin's alone, and not even named.
    socket.on('error', reject);
    socket.once('close', () => { reject(new ForwardError('cancelled', 'binding was cancelled')); });
    socket.bind({ address: host, port, exclusive: true }, resolve);
  });
}

function ignore(): void {
  return;
}
