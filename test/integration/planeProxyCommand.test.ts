import { randomInt } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SshHop } from '../../src/core/sshTarget.ts';
import { eventually } from '../support/eventually.ts';
import type { Answers, PlaneClient } from '../support/planeClient.ts';
import { descendantsOf, isAlive } from '../support/processes.ts';
import type { Sshd } from '../support/sshd.ts';
import { Tunnels } from '../support/tunnels.ts';

const MiB = 1024 * 1024;

let tunnels: Tunnels;
let plane: PlaneClient;
let sshd: Sshd;
/** A number of seconds that no other program sleeps: by it the test finds what a command started. */
let mark: string;

beforeEach(async () => {
  tunnels = await Tunnels.open();
  plane = tunnels.plane;
  sshd = await tunnels.startServer({ allowsPasswords: true });
  mark = String(randomInt(1_000_000_000));
});

afterEach(() => tunnels.close());

/** Every process of this machine, whoever its parent is by now, that was started with the mark. */
function marked(): number[] {
  return readdirSync('/proc').map(Number).filter((pid) => pid > 0 && isAlive(pid) && commandOf(pid).includes(mark));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function failureOf(proxyCommand: string, proxyShell?: string): Promise<{ code: string; detail: string; context: object }> {
  return tunnels.failureOf(tunnels.hop(sshd, { proxyCommand, connectTimeoutMs: 700, ...(proxyShell === undefined ? {} : { proxyShell }) }));
}

describe('a ProxyCommand', () => {
  /** Reaches the server; the mark is an address of socat's own. */
  const reaching = (): string => `socat -lp ${mark} - TCP:${sshd.host}:${sshd.port}`;

  it.each<[string, () => string]>([
    ['one program', reaching],
    ['a pipeline', () => `sh -c 'cat | ${reaching()} | cat'`],
    ['a program that leaves another behind', () => `sh -c 'sleep ${mark} & exec ${reaching()}'`],
    ['a program that leaves another behind, which ignores the hang-up', () => `sh -c '(trap "" HUP; exec sleep ${mark}) & exec ${reaching()}'`],
    ['a program that ignores the hang-up and the end of its input', () => `sh -c 'trap "" HUP; ${reaching().replace(' - ', ' -,ignoreeof ')}; exec sleep ${mark}'`],
  ])('is gone when the stop is over: %s', async (_, command) => {
    const forward = await tunnels.begin([tunnels.hop(sshd, { proxyCommand: command() })]);
    await plane.untilUp(forward);
    expect(await tunnels.echoThrough(plane.boundOf(forward).addresses[0]!.port)).toBe('hello');
    expect(marked().length).toBeGreaterThan(0);
    await plane.stop(forward);
    expect(marked()).toEqual([]);
    await eventually(() => descendantsOf(sshd.pid).length === 0);
  });

  it.each<{ readonly stage: string; readonly hop?: Partial<SshHop>; readonly asks?: keyof Answers }>([
    { stage: 'it says nothing' },
    { stage: 'the host key is asked about', asks: 'verifyHostKey' },
    { stage: 'a secret is asked for', asks: 'needSecret', hop: { identities: [], authenticationMethods: ['password'] } },
  ])('is gone when the stop is over, while $stage', async ({ asks, hop }) => {
    const never = (_question: unknown, signal: AbortSignal): Promise<never> => new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => { reject(new Error('cancelled')); });
    });
    if (asks !== undefined) plane.answers = { ...plane.answers, [asks]: never };
    const proxyCommand = asks === undefined ? `sleep ${mark}` : `sh -c 'sleep ${mark} & exec ${reaching()}'`;
    const forward = await tunnels.begin([tunnels.hop(sshd, { proxyCommand, ...hop })]);
    await plane.until(() => marked().length > 0 && (asks === undefined || plane.questions.some(({ method }) => method === asks)));
    await plane.stop(forward);
    expect(marked()).toEqual([]);
    expect(plane.of('lost', forward)).toEqual([]);
  });

  it('is gone after a failure too', async () => {
    plane.answers.verifyHostKey = async () => ({ isAccepted: false, failure: { code: 'host-key-rejected', detail: 'no', context: {} } });
    expect(await failureOf(`sh -c 'sleep ${mark} & exec socat - TCP:${sshd.host}:${sshd.port}'`)).toMatchObject({ code: 'host-key-rejected' });
    expect(marked()).toEqual([]);
  });

  it.each<[string, string, RegExp]>([
    ['ends at once', 'true', /the ProxyCommand ended: exit code 0/],
    ['ends with its last words unfinished', "sh -c 'printf \"no way\" >&2; exit 3'", /the ProxyCommand ended: exit code 3: no way/],
    ['is ended by a signal', "sh -c 'kill -TERM $$'", /the ProxyCommand ended: signal SIGTERM/],
    ['does not exist', '/no/such/program', /the ProxyCommand ended: exit code 127: .*not found/],
    ['is no command line', "sh -c 'unclosed", /the ProxyCommand ended: exit code 2: /],
  ])('that %s is said to', async (_, command, detail) => {
    const failure = await failureOf(command);
    expect(failure).toMatchObject({ code: 'proxy-command-failed', context: { hop: 'test-server' } });
    expect(failure.detail).toMatch(detail);
  });

  it('whose shell does not exist is said to', async () => {
    const failure = await failureOf('true', '/no/such/shell');
    expect(failure).toMatchObject({ code: 'proxy-command-failed' });
    expect(failure.detail).toContain('ENOENT');
  });

  it('that never speaks is given up after the time for connecting', async () => {
    expect(await failureOf(`sleep ${mark}`)).toMatchObject({ code: 'connect-timeout', context: { heard: 'nothing' } });
    expect(marked()).toEqual([]);
  });

  it('that complains without end is logged in part, in bounded memory', async () => {
    const memory = process.memoryUsage.rss();
    expect(await failureOf("sh -c 'yes complaint >&2'")).toMatchObject({ code: 'connect-timeout' });
    expect(plane.log().match(/ProxyCommand: complaint/g)).toHaveLength(200);
    expect(plane.log()).toContain('which is left out here');
    expect(process.memoryUsage.rss() - memory).toBeLessThan(120 * MiB);
  });

  it('that complains in hostile words is logged cleaned, and in short lines', async () => {
    await failureOf(String.raw`printf '\033]0;title\007\342\200\256evil\n%05000d\n' 0 >&2`.replace('printf', 'env printf'));
    const lines = plane.log().split('\n').filter((line) => line.includes('ProxyCommand: '));
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/ProxyCommand: \]0;title evil$/);
    expect(lines[1]!.length).toBeLessThan(400);
  });

  it('runs in the shell of the user', async () => {
    const proxyCommand = `sh -c 'echo "shell version $0" >&2; exec socat - TCP:${sshd.host}:${sshd.port}' "$BASH_VERSION"`;
    const forward = await tunnels.begin([tunnels.hop(sshd, { proxyCommand, proxyShell: '/bin/bash' })]);
    await plane.untilUp(forward);
    expect(plane.log()).toMatch(/ProxyCommand: shell version \d/);
    await plane.stop(forward);
  });
});
