import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostPort } from '../../src/core/address.ts';
import type { Failure, FailureCode } from '../../src/core/failure.ts';
import type { ForwardState } from '../../src/core/forwardState.ts';
import { explain } from '../../src/ui/messages.ts';
import { ControlSide } from '../support/controlSide.ts';
import { eventually } from '../support/eventually.ts';
import { findFreePort } from '../support/freePort.ts';
import { listenersOn } from '../support/listeners.ts';
import { hopTo, identityOf, targetOf, trusting } from '../support/planeTargets.ts';
import { portOf } from '../support/poles.ts';
import { Sshd } from '../support/sshd.ts';
import { createSshKey, type SshKeyFile } from '../support/sshKeys.ts';
import { dial, outcome, readAll, serve, type TestServer } from '../support/tcpPeers.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

const TARGET = { host: 'remhost' };
const KINDS = ['local', 'remote'] as const;

type Kind = (typeof KINDS)[number];

/** What is expected of a forward: that it carries a connection, or that the server forbids it. */
type Verdict = 'works' | 'forbidden';

/** What stands where MATCH and MISMATCH stand in the settings below: the addresses that are used, and one that is not. */
interface Settings {
  readonly sshdConfig?: readonly string[];
  /** In front of the key in authorized_keys. */
  readonly key?: string;
}

let folder: TemporaryFolder;
let key: SshKeyFile;
let echo: TestServer;
let server: Sshd | undefined;
let forwards: ControlSide;
/** On the server, for every -R: PermitListen has to name it. */
let listen: HostPort;
const table: string[][] = [['server', 'forward', 'state', 'code', 'in the row', 'the server said']];

beforeAll(async () => {
  folder = await createTemporaryFolder('permissions');
  key = await createSshKey(folder.join('id'));
  echo = await serve((socket) => { socket.pipe(socket); });
  listen = { host: '127.0.0.1', port: await findFreePort() };
  const { needIdentity } = trusting();
  forwards = await ControlSide.start({
    target: () => targetOf(hopTo(server!, { name: TARGET.host, identities: [identityOf(key)] })),
    answers: { needIdentity: needIdentity!, verifyHostKey: async () => ({ isAccepted: true }) },
  });
});

afterAll(async () => {
  await forwards.close();
  await echo.close();
  await folder.remove();
  console.log(`\n${aligned(table)}`);
});

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd()).join('\n');
}

/** Runs both kinds over a server with these settings, and holds what the model shows against what is expected. */
async function expectOf(settings: Settings, expected: Readonly<Record<Kind, Verdict>>): Promise<void> {
  const filled = (text: string): string => text.replace('OPEN_MATCH', `127.0.0.1:${String(echo.port)}`).replace('LISTEN_MATCH', `127.0.0.1:${String(listen.port)}`).replace('MISMATCH', '127.0.0.1:1');
  server = await Sshd.start({
    authorizedKeys: [`${filled(settings.key ?? '')} ${key.publicKey}`.trim()],
    extraConfig: (settings.sshdConfig ?? []).map(filled),
  });
  try {
    for (const kind of KINDS) await expectCell(kind, describeSettings(settings), expected[kind]);
  } finally {
    await server.stop();
  }
}

function describeSettings({ sshdConfig = [], key: options = '' }: Settings): string {
  return [...sshdConfig, ...(options === '' ? [] : [`key: ${options}`])].join(', ');
}

async function expectCell(kind: Kind, settings: string, verdict: Verdict): Promise<void> {
  const connect = { host: echo.host, port: echo.port };
  const id = await forwards.tryOut(kind === 'local'
    ? { kind, listen: { host: '127.0.0.1', port: 0 }, connect, target: TARGET }
    : { kind, listen, connect, target: TARGET });
  const accepted = echo.accepted();
  const passed = await tryOut(forwards.stateOf(id)!);
  // A complaint comes over the threads' port, the reset over a socket.
  if (passed === 'reset') await eventually(() => failureOf(forwards.stateOf(id)!));
  const state = forwards.stateOf(id)!;
  const failure = failureOf(state);
  table.push([settings, kind === 'local' ? '-L' : '-R', `${state.phase}${state.phase === 'listening' && failure !== undefined ? ', complaint' : ''}`, failure?.code ?? '', failure === undefined ? '' : explain(failure).summary, failure?.detail ?? '']);
  expect({ phase: state.phase, code: failure?.code, passed }).toEqual(EXPECTED[kind][verdict]);
  expect(echo.accepted() - accepted).toBe(verdict === 'works' ? 1 : 0);
  if (kind === 'remote' && verdict === 'forbidden') expect(await listenersOn(listen.port)).toEqual([]);
  await forwards.stop(id);
}

function failureOf(state: ForwardState): Failure | undefined {
  if (state.phase === 'failed') return state.failure;
  return state.phase === 'listening' ? state.complaint?.failure : undefined;
}

/** A server judges a -L at each connection, so the forward listens on; a -R at once, so it fails. */
const EXPECTED: Readonly<Record<Kind, Record<Verdict, { phase: ForwardState['phase']; code: FailureCode | undefined; passed: string }>>> = {
  local: { works: { phase: 'listening', code: undefined, passed: 'hello' }, forbidden: { phase: 'listening', code: 'forwarding-prohibited', passed: 'reset' } },
  remote: { works: { phase: 'listening', code: undefined, passed: 'hello' }, forbidden: { phase: 'failed', code: 'remote-bind-refused', passed: 'nothing listens' } },
};

/** Sends a word through to the echo; gives what comes back, or how the connection ends. */
async function tryOut(state: ForwardState): Promise<string> {
  if (state.phase !== 'listening') return 'nothing listens';
  const client = await dial(portOf(state.bound.addresses[0]));
  const ending = outcome(client);
  client.end('hello');
  const [text, ended] = await Promise.all([readAll(client).then(String, () => ''), ending]);
  return ended === 'ended' ? text : ended;
}

describe('a server whose sshd_config has', () => {
  it.each<[allowed: string, permitOpen: string, local: Verdict, remote: Verdict]>([
    ['yes', 'none', 'forbidden', 'works'],
    ['yes', 'OPEN_MATCH', 'works', 'works'],
    ['yes', 'MISMATCH', 'forbidden', 'works'],
    ['no', 'none', 'forbidden', 'forbidden'],
    ['no', 'OPEN_MATCH', 'forbidden', 'forbidden'],
    ['no', 'MISMATCH', 'forbidden', 'forbidden'],
    ['local', 'none', 'forbidden', 'forbidden'],
    ['local', 'OPEN_MATCH', 'works', 'forbidden'],
    ['local', 'MISMATCH', 'forbidden', 'forbidden'],
    ['remote', 'none', 'forbidden', 'works'],
    ['remote', 'OPEN_MATCH', 'forbidden', 'works'],
    ['remote', 'MISMATCH', 'forbidden', 'works'],
  ])('AllowTcpForwarding %s and PermitOpen %s: -L %s, -R %s', async (allowed, permitOpen, local, remote) => {
    await expectOf({ sshdConfig: [`AllowTcpForwarding ${allowed}`, `PermitOpen ${permitOpen}`] }, { local, remote });
  });

  it.each<[allowed: string, permitListen: string, local: Verdict, remote: Verdict]>([
    ['yes', 'none', 'works', 'forbidden'],
    ['yes', 'LISTEN_MATCH', 'works', 'works'],
    ['yes', 'MISMATCH', 'works', 'forbidden'],
    ['local', 'LISTEN_MATCH', 'works', 'forbidden'],
    ['remote', 'LISTEN_MATCH', 'forbidden', 'works'],
  ])('AllowTcpForwarding %s and PermitListen %s: -L %s, -R %s', async (allowed, permitListen, local, remote) => {
    await expectOf({ sshdConfig: [`AllowTcpForwarding ${allowed}`, `PermitListen ${permitListen}`] }, { local, remote });
  });
});

describe('a key whose line in authorized_keys begins with', () => {
  it.each<[options: string, local: Verdict, remote: Verdict]>([
    ['restrict', 'forbidden', 'forbidden'],
    ['no-port-forwarding', 'forbidden', 'forbidden'],
    ['restrict,port-forwarding', 'works', 'works'],
    ['restrict,port-forwarding,permitopen="OPEN_MATCH"', 'works', 'works'],
    ['restrict,port-forwarding,permitopen="MISMATCH"', 'forbidden', 'works'],
    ['restrict,port-forwarding,permitlisten="LISTEN_MATCH"', 'works', 'works'],
    ['restrict,port-forwarding,permitlisten="MISMATCH"', 'works', 'forbidden'],
  ])('%s: -L %s, -R %s', async (options, local, remote) => {
    await expectOf({ key: options }, { local, remote });
  });
});
