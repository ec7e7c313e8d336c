import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/system/clock.ts';
import { joinWrites } from '../../src/plane/ssh/joinedWrites.ts';
import { eventually } from '../support/eventually.ts';
import { dial, readAll, serve, sha256, testBytes, type TestServer } from '../support/tcpPeers.ts';

const KiB = 1024;

describe('writes that are joined', () => {
  let server: TestServer;
  let socket: Socket;
  let peer: Socket;

  beforeEach(async () => {
    server = await serve(() => undefined);
    socket = joinWrites(await dial(server.port), systemClock);
    peer = await eventually(() => [...server.sockets][0]);
  });

  afterEach(async () => {
    socket.destroy();
    await server.close();
  });

  /** Writes pieces of all sizes out of memory that is used again at once; gives what they were. */
  function writeInPieces(bytes: Buffer): void {
    const memory = Buffer.alloc(70 * KiB);
    for (let at = 0, round = 0; at < bytes.length; round += 1) {
      const length = Math.min(bytes.length - at, [4, 33 * KiB, 16, 0, 4, 100, 16, 64 * KiB + 1][round % 8]!);
      bytes.copy(memory, 0, at, at + length);
      socket.write(memory.subarray(0, length));
      memory.fill(0xff);
      at += length;
    }
  }

  it('arrive in order, as they were when they were written, at a peer that reads at once', async () => {
    const sent = testBytes(20_000_003);
    const received = readAll(peer);
    for (let at = 0; at < sent.length; at += 1_000_000) {
      writeInPieces(sent.subarray(at, at + 1_000_000));
      await new Promise((resolve) => { setImmediate(resolve); });
    }
    socket.end();
    expect(sha256(await received)).toBe(sha256(sent));
  });

  it('arrive so at a peer that reads late, when the system has no more room', async () => {
    const sent = testBytes(30_000_001);
    for (let at = 0; at < sent.length; at += 1_000_000) {
      writeInPieces(sent.subarray(at, at + 1_000_000));
      await new Promise((resolve) => { setImmediate(resolve); });
    }
    expect(socket.writableLength).toBeGreaterThan(0);
    socket.end();
    expect(sha256(await readAll(peer))).toBe(sha256(sent));
  });

  it('keep their place among those that cannot be joined', async () => {
    const large = testBytes(300 * KiB);
    const received = readAll(peer);
    socket.write(Buffer.from('one '));
    socket.write('two ');
    socket.write(Buffer.from('three '));
    const told = new Promise((resolve) => { socket.write(Buffer.from('four '), resolve); });
    socket.write(Buffer.from('five '));
    socket.write(large);
    socket.end('six');
    await told;
    expect(sha256(await received)).toBe(sha256(Buffer.concat([Buffer.from('one two three four five '), large, Buffer.from('six')])));
  });

  it('are one, whatever kind of bytes they are, and arrive although the socket is given up behind them', async () => {
    const raw = await dial(server.port);
    const write = vi.spyOn(raw, 'write');
    const joined = joinWrites(raw, systemClock);
    const received = readAll(await eventually(() => [...server.sockets].find((other) => other !== peer)));
    for (const word of ['good', 'bye']) {
      joined.write(new Uint8Array(Buffer.from(word)));
      joined.write(Buffer.from(','));
    }
    joined.destroy();
    expect((await received).toString()).toBe('good,bye,');
    expect(write).toHaveBeenCalledTimes(1);
  });

  it('do no harm to a socket that is gone', async () => {
    const errors: unknown[] = [];
    socket.on('error', (error) => errors.push(error));
    socket.write(Buffer.from('never'));
    socket.destroy();
    await once(socket, 'close');
    socket.write(Buffer.from('late'));
    await new Promise((resolve) => { setImmediate(resolve); });
    expect(errors).toEqual([]);
  });
});
