import { once } from 'node:events';
import { createServer, connect as connectTo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostPort } from '../../src/core/address.ts';
import type { FailureCode } from '../../src/core/failure.ts';
import type { SshHop } from '../../src/core/sshTarget.ts';
import { through, type Behaviour } from '../support/badServers.ts';
import { ControlSide } from '../support/controlSide.ts';
import { eventually } from '../support/eventually.ts';
import { FaultCheck } from '../support/faultCheck.ts';
import { MeasuredTable } from '../support/measuredTable.ts';
import { canCreateNetworkNamespace, NetworkNamespace } from '../support/netns.ts';
import { hopTo, identityOf, targetOf, trusting } from '../support/planeTargets.ts';
import { Sshd, type SshdOptions } from '../support/sshd.ts';
import { createSshKey, type SshKeyFile } from '../support/sshKeys.ts';
import { dial, outcome, readAll, serve, sha256, testBytes, type TestServer } from '../support/tcpPeers.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

const table = new MeasuredTable('faults, and how long they took');

let folder: TemporaryFolder;
let key: SshKeyFile;
let echo: TestServer;
let sshd: Sshd;
let control: ControlSide;
/** Where the server is reached, and how; a test may change it. */
let way: Partial<SshHop>;

beforeEach(async () => {
  folder = await createTemporaryFolder('stays-up');
  key = await createSshKey(folder.join('id'));
  echo = await serve((socket) => { socket.pipe(socket); });
  way = {};
});

afterEach(async () => {
  await control.close();
  await sshd.stop();
  await echo.close();
  await folder.remove();
});

async function open(options: SshdOptions = {}): Promise<void> {
  sshd = await Sshd.start({ authorizedKeys: [key.publicKey], ...options });
  control = await ControlSide.start({
    answers: trusting(sshd),
    target: () => targetOf(hopTo(sshd, { identities: [identityOf(key)], ...way })),
  });
}

async function echoThrough(port: number, text = 'hello'): Promise<string> {
  const client = await dial(port);
  client.end(text);
  return (await readAll(client)).toString();
}

/** Takes the time from a fault to what comes of it, and lets a client through when it is over. */
async function measured(what: string, cause: FailureCode, port: number, fault: () => unknown, mend?: () => unknown): Promise<void> {
  const check = await FaultCheck.begin(control);
  await fault();
  await check.shows({ phase: 'retrying', cause });
  await mend?.();
  await check.heals();
  expect(await echoThrough(port)).toBe('hello');
  await check.ends(table, what);
}

describe('a tunnel comes back by itself', () => {
  it('when its session on the server is killed', async () => {
    await open();
    const port = await control.forward('a', echo);
    await measured('the session is killed', 'connection-lost', port, () => sshd.dropConnections());
    const phases = control.phases.get('a') ?? [];
    expect(phases.filter((phase, index) => phase !== phases[index - 1])).toEqual(['starting', 'listening', 'retrying', 'starting', 'listening']);
  });

  it('when the server is away for a while, and whoever connects meanwhile waits', async () => {
    await open();
    const port = await control.forward('a', echo);
    let answer: Promise<Buffer> | undefined;
    await measured('the server is away, and comes back', 'connection-lost', port, () => sshd.kill(), async () => {
      const waiting = await dial(port);
      waiting.end('I waited');
      answer = readAll(waiting);
      await sshd.restart();
    });
    expect((await answer)?.toString()).toBe('I waited');
  });

  it('when its server freezes and thaws', async () => {
    way = { keepaliveIntervalMs: 500, keepaliveCountMax: 2, connectTimeoutMs: 1_000 };
    await open();
    const port = await control.forward('a', echo);
    await measured('the server stands still (keepalive 0.5 s × 2)', 'keepalive-timeout', port, () => { sshd.freeze(); }, () => { sshd.thaw(); });
  });

  it('when the worker is killed', async () => {
    await open();
    const port = await control.forward('a', echo, { spec: { kind: 'local', listen: { host: '127.0.0.1', port: await freePort() }, connect: { host: echo.host, port: echo.port }, target: { host: 'server' } } });
    await measured('the worker is killed', 'plane-crashed', port, () => control.host.worker?.terminate());
  });

  it('at once when it is told to try now, however long it would wait', async () => {
    await open();
    const port = await control.forward('a', echo);
    const check = await FaultCheck.begin(control);
    await sshd.kill();
    await check.shows({ phase: 'retrying', cause: 'connection-lost' });
    await eventually(() => (control.stateOf('a') as { attempt?: number }).attempt === 3 && control.stateOf('a')?.phase === 'retrying', { deadlineMs: 30_000 });
    await sshd.restart();
    control.model.retryNow();
    await control.until('a', 'listening', 2_000);
    expect(await echoThrough(port)).toBe('hello');
    await check.ends();
  });

  it('but not after it was stopped while it waited', async () => {
    await open();
    await control.forward('a', echo);
    const check = await FaultCheck.begin(control);
    await sshd.kill();
    await check.shows({ phase: 'retrying', cause: 'connection-lost' });
    control.model.stop('a');
    await control.until('a', 'stopped');
    await sshd.restart();
    control.model.retryNow();
    expect(control.stateOf('a')?.phase).toBe('stopped');
    expect(sshd.logText().match(/Accepted publickey/g)).toHaveLength(1);
    await check.ends();
  });
});

describe.runIf(canCreateNetworkNamespace())('a link that is cut', () => {
  it('is noticed by the silence, and the tunnel comes back when it is mended', async () => {
    const namespace = await NetworkNamespace.create();
    way = { keepaliveIntervalMs: 1_000, keepaliveCountMax: 3, connectTimeoutMs: 2_000 };
    await open({ namespace: namespace.name, host: namespace.thereAddress });
    const inside: HostPort = { host: namespace.thereAddress, port: sshd.port };
    const port = await control.forward('a', inside);
    const check = await FaultCheck.begin(control);
    await namespace.exec('nft', 'add', 'table', 'inet', 'cut');
    await namespace.exec('nft', 'add', 'chain', 'inet', 'cut', 'in', '{ type filter hook input priority 0; policy drop; }');
    await namespace.exec('nft', 'add', 'chain', 'inet', 'cut', 'out', '{ type filter hook output priority 0; policy drop; }');
    check.happens();
    await check.shows({ phase: 'retrying', cause: 'keepalive-timeout' });
    await namespace.exec('nft', 'delete', 'table', 'inet', 'cut');
    await check.heals();
    const client = await dial(port);
    expect(String((await once(client, 'data'))[0])).toMatch(/^SSH-2\.0-OpenSSH/);
    client.destroy();
    await check.ends(table, 'packets are dropped (keepalive 1 s × 3)');
    await control.close();
    await namespace.remove();
  });
});

describe('a bad line to the server', () => {
  let line: TestServer | undefined;

  afterEach(() => line?.close());

  /** Puts something between here and the server. */
  async function behind(behaviour: (server: HostPort) => Behaviour): Promise<void> {
    await open();
    line = await serve(behaviour(sshd));
    way = { host: line.host, port: line.port };
  }

  it('that flips bytes after the key exchange delivers no wrong byte, 100 of 100', async () => {
    const bytes = testBytes(40_000);
    // Behind the key exchange and the login, somewhere in what the destination answers.
    await behind((server) => through(server, flipAt(() => 9_000 + Math.floor(Math.random() * 30_000))));
    const sender = await serve((socket) => { socket.end(bytes); });
    let wrong = 0;
    const check = await FaultCheck.begin(control);
    for (let run = 0; run < 100; run += 1) {
      const told = control.look('a').log.length;
      control.phases.clear();
      const port = await control.forward('a', sender);
      const client = await dial(port);
      const received = await receivedBy(client);
      if (!bytes.subarray(0, received.length).equals(received)) wrong += 1;
      await control.stop('a');
      // It may be stopped before it has noticed.
      const lines = control.look('a').log.slice(told);
      expect(lines).toEqual(control.phases.get('a')?.includes('retrying') === true ? [expect.stringMatching(/^warn 127\.0\.0\.1:0:127\.0\.0\.1:\d+ server: [\w-]+: test-server: ./)] : []);
    }
    expect(wrong).toBe(0);
    await check.isBack();
    await sender.close();
  });

  it('that carries one byte at a time carries them all', async () => {
    await behind((server) => slowly(server, (chunk) => Array.from(chunk, (byte) => Buffer.of(byte))));
    const bytes = testBytes(5_000);
    const sender = await serve((socket) => { socket.end(bytes); });
    const check = await FaultCheck.begin(control);
    const port = await control.forward('a', sender);
    const client = await dial(port);
    expect(sha256(await readAll(client))).toBe(sha256(bytes));
    client.end();
    await control.stop('a');
    await check.ends(table, 'one byte at a time');
    await sender.close();
  });

  it('that breaks after 12,345 bytes resets the client, which has got only right bytes, and the tunnel is tried again', async () => {
    await behind((server) => (socket) => {
      through(server, (chunk, position) => {
        if (position < 12_345) return chunk.subarray(0, 12_345 - position);
        socket.destroy();
        return undefined;
      })(socket);
    });
    const bytes = testBytes(1_000_000);
    const sender = await serve((socket) => { socket.end(bytes); });
    const port = await control.forward('a', sender);
    const check = await FaultCheck.begin(control);
    const client = await dial(port);
    const seen = outcome(client);
    const received = await receivedBy(client);
    expect(await seen).toBe('reset');
    expect(bytes.subarray(0, received.length).equals(received)).toBe(true);
    await check.shows({ phase: 'retrying', cause: 'connection-lost' });
    await check.heals();
    await check.ends(table, 'the line breaks after 12,345 bytes');
    await sender.close();
  });
});

describe('many clients', () => {
  it('1,000 at once, 5,000 within seconds and 10,000 one after another leave nothing behind', { timeout: 240_000 }, async () => {
    await open();
    const port = await control.forward('a', echo);
    const check = await FaultCheck.begin(control);
    const told: string[] = [];
    const inTime = async (what: string, run: () => Promise<void>): Promise<void> => {
      const begun = performance.now();
      await run();
      told.push(`${what} ${((performance.now() - begun) / 1000).toFixed(1)} s`);
    };
    await inTime('1,000 at once', async () => {
      const answers = await Promise.all(Array.from({ length: 1_000 }, (_, index) => echoThrough(port, `client ${String(index)}`)));
      expect(answers).toEqual(Array.from({ length: 1_000 }, (_, index) => `client ${String(index)}`));
    });
    await inTime('5,000 by 500', async () => {
      for (let round = 0; round < 10; round += 1) expect(new Set(await Promise.all(Array.from({ length: 500 }, () => echoThrough(port))))).toEqual(new Set(['hello']));
    });
    await inTime('10,000 one after another', async () => {
      for (let round = 0; round < 10_000; round += 1) if ((await echoThrough(port)) !== 'hello') throw new Error(`round ${String(round)}`);
    });
    await check.ends(table, told.join(', '));
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Everything that came before the end, whatever that was like. */
function receivedBy(client: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  client.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) => {
    client.on('error', () => undefined);
    client.once('close', () => { resolve(Buffer.concat(chunks)); });
    client.end();
  });
}

/** Changes the byte at a place that is chosen for each connection. */
function flipAt(choose: () => number): (chunk: Buffer, position: number) => Buffer {
  let at = choose();
  return (chunk, position) => {
    if (position === 0) at = choose();
    const index = at - position;
    if (index < 0 || index >= chunk.length) return chunk;
    const changed = Buffer.from(chunk);
    changed[index] = (changed[index] ?? 0) ^ 0x40;
    return changed;
  };
}

/** A line that hands on pieces, each by itself. */
function slowly(server: HostPort, cut: (chunk: Buffer) => readonly Buffer[]): Behaviour {
  return (socket) => {
    const upstream = connectTo({ ...server, noDelay: true });
    for (const [from, to] of [[socket, upstream], [upstream, socket]] as const) {
      from.setNoDelay(true);
      from.on('error', () => to.destroy()).on('close', () => to.destroy()).on('end', () => to.end());
      from.on('data', (chunk: Buffer) => { for (const piece of cut(chunk)) if (!to.destroyed) to.write(piece); });
    }
  };
}
