import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ForwardSpec } from '../../src/core/forwardSpec.ts';
import type { StartStep } from '../../src/core/forwardState.ts';
import type { SshHop } from '../../src/core/sshTarget.ts';
import type { HostKeyAnswer, SecretAnswer } from '../../src/protocol/messages.ts';
import { says } from '../support/badServers.ts';
import { blockLookups } from '../support/blockedLookups.ts';
import { ControlSide } from '../support/controlSide.ts';
import { eventually } from '../support/eventually.ts';
import { FaultCheck, type ShownFault } from '../support/faultCheck.ts';
import { findFreePort } from '../support/freePort.ts';
import { MeasuredTable } from '../support/measuredTable.ts';
import { canCreateNetworkNamespace, NetworkNamespace } from '../support/netns.ts';
import type { Answers } from '../support/planeClient.ts';
import { openDescriptors, Route } from '../support/planeRoutes.ts';
import { hopTo, identityOf, targetOf, trusting } from '../support/planeTargets.ts';
import { descendantsOf } from '../support/processes.ts';
import { scriptedSshServer, targetAt, type ScriptedSshServer } from '../support/scriptedSshServer.ts';
import { Sshd } from '../support/sshd.ts';
import { createSshKey, type SshKeyFile } from '../support/sshKeys.ts';
import { outcomeOfDialling, serve, type TestServer } from '../support/tcpPeers.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

const table = new MeasuredTable('stops, and how long they took');

/** A place on the way up where a forward stands still. */
interface Halt {
  /** What of the way to the server is different. */
  readonly way?: Partial<SshHop>;
  /** The forward listens on the server, in place of here. */
  readonly isRemote?: true;
  isReached(): boolean | Promise<boolean>;
  /** What the tree says of it, where something has failed. */
  readonly shows?: ShownFault;
  /** Whether the server has still something of it. */
  isLeft?(): boolean;
  /** Lets go on what stood still, now that nobody wants it any more. */
  release?(): void | Promise<void>;
  /** Takes back what the halt needed. */
  end?(): Promise<void>;
}

let folder: TemporaryFolder;
let key: SshKeyFile;
let echo: TestServer;
let sshd: Sshd;
let control: ControlSide;
let answers: Answers;
let way: Partial<SshHop>;
let port: number;

beforeEach(async () => {
  folder = await createTemporaryFolder('stops');
  key = await createSshKey(folder.join('id'));
  echo = await serve((socket) => { socket.pipe(socket); });
  sshd = await Sshd.start({ authorizedKeys: [key.publicKey], allowsPasswords: true });
  answers = trusting(sshd);
  way = {};
  port = await findFreePort();
  control = await ControlSide.start({
    answers: {
      verifyHostKey: (question, signal) => answers.verifyHostKey!(question, signal),
      needIdentity: (question, signal) => answers.needIdentity!(question, signal),
      needSecret: (question, signal) => answers.needSecret!(question, signal),
    },
    target: () => targetOf(hopTo(sshd, { identities: [identityOf(key)], ...way })),
  });
});

afterEach(async () => {
  await control.close();
  await sshd.stop();
  await echo.close();
  await folder.remove();
});

function isAt(step: StartStep): boolean {
  const state = control.stateOf('a');
  return state?.phase === 'starting' && state.progress.step === step;
}

/** A question that a person has before them; it goes away when nobody waits for the answer any more. */
function whileAsked(asked: 'verifyHostKey' | 'needSecret', late: HostKeyAnswer | SecretAnswer, different: Partial<SshHop> = {}): Halt {
  let open = 0;
  let answer = (): void => undefined;
  const ask = (_question: unknown, signal: AbortSignal): Promise<unknown> => new Promise((resolve) => {
    open += 1;
    answer = () => { resolve(late); };
    signal.addEventListener('abort', () => { open -= 1; });
  });
  answers = { ...answers, [asked]: ask };
  return { way: different, isReached: () => open > 0, isLeft: () => open > 0, release: () => { answer(); } };
}

/** At a server that is no OpenSSH, and whose key nobody knows. */
function at(server: ScriptedSshServer): Pick<Halt, 'way' | 'end'> {
  answers = { ...answers, verifyHostKey: async () => ({ isAccepted: true }) };
  return { way: { ...targetAt(server).hops[0] }, end: () => server.close() };
}

const SECRET = { isCancelled: false, answers: ['anything'] } as const;

const HALTS: readonly { readonly name: string; readonly needsRoot?: true; halt(): Promise<Halt> }[] = [
  { name: 'while its server\'s name is looked up', halt: async () => {
    const release = await blockLookups(folder.join('pipe'));
    return { way: { host: 'localhost' }, isReached: () => isAt('connecting'), release };
  } },
  { name: 'while TCP waits for an answer', needsRoot: true, halt: async () => {
    const namespace = await NetworkNamespace.create();
    await namespace.exec('nft', 'add', 'table', 'inet', 'cut');
    await namespace.exec('nft', 'add', 'chain', 'inet', 'cut', 'in', '{ type filter hook input priority 0; policy drop; }');
    return {
      way: { host: namespace.thereAddress, port: 22 },
      isReached: () => isAt('connecting'),
      release: async () => { await namespace.exec('nft', 'delete', 'table', 'inet', 'cut'); },
      end: () => namespace.remove(),
    };
  } },
  { name: 'while keys are exchanged', halt: async () => {
    const silent = await serve(says('SSH-2.0-silent\r\n'));
    return { way: { port: silent.port }, isReached: () => isAt('handshake') && silent.sockets.size > 0, isLeft: () => silent.sockets.size > 0, end: () => silent.close() };
  } },
  { name: 'while its host key is asked about', halt: async () => whileAsked('verifyHostKey', { isAccepted: true }) },
  { name: 'while the passphrase of its key is asked for', halt: async () => {
    const locked = await createSshKey(folder.join('locked'), 'ed25519', 'geheim');
    await sshd.setAuthorizedKeys([key.publicKey, locked.publicKey]);
    return whileAsked('needSecret', SECRET, { identities: [identityOf(locked)] });
  } },
  { name: 'while a password is asked for', halt: async () => whileAsked('needSecret', SECRET, { identities: [], authenticationMethods: ['password'] }) },
  { name: 'while the server thinks about the login', halt: async () => {
    const attempts: (() => void)[] = [];
    const server = await scriptedSshServer({ login: (attempt) => { attempts.push(() => { attempt.accept(); }); } });
    return { ...at(server), isReached: () => attempts.length > 0, release: () => { attempts.at(-1)?.(); } };
  } },
  { name: 'while the server thinks about listening', halt: async () => {
    const requests: (() => void)[] = [];
    const server = await scriptedSshServer({}, (connection) => { connection.on('request', (accept) => { requests.push(() => { accept?.(); }); }); });
    return { ...at(server), isRemote: true, isReached: () => requests.length > 0, release: () => { requests.at(-1)?.(); } };
  } },
  { name: 'while the server opens a channel', halt: async () => {
    const channels: (() => unknown)[] = [];
    const server = await scriptedSshServer((open) => { channels.push(open); });
    let seen: ReturnType<typeof outcomeOfDialling> | undefined;
    const isReached = (): boolean => {
      if (control.stateOf('a')?.phase === 'listening') seen ??= outcomeOfDialling(port);
      return channels.length > 0;
    };
    const end = async (): Promise<void> => {
      expect(await seen).toBe('reset');
      await server.close();
    };
    return { ...at(server), isReached, release: () => { channels.at(-1)?.(); }, end };
  } },
  { name: 'while it waits to try again', halt: async () => ({
    isReached: async () => {
      if (control.stateOf('a')?.phase === 'listening') await sshd.kill();
      return control.stateOf('a')?.phase === 'retrying';
    },
    shows: { phase: 'retrying', cause: 'connection-lost' },
    release: () => sshd.restart(),
  }) },
];

describe('a forward that is stopped on its way up leaves nothing, and nothing revives it', () => {
  for (const { name, needsRoot, halt } of HALTS) {
    it.skipIf(needsRoot === true && !canCreateNetworkNamespace())(name, async () => {
      const check = await FaultCheck.begin(control);
      const { way: different = {}, isRemote, isReached, shows, isLeft, release, end } = await halt();
      way = different;
      control.model.put({ id: 'a', name: '', autoStart: false, origin: 'user', spec: specOf(isRemote) });
      control.model.start('a');
      await eventually(isReached, { deadlineMs: 15_000, explain: () => JSON.stringify(control.stateOf('a')) });
      if (shows !== undefined) await check.shows(shows);
      const begun = performance.now();
      await control.stop('a');
      table.add(name, `${(performance.now() - begun).toFixed(0)} ms`);
      await expectFree();
      const phases = control.phases.get('a')?.length;
      await eventually(() => isLeft?.() !== true && (!sshd.isRunning || descendantsOf(sshd.pid).length === 0));
      await release?.();
      await end?.();
      await expectOthersToWork();
      control.model.retryNow();
      expect(control.phases.get('a')).toHaveLength(phases ?? 0);
      expect(control.stateOf('a')).toEqual({ phase: 'stopped' });
      await expectFree();
      await check.ends();
    });
  }

  function specOf(isRemote?: true): ForwardSpec {
    const connect = { host: echo.host, port: echo.port };
    const [listen, target] = [{ host: '127.0.0.1', port }, { host: 'server' }];
    return { kind: isRemote === true ? 'remote' : 'local', listen, connect, target };
  }

  async function expectFree(): Promise<void> {
    await (await serve(() => undefined, port)).close();
  }

  /** Whatever was still on its way for the one that is stopped has arrived by the time that another has come up and gone. */
  async function expectOthersToWork(): Promise<void> {
    answers = trusting(sshd);
    way = {};
    await control.forward('b', echo);
    await control.stop('b');
    await eventually(() => descendantsOf(sshd.pid).length === 0);
  }
});

const TRANSFERS = 200;
const ROUNDS = 13;

describe.each(['relay', 'local', 'remote', 'dynamic'] as const)('a %s with 200 running transfers', (kind) => {
  it(`is stopped at once, ${String(ROUNDS)} times, and leaves no descriptor`, async () => {
    const route = await Route.open(kind);
    const destination = await serve((socket) => { socket.pipe(socket); });
    const tookMs: number[] = [];
    let descriptors = Infinity;
    for (let round = 0; round < ROUNDS; round += 1) {
      const { forward, dial: connect } = await route.forward(destination);
      const clients = await Promise.all(Array.from({ length: TRANSFERS }, () => connect()));
      let open = clients.length;
      let receiving = 0;
      for (const client of clients) client.once('data', () => { receiving += 1; }).once('close', () => { open -= 1; });
      for (const client of clients) keepSending(client);
      await eventually(() => receiving === TRANSFERS);
      const begun = performance.now();
      await route.plane.stop(forward);
      await eventually(() => open === 0 && destination.sockets.size === 0, { intervalMs: 5, explain: () => `${String(open)} clients, ${String(destination.sockets.size)} at the destination` });
      tookMs.push(performance.now() - begun);
      // The first round leaves what is kept for good.
      const now = openDescriptors();
      if (round === 0) descriptors = now;
      else await eventually(() => openDescriptors() <= descriptors);
    }
    table.addLongest(`${kind}, 200 running transfers`, tookMs);
    expect(route.plane.log()).not.toMatch(/^(?:warn|error) /m);
    await route.close();
    await destination.close();
  });
});

/** Sends a block, and another for each that has come back: always under way, and never so much that this process has no time. */
function keepSending(client: Socket): void {
  const block = Buffer.alloc(16 * 1024, 'z');
  // SSH has no reset: who came in on the server sees an end.
  client.on('end', () => client.destroy()).on('data', (chunk: Buffer) => { client.write(block.subarray(0, chunk.length)); });
  client.write(block);
}
