import { EventEmitter } from 'node:events';
import type { Socket } from 'node:dgram';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ForwardError } from '../../../../src/core/failure.ts';
import type { EndClose, EndListener } from '../../../../src/plane/end.ts';
import { relay } from '../../../../src/plane/relay.ts';
import { FlowTable } from '../../../../src/plane/udp/flowTable.ts';
import { UdpEnd } from '../../../../src/plane/udp/udpEnd.ts';
import { UdpFlow } from '../../../../src/plane/udp/udpFlow.ts';
import { FakeClock } from '../../../support/fakeClock.ts';

/** A connected socket that sends nowhere. */
class FakeSocket extends EventEmitter {
  readonly sent: string[] = [];
  isClosed = false;
  queued = 0;
  /** What the next send fails with. */
  failure: Error | undefined;

  send(datagram: Buffer, done: (error: Error | null) => void): void {
    const failure = this.failure ?? null;
    this.failure = undefined;
    if (failure === null) this.sent.push(datagram.toString());
    done(failure);
  }

  close(): void { this.isClosed = true; }
  getSendQueueSize(): number { return this.queued; }
  answers(text: string): void { this.emit('message', Buffer.from(text)); }
  refuses(): void { this.emit('error', refusal()); }
}

function refusal(): Error {
  return Object.assign(new Error('recvmsg ECONNREFUSED'), { code: 'ECONNREFUSED' });
}

/** Notes what an end tells. */
class Notes implements EndListener {
  readonly told: string[] = [];
  onData(chunk: Buffer): void { this.told.push(chunk.toString()); }
  onDrain(): void { this.told.push('drain'); }
  onEnd(): void { this.told.push('end'); }
  onClose(how: EndClose): void { this.told.push(`closed: ${how}`); }
}

describe('the far end of a flow', () => {
  let clock: FakeClock;
  let sockets: FakeSocket[];
  let destination: (string | undefined)[];
  beforeEach(() => {
    clock = new FakeClock();
    sockets = [];
    destination = [];
  });

  function open(addresses = 1): { end: UdpEnd; socket: FakeSocket; notes: Notes } {
    const openNext = (): FakeSocket => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    };
    const socket = openNext();
    const end = new UdpEnd(socket as unknown as Socket, {
      destination: { host: 'db', port: 53 },
      cycle: { length: addresses, openNext: async () => openNext() as unknown as Socket },
      clock,
      onDestination: (failure: ForwardError | undefined) => destination.push(failure?.code),
    });
    const notes = new Notes();
    end.attach(notes);
    return { end, socket, notes };
  }

  it('is over 30 s after the last datagram of a question, answered or not', () => {
    const { end, socket, notes } = open();
    end.write(Buffer.from('?'));
    clock.advance(20_000);
    end.write(Buffer.from('??'));
    clock.advance(29_999);
    expect(notes.told).toEqual([]);
    clock.advance(1);
    expect(notes.told).toEqual(['closed: idle']);
    expect(socket.isClosed).toBe(true);
    expect(clock.pending).toBe(0);
    const answered = open();
    answered.end.write(Buffer.from('?'));
    clock.advance(2_000);
    answered.socket.answers('!');
    clock.advance(30_000);
    expect(answered.notes.told).toEqual(['!', 'closed: idle']);
  });

  it('may be quiet for two minutes once answers have come for longer than 2 s', () => {
    const { end, socket, notes } = open();
    end.write(Buffer.from('?'));
    clock.advance(2_001);
    socket.answers('!');
    clock.advance(119_999);
    expect(notes.told).toEqual(['!']);
    socket.answers('!');
    clock.advance(119_999);
    end.write(Buffer.from('?'));
    clock.advance(119_999);
    expect(notes.told).toEqual(['!', '!']);
    clock.advance(1);
    expect(notes.told).toEqual(['!', '!', 'closed: idle']);
  });

  it('tells of a refusal and goes on, and of the answer after it', () => {
    const { end, socket, notes } = open();
    end.write(Buffer.from('one'));
    socket.refuses();
    end.write(Buffer.from('two'));
    socket.answers('!');
    expect(destination).toEqual(['destination-refused', undefined]);
    expect(socket.sent).toEqual(['one', 'two']);
    expect(notes.told).toEqual(['!']);
  });

  it('sends a datagram again whose sending failed with the refusal of an earlier one', () => {
    const { end, socket } = open();
    socket.failure = refusal();
    end.write(Buffer.from('two'));
    expect(destination).toEqual(['destination-refused']);
    expect(socket.sent).toEqual(['two']);
  });

  it('takes what Windows says of an unreachable port for the same', () => {
    const { socket } = open();
    socket.emit('error', Object.assign(new Error('recv'), { code: 'ECONNRESET' }));
    expect(destination).toEqual(['destination-refused']);
  });

  it('tries the next address with the same datagram until one answers, and complains when none is left', async () => {
    const { end, socket } = open(2);
    end.write(Buffer.from('?'));
    socket.refuses();
    await Promise.resolve();
    await Promise.resolve();
    expect(sockets.map(({ sent, isClosed }) => [sent, isClosed])).toEqual([[['?'], true], [['?'], false]]);
    expect(destination).toEqual([]);
    sockets[1]!.refuses();
    await Promise.resolve();
    await Promise.resolve();
    expect(destination).toEqual(['destination-refused']);
    // Not for ever: the third socket waits for the next datagram.
    expect(sockets[2]!.sent).toEqual([]);
    end.write(Buffer.from('again'));
    sockets[2]!.answers('!');
    sockets[2]!.refuses();
    await Promise.resolve();
    expect(sockets).toHaveLength(3);
    expect(destination).toEqual(['destination-refused', undefined, 'destination-refused']);
  });

  it('drops what the system does not take, instead of keeping it', () => {
    const { end, socket } = open();
    socket.queued = 2 * 1024 * 1024;
    expect(end.write(Buffer.from('?'))).toBe(true);
    expect(socket.sent).toEqual([]);
  });

  it('ends a flow as idle, for both of its ends', () => {
    const { end, socket } = open();
    const flow = new UdpFlow(() => undefined, () => gone.push('gone'));
    const gone: string[] = [];
    flow.receive(Buffer.from('?'));
    relay(flow, end, { bytesUp: 0, bytesDown: 0 }, (reason) => gone.push(reason));
    expect(socket.sent).toEqual(['?']);
    clock.advance(30_000);
    expect(gone).toEqual(['gone', 'idle']);
  });
});

describe('the near end of a flow', () => {
  it('keeps what comes before its destination is there, as far as it has room, and gives it first', () => {
    const flow = new UdpFlow(() => undefined, () => undefined);
    const notes = new Notes();
    flow.receive(Buffer.alloc(0));
    for (let count = 1; count < 100; count += 1) flow.receive(Buffer.from(String(count)));
    flow.attach(notes);
    flow.receive(Buffer.from('later'));
    expect(notes.told).toEqual(['', ...Array.from({ length: 63 }, (_, index) => String(index + 1)), 'later']);
  });

  it('keeps two datagrams of the largest size and no third', () => {
    const flow = new UdpFlow(() => undefined, () => undefined);
    const notes = new Notes();
    for (let count = 0; count < 3; count += 1) flow.receive(Buffer.alloc(65_507));
    flow.attach(notes);
    expect(notes.told).toHaveLength(2);
  });
});

describe('the table of flows', () => {
  let clock: FakeClock;
  let table: FlowTable;
  let gone: string[];
  beforeEach(() => {
    clock = new FakeClock();
    table = new FlowTable(clock);
    gone = [];
    for (let count = 0; count < 1_024; count += 1) add(String(count));
  });

  function add(key: string): void {
    table.add(key, new UdpFlow(() => undefined, () => {
      gone.push(key);
      table.delete(key);
    }));
  }

  it('has room for 1,024, and none for more while all are in use', () => {
    clock.advance(4_999);
    expect(table.makeRoom()).toBe(false);
    expect(gone).toEqual([]);
  });

  it('has room for fewer where the user wants fewer, and never for more', () => {
    table.delete('0');
    expect(table.makeRoom()).toBe(true);
    table.limit(1_023);
    expect(table.makeRoom()).toBe(false);
    table.limit(100_000);
    add('0');
    expect(table.makeRoom()).toBe(false);
  });

  it('gives up the one that has been quiet for longest', () => {
    clock.advance(5_000);
    expect(table.use('0')).toBeDefined();
    expect(table.makeRoom()).toBe(true);
    expect(gone).toEqual(['1']);
    add('new');
    expect(table.makeRoom()).toBe(true);
    expect(gone).toEqual(['1', '2']);
    expect(table.use('1')).toBeUndefined();
  });
});
