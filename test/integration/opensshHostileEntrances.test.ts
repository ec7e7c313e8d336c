import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { existsSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readEntries } from '../../src/core/forwardEntry.ts';
import { ForwardModel } from '../../src/core/forwardModel.ts';
import { parseForward } from '../../src/core/forwardParser.ts';
import type { SshDestination } from '../../src/core/forwardSpec.ts';
import { listHosts } from '../../src/openssh/listHosts.ts';
import { resolveTarget } from '../../src/openssh/resolveTarget.ts';
import { systemSshEnvironment } from '../../src/openssh/sshEnvironment.ts';
import { PublicApi } from '../../src/ui/publicApi.ts';
import { FakeClock } from '../support/fakeClock.ts';
import { run } from '../support/processes.ts';
import { FakeRunner } from '../unit/ui/samples.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

let folder: TemporaryFolder;
/** Processes and sockets that this process made since the test began, as Node itself tells. */
let made: string[];
const onProcess = (): void => { made.push('process'); };
const onSocket = (): void => { made.push('socket'); };

beforeAll(async () => {
  folder = await createTemporaryFolder('entrances');
  await writeFile(folder.join('ssh'), '#!/bin/sh\nexec /usr/bin/ssh "$@"\n');
  await chmod(folder.join('ssh'), 0o755);
});

afterAll(async () => {
  console.log(`hostile names, by entrance\n${[...table].map(([entrance, { refused, asItReads }]) => `  ${entrance.padEnd(24)} ${String(refused)} refused, ${String(asItReads)} read as harmless names`).join('\n')}`);
  await folder.remove();
});

beforeEach(() => {
  made = [];
  subscribe('child_process', onProcess);
  subscribe('net.client.socket', onSocket);
});

afterEach(() => {
  unsubscribe('child_process', onProcess);
  unsubscribe('net.client.socket', onSocket);
});

const environment = (): ReturnType<typeof systemSshEnvironment> => systemSshEnvironment({ sshPath: folder.join('ssh'), configFile: folder.join('config') });

const PARTS: readonly string[] = [
  '-oProxyCommand=touch x', '-v', '--', 'a b', ' a', 'a ', 'a\tb', 'a\nb', 'a\r\nHost *', 'a\u0000b', 'a\u007fb', 'a\u001b[2Jb', 'a;touch x', 'a|b', 'a&b', '$(touch x)', '`touch x`',
  'a$b', '${HOME}', "a'b", "a''b'", 'a"b', 'a\\b', 'a<b', 'a>b', '(a)', '{a,b}', 'a,b', 'a\u202ebew', 'a\u2066b', 'a\u200bb', 'a\u00a0b', 'a\u2028b', 'a\u0085b', '\ufeffa', 'a\ud800b',
  'x'.repeat(300), `${'x.'.repeat(150)}y`, '%h;x', '%$(x)', 'a@b;c', 'a/../b', 'a*', '?', '~root `x`',
];

/** As a host, as a user, as both in an URI. */
const TEXTS: readonly string[] = [...PARTS, ...PARTS.map((user) => `${user}@web`), ...PARTS.map((host) => `me@${host}:22`), ...PARTS.map((host) => `ssh://${host}`)];

interface Tally { refused: number; asItReads: number }
const table = new Map<string, Tally>();

/** Which server an entrance makes of a text; undefined when it refuses. */
type Entrance = (text: string) => SshDestination | undefined;

function destinationIn(spec: { readonly kind: string; readonly target?: SshDestination } | undefined): SshDestination | undefined {
  return spec?.target;
}

const ENTRANCES: readonly (readonly [string, Entrance])[] = [
  ['Forward Port', (text) => {
    const parsed = parseForward(`8080:localhost:80 ${text}`, { sshHosts: new Set() });
    const reading = parsed.isValid ? parsed.readings[0] : undefined;
    return reading?.kind === 'forward' ? destinationIn(reading.spec) : undefined;
  }],
  ['an ssh command', (text) => {
    const parsed = parseForward(`ssh -L 8080:localhost:80 ${text}`, { sshHosts: new Set() });
    const reading = parsed.isValid ? parsed.readings[0] : undefined;
    return reading?.kind === 'forward' ? destinationIn(reading.spec) : undefined;
  }],
  ['the setting', (text) => destinationIn(readEntries([{ forward: '8080:localhost:80', target: text }]).definitions[0]?.spec)],
];

/** A name of which no shell, no program and no reader makes anything else. */
function isHarmless(name: string): boolean {
  return /^(?!-)[\p{L}\p{N}_.:%+=^#!~/[\]*?@-]{1,255}$/u.test(name);
}

describe.each(ENTRANCES)('hostile names in %s', (entrance, read) => {
  it.each(TEXTS.map((text) => [JSON.stringify(text).slice(0, 50), text] as const))('%s starts no program and opens no socket', async (_, text) => {
    const tally = table.get(entrance) ?? { refused: 0, asItReads: 0 };
    table.set(entrance, tally);
    const destination = read(text);
    // `DOMAIN\user` is a name, and ssh takes the comma too (ssh_valid_ruser).
    if (destination !== undefined && isHarmless(destination.host) && isHarmless((destination.user ?? 'me').replace(/[\\,]/, ''))) {
      tally.asItReads += 1;
      return;
    }
    // Whatever an entrance lets through is refused before ssh is asked.
    if (destination !== undefined) await expect(resolveTarget(destination, environment())).rejects.toMatchObject({ code: 'config-invalid' });
    expect(made).toEqual([]);
    tally.refused += 1;
  });
});

describe('hostile names in the API', () => {
  const runner = new FakeRunner();
  const api = new PublicApi({ model: new ForwardModel(runner, new FakeClock(), () => 0), sshHosts: async () => new Set(), connections: async () => [], stopElsewhere: async () => true });

  it.each(PARTS.slice(0, 36).map((text) => [JSON.stringify(text).slice(0, 50), text] as const))('%s is refused', async (_, text) => {
    await expect(api.ensureForward({ forward: '8080:localhost:80', target: text })).rejects.toMatchObject({ code: 'invalid-forward' });
    await expect(api.ensureForward({ forward: `8080:${text}:80`, target: 'web' })).rejects.toMatchObject({ code: 'invalid-forward' });
    expect(runner.orders).toEqual([]);
    expect(made).toEqual([]);
  });
});

describe('hostile names in the user\'s own ssh_config', () => {
  const value = (option: string, text: string): string => `Host web\n  ${option} ${/\s/.test(text) ? `"${text}"` : text}\n`;
  const WRITTEN = ['a;touch x', '$(touch x)', '`touch x`', 'a|b', 'a&b', 'a>b', '-oProxyCommand=x', "a'b", '(a)', 'a$b'];

  it('as aliases are not listed, and nothing is run for the list', async () => {
    await writeFile(folder.join('config'), `${WRITTEN.map((name) => `Host ${/[\s"]/.test(name) ? 'skipped' : name}\n  Port 5`).join('\n')}\nHost good\n  Port 6\n`);
    const { hosts } = await listHosts(environment());
    expect(hosts.map(({ alias }) => alias).filter((alias) => alias !== 'skipped')).toEqual(['good']);
    expect(made).toEqual([]);
  });

  it.each(WRITTEN)('as jump hosts reach no program: %s', async (name) => {
    await writeFile(folder.join('config'), '');
    // What ssh does by default is asked for once in a session, with whichever host comes first.
    await resolveTarget({ host: 'good' }, environment());
    made.length = 0;
    await writeFile(folder.join('config'), value('ProxyJump', name));
    await expect(resolveTarget({ host: 'web' }, environment())).rejects.toMatchObject({ code: 'config-invalid' });
    // The one question about the good name.
    expect(made).toEqual(['process']);
  });

  it.each(WRITTEN.flatMap((name) => [['HostName', '%h', name], ['User', '%r', name], ['HostKeyAlias', '%k', name]] as const))('as %s reach no shell by %s of a ProxyCommand: %s', async (option, token, name) => {
    await writeFile(folder.join('config'), `${value(option, name)}  ProxyCommand nc ${token} %p\n`);
    await expect(resolveTarget({ host: 'web' }, environment())).rejects.toMatchObject({ code: 'config-invalid' });
    expect(made).toEqual(['process']);
  });

  it('matter only where they are used', async () => {
    await writeFile(folder.join('config'), 'Host web\n  HostName a;b\n  User DOMAIN\\me\n  ProxyCommand nc jump 22 %%h %r\n');
    const { target } = await resolveTarget({ host: 'web' }, environment());
    expect(target.hops[0]).toMatchObject({ host: 'a;b', proxyCommand: 'nc jump 22 %h DOMAIN\\me' });
    expect(existsSync(folder.join('x'))).toBe(false);
  });

  it('would be seen: the audit sees a program', async () => {
    await run('true', []);
    expect(made).toEqual(['process']);
  });

  it('and the shell of the user is the one that ssh would take', async () => {
    await writeFile(folder.join('config'), 'Host web\n  ProxyCommand nc %h %p\n');
    const { target } = await resolveTarget({ host: 'web' }, { ...environment(), env: { ...process.env, SHELL: '/bin/zsh' } });
    expect(target.hops[0]).toMatchObject({ proxyShell: '/bin/zsh' });
  });
});
