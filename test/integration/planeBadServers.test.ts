import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Failure, FailureCode } from '../../src/core/failure.ts';
import { failureOf } from '../../src/core/forwardState.ts';
import { explain } from '../../src/ui/messages.ts';
import { closesAfter, continuesWith, floods, hesitating, packet, says, through, type Behaviour } from '../support/badServers.ts';
import { ControlSide } from '../support/controlSide.ts';
import { eventually } from '../support/eventually.ts';
import { FaultCheck } from '../support/faultCheck.ts';
import { MeasuredTable } from '../support/measuredTable.ts';
import { targetOf, trusting } from '../support/planeTargets.ts';
import type { Sshd } from '../support/sshd.ts';
import { pour, serve, testBytes } from '../support/tcpPeers.ts';
import { Tunnels } from '../support/tunnels.ts';

const MiB = 1024 * 1024;
const TIMEOUT_MS = 700;

let tunnels: Tunnels;
let sshd: Sshd;
let control: ControlSide;
let badPort: number;
const shown: string[] = [];
const table = new MeasuredTable('bad servers, and how long they took');

beforeAll(async () => {
  tunnels = await Tunnels.open();
  sshd = await tunnels.startServer();
  control = await ControlSide.start({
    answers: trusting(sshd),
    target: () => targetOf(tunnels.hop(sshd, { name: 'bad', host: 'localhost', port: badPort, connectTimeoutMs: TIMEOUT_MS })),
  });
});

afterAll(async () => {
  console.log(`bad servers\n${shown.join('\n')}`);
  await control.close();
  await tunnels.close();
});

/** The failure of the only run of a forward over a server at this port; in the end everything is as before. */
async function failureAt(name: string, port: number, code: FailureCode): Promise<Failure> {
  badPort = port;
  const check = await FaultCheck.begin(control, name);
  await control.tryOut({ kind: 'local', listen: { host: '127.0.0.1', port: 0 }, connect: { host: 'db', port: 5432 }, target: { host: 'server' } }, name);
  await check.shows({ phase: 'failed', cause: code, names: 'bad' });
  expect(control.phases.get(name)?.filter((phase) => phase === 'failed')).toHaveLength(1);
  const failure = failureOf(control.stateOf(name)!)!;
  await check.ends(table, name);
  shown.push(`  ${name.padEnd(48)} ${failure.code.padEnd(17)} ${explain(failure).sentence}`);
  return failure;
}

interface BadServer {
  readonly name: string;
  /** Asked for when the servers run. */
  readonly behaviour: () => Behaviour;
  readonly code: FailureCode;
  readonly sentence: RegExp;
}

const BAD_SERVERS: readonly BadServer[] = [
  { name: 'is silent', behaviour: () => says(''), code: 'connect-timeout', sentence: /accepts connections but says nothing/ },
  { name: 'sends one byte and stalls', behaviour: () => says('S'), code: 'connect-timeout', sentence: /said "S" and no more/ },
  { name: 'greets as a mail server does', behaviour: () => says('220 mail.example ESMTP\r\n'), code: 'connect-timeout', sentence: /said "220 mail\.example ESMTP" and no more.*Check the port/ },
  { name: 'closes at once', behaviour: () => (socket) => { socket.resume().end(); }, code: 'connection-lost', sentence: /closed the connection before anyone could log in/ },
  { name: 'resets at once', behaviour: () => (socket) => { socket.resetAndDestroy(); }, code: 'connection-lost', sentence: /closed the connection before anyone could log in/ },
  { name: 'says why and closes', behaviour: () => closesAfter('Exceeded MaxStartups\r\n'), code: 'connection-lost', sentence: /It said "Exceeded MaxStartups"/ },
  { name: 'says why in hostile words and closes', behaviour: () => closesAfter('\u001b]0;x\u0007\u202eevil $(trash)\r\n'), code: 'connection-lost', sentence: /It said "\]0;x evil \$\(trash\)"/ },
  { name: 'sends an identification of 100 kB', behaviour: () => says(`SSH-2.0-${'x'.repeat(100_000)}\r\n`), code: 'not-ssh', sentence: /a line without end/ },
  { name: 'sends 2000 lines of greeting', behaviour: () => says('welcome\r\n'.repeat(2_000)), code: 'not-ssh', sentence: /1024 lines and no identification/ },
  // The alert protocol_version (RFC 8446 section 6.2); other TLS servers just close.
  { name: 'speaks TLS', behaviour: () => closesAfter(Buffer.of(0x15, 3, 1, 0, 2, 2, 0x46)), code: 'not-ssh', sentence: /speaks TLS/ },
  { name: 'pours letters', behaviour: () => (socket) => { pour(socket); }, code: 'not-ssh', sentence: /a line without end/ },
  { name: 'pours lines', behaviour: () => (socket) => { pour(socket, Buffer.from('spam\n'.repeat(10_000))); }, code: 'not-ssh', sentence: /1024 lines/ },
  { name: 'pours any bytes', behaviour: () => (socket) => { pour(socket, testBytes(65_536)); }, code: 'not-ssh', sentence: /no SSH server/ },
  { name: 'pours any bytes after its identification', behaviour: () => (socket) => { socket.write('SSH-2.0-x\r\n'); pour(socket, testBytes(65_536)); }, code: 'handshake-failed', sentence: /could not agree/ },
  { name: 'pours packets that mean nothing', behaviour: floods, code: 'connect-timeout', sentence: /in the middle of the SSH handshake/ },
  { name: 'speaks version 1 alone', behaviour: () => says('SSH-1.5-old\r\n'), code: 'handshake-failed', sentence: /version 1 of SSH/ },
  { name: 'answers the key exchange with nonsense', behaviour: () => continuesWith(packet(Buffer.concat([Buffer.of(20), testBytes(300)]))), code: 'handshake-failed', sentence: /could not agree/ },
  { name: 'sends a packet that is too long', behaviour: () => continuesWith(Buffer.of(0x7f, 0xff, 0xff, 0xff, 4, 20, 0, 0)), code: 'handshake-failed', sentence: /could not agree/ },
  { name: 'spoils the key exchange', behaviour: () => through(sshd, spoiling), code: 'handshake-failed', sentence: /could not agree/ },
  { name: 'stalls in the middle of the key exchange', behaviour: () => through(sshd, (chunk, position) => (position === 0 ? chunk : undefined)), code: 'connect-timeout', sentence: /in the middle of the SSH handshake/ },
  { name: 'says goodbye in the middle of the key exchange', behaviour: () => continuesWith(goodbye(12, 'come back tomorrow')), code: 'connection-lost', sentence: /It said "come back tomorrow"/ },
  { name: 'says goodbye as a program does', behaviour: () => continuesWith(goodbye(11, 'closed for today')), code: 'connection-lost', sentence: /It said "closed for today"/ },
];

/** The identification and the offer come whole, the answer to ours does not. */
function spoiling(chunk: Buffer, position: number): Buffer {
  if (position < 200) return chunk;
  const spoilt = Buffer.from(chunk);
  for (let index = 5; index < spoilt.length; index += 7) spoilt[index] = (spoilt[index] ?? 0) ^ 0xff;
  return spoilt;
}

/** SSH_MSG_DISCONNECT (RFC 4253 section 11.1). */
function goodbye(reason: number, text: string): Buffer {
  const words = Buffer.from(text);
  const [code, length] = [Buffer.alloc(4), Buffer.alloc(4)];
  code.writeUInt32BE(reason);
  length.writeUInt32BE(words.length);
  return packet(Buffer.concat([Buffer.of(1), code, length, words, Buffer.alloc(4)]));
}

describe('a server that', () => {
  it.each(BAD_SERVERS)('$name is one clear failure, and nothing of it stays', async ({ name, behaviour, code, sentence }) => {
    const server = await serve(behaviour());
    const memory = process.memoryUsage.rss();
    const failure = await failureAt(name, server.port, code);
    expect(failure).toMatchObject({ context: { hop: 'bad', port: server.port } });
    expect(explain(failure).sentence).toMatch(sentence);
    expect(explain(failure).sentence).not.toMatch(/[\p{Cc}\u202a-\u202e]/u);
    expect(explain(failure).sentence.length).toBeLessThan(500);
    // The kernel's buffers and what the collector has not taken yet; an endless server sends gigabytes meanwhile.
    expect(process.memoryUsage.rss() - memory).toBeLessThan(120 * MiB);
    await eventually(() => server.sockets.size === 0);
    await server.close();
  });

  it('speaks HTTP is named', async () => {
    const server = createServer((_request, response) => { response.end(); });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const failure = await failureAt('speaks HTTP', (server.address() as AddressInfo).port, 'not-ssh');
    expect(failure).toMatchObject({ context: { speaks: 'HTTP' } });
    expect(explain(failure).sentence).toContain('is a web server (HTTP), not an SSH server');
    server.close();
  });
});

describe('a good server', () => {
  it('may hesitate: its first bytes come one by one', async () => {
    const slow = await serve(hesitating(sshd, 60));
    const { forward, port } = await tunnels.forward([tunnels.hop(sshd, { port: slow.port })]);
    expect(await tunnels.echoThrough(port)).toBe('hello');
    await tunnels.plane.stop(forward);
    await slow.close();
  });

  it('may greet at length', async () => {
    const greeting = Buffer.from('You are being watched.\r\n'.repeat(1_000));
    const server = await serve(through(sshd, (chunk, position) => (position === 0 ? Buffer.concat([greeting, chunk]) : chunk)));
    const { forward, port } = await tunnels.forward([tunnels.hop(sshd, { port: server.port })]);
    expect(await tunnels.echoThrough(port)).toBe('hello');
    expect(tunnels.plane.log().match(/You are being watched/g)).toHaveLength(20);
    await tunnels.plane.stop(forward);
    await server.close();
  });
});
