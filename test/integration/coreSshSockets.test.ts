import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isSocketPath, type Endpoint } from '../../src/core/address.ts';
import { parseForward } from '../../src/core/forwardParser.ts';
import { isProxy, isThroughSsh, type SshSpec } from '../../src/core/forwardSpec.ts';
import { formatSshCommand } from '../../src/core/forwardText.ts';
import { run } from '../support/processes.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

const HOST = 'bastion';
const HOME = '/home/nobody-said';

/** Where `ssh` would leave what it makes of a relative path. */
let folder: TemporaryFolder;
beforeAll(async () => { folder = await createTemporaryFolder('sockets'); });
afterAll(() => folder.remove());

/** The forwards that the real ssh makes of a command, as `ssh -G` prints them, in any order; undefined when it refuses. */
async function askSsh(words: readonly string[]): Promise<readonly string[] | undefined> {
  return run('env', [`HOME=${HOME}`, 'ssh', '-G', '-F', 'none', ...words, HOST]).then(forwardsIn, () => undefined);
}

/** OpenSSH 9.2 prints a -L that leads to a socket a second time, as a -D: dump_cfg_forwards of readconf.c takes "no host" for a proxy. */
function forwardsIn(output: string): readonly string[] {
  const lines = [...output.matchAll(/^(?:local|remote|dynamic)forward .*$/gm)].map(([line]) => canonical(line));
  const isShadow = (line: string): boolean => lines.some((other) => other.startsWith(`${line.replace(/^dynamic/, 'local')} /`));
  return lines.filter((line) => !isShadow(line)).sort();
}

/** ssh keeps `localhost` and the empty address as written; they bind what no address and `*` bind. */
function canonical(line: string): string {
  return line.replace(/^(\w+) \[localhost\]:/i, '$1 ').replace(/^(\w+) \[\]:/, '$1 [*]:');
}

/** The same from our parser. */
function askCulvert(words: readonly string[]): readonly string[] | undefined {
  return specsOf(['ssh', ...words, HOST].map((word) => `"${word}"`).join(' '))?.map(asSshPrints).sort();
}

function specsOf(text: string): readonly SshSpec[] | undefined {
  const result = parseForward(text, { sshHosts: new Set() });
  const reading = result.isValid ? result.readings[0] : undefined;
  if (reading?.kind === 'forwards') return reading.specs;
  return reading?.kind === 'forward' && isThroughSsh(reading.spec) ? [reading.spec] : undefined;
}

function asSshPrints(spec: SshSpec): string {
  const listen = isSocketPath(spec.listen) || spec.listen.host !== 'localhost' ? printed(spec.listen) : String(spec.listen.port);
  if (spec.kind === 'dynamic') return `dynamicforward ${listen}`;
  return `${spec.kind === 'local' ? 'localforward' : 'remoteforward'} ${listen} ${isProxy(spec) ? '[socks]:0' : printed(spec.connect)}`;
}

function printed(endpoint: Endpoint): string {
  return isSocketPath(endpoint) ? endpoint.path.replace(/^~(?=\/)/, HOME) : `[${endpoint.host}]:${endpoint.port}`;
}

const LONGEST = `/${'a'.repeat(106)}`;

describe('Culvert and ssh agree on sockets', () => {
  it.each<[verdict: 'accept' | 'refuse', ...words: string[]]>([
    ['accept', '-L', '/tmp/x.sock:db:5432'],
    ['accept', '-L', '/tmp/x.sock:[::1]:5432'],
    ['accept', '-L', '/tmp/x.sock:/run/y.sock'],
    ['accept', '-L', '5432:/run/postgresql/.s.PGSQL.5432'],
    ['accept', '-L', 'localhost:5432:/run/x'],
    ['accept', '-L', '127.0.0.1:5432:/run/x'],
    ['accept', '-L', '*:5432:/run/x'],
    ['accept', '-L', ':5432:/run/x'],
    ['accept', '-L', '[::1]:5432:/run/x'],
    ['accept', '-L', '[/run/a:b]:db:80'],
    ['accept', '-L', '[/run/x]:[/run/y]'],
    ['accept', '-L', '8080:[/run/a:b]'],
    ['accept', '-L', '[/run/a\\b]:db:80'],
    ['accept', '-L', '/run/a b.sock:db:80'],
    ['accept', '-L', '8080:/run/a,b'],
    ['accept', '-L', '/run/a,b:db:80'],
    ['accept', '-L', '/run//x/../y:db:80'],
    ['accept', '-L', '8080:/run/日本'],
    ['accept', '-L', '8080:/run/$x;y'],
    ['accept', '-L', '${HOME}/x.sock:db:80'],
    ['accept', '-L', `8080:${LONGEST}`],
    ['accept', '-L', `${LONGEST}:db:80`],
    ['accept', '-L/tmp/x.sock:db:5432'],
    ['accept', '-fNL', '/tmp/x.sock:/run/y.sock'],
    ['accept', '-L', '/a:/b', '-L', '/a:/b', '-R', '/c:/d', '-L', '1:/e'],
    ['accept', '-L', '/a:/b', '-D', '1080', '-R', '9000'],
    ['accept', '-R', '/run/user/1000/a.sock:/tmp/b.sock'],
    ['accept', '-R', '/run/a.sock:localhost:3000'],
    ['accept', '-R', '9000:/tmp/b.sock'],
    ['accept', '-R', '0:/tmp/b.sock'],
    ['accept', '-R', '0.0.0.0:0:/tmp/b.sock'],
    ['accept', '-R', ':9000:/tmp/b.sock'],
    ['accept', '-R', '[/run/a:b]:[/c]'],
    ['accept', '-R', '9000:${HOME}/b.sock'],
    ['refuse', '-L', '/run/x.sock'],
    ['refuse', '-L', '/run/x.sock:'],
    ['refuse', '-L', '/run/x.sock:db'],
    ['refuse', '-L', '/run/x.sock:db:'],
    ['refuse', '-L', '/run/x.sock:db:0'],
    ['refuse', '-L', '/run/x.sock:db:70000'],
    ['refuse', '-L', '/run/x.sock:db:80:90'],
    ['refuse', '-L', '127.0.0.1:/run/x'],
    ['refuse', '-L', '70000:/run/x'],
    ['refuse', '-L', 'db:80:90:/run/x'],
    ['refuse', '-L', '80:db:/run/x'],
    ['refuse', '-L', '/a:/b:/c'],
    ['refuse', '-L', '80:[/run/x'],
    ['refuse', '-L', '[/run/x]y:/z'],
    ['refuse', '-L', '::1:80:/run/x'],
    ['refuse', '-L', '80/db/90'],
    ['refuse', '-L', `8080:${LONGEST}a`],
    ['refuse', '-L', `8080:/${'é'.repeat(54)}`],
    ['refuse', '-L', '/run/a%:db:80'],
    ['refuse', '-L', '/run/${NOBODY_SET_THIS}:db:80'],
    ['refuse', '-R', `${LONGEST}a:db:80`],
    ['refuse', '-R', '/a:/b:/c'],
    ['refuse', '-R', '70000:/a'],
  ])('to %s %j %j', async (verdict, ...words) => {
    const judge = await askSsh(words);
    expect(judge === undefined ? 'refuse' : 'accept').toBe(verdict);
    expect(askCulvert(words)).toEqual(judge);
  });
});

describe('Culvert differs from ssh on sockets on purpose', () => {
  it.each<[why: string, ...words: string[]]>([
    ['a proxy listens on a port', '-D', '/run/x.sock'],
    ['a proxy listens on a port', '-R', '/run/x.sock'],
    ['no host contains that', '-R', '/run/x.sock:80'],
    ['no host contains that', '-L', '8080:a/b:80'],
    ['nobody knows where ssh was started', '-L', 'x/y.sock:db:80'],
    ['nobody knows where ssh was started', '-L', '8080:./y.sock'],
    ['a folder is no socket', '-L', '8080:/run/'],
    ['what ssh replaces is to be written out', '-L', '/run/%h.sock:db:80'],
    ['what ssh replaces is to be written out', '-L', '/run/%%:db:80'],
    ['what ssh replaces is to be written out', '-L', '8080:/${HOME}/x'],
    ['our home is not the server\'s', '-L', '8080:${HOME}/x.sock'],
    ['our home is not the server\'s', '-R', '~/x.sock:db:80'],
    ['brackets protect what is in them', '-L', '8080:/run/a\\:b'],
    ['what is left over is a slip', '-L', '/a:/b:'],
    ['brackets belong around the whole', '-L', '8080:/run/a[b]'],
    ['no path contains a control character', '-L', '8080:/run/a\u0007'],
    ['it can be written with an arrow', '-L', '8080:/a->b'],
  ])('and refuses, because %s: %j %j', async (_, ...words) => {
    expect(await askSsh(words)).toBeDefined();
    expect(askCulvert(words)).toBeUndefined();
  });

  it.each<[why: string, text: string, forward: string]>([
    ['a port of the server itself', '/a.sock:5432', 'localforward /a.sock [localhost]:5432'],
    ['the next free port', '0:/a.sock', 'localforward 0 /a.sock'],
  ])('and accepts the short form of %s: %j', async (_, text, forward) => {
    expect(await askSsh(['-L', text])).toBeUndefined();
    expect(askCulvert(['-L', text])).toEqual([forward]);
  });

  it('and takes ~ for the home folder, where ssh makes a file of that name', async () => {
    expect(await askSsh(['-L', '~/x.sock:db:80'])).toEqual(['localforward ~/x.sock [db]:80']);
    expect(askCulvert(['-L', '~/x.sock:db:80'])).toEqual([`localforward ${HOME}/x.sock [db]:80`]);
  });
});

describe('a command that Culvert writes', () => {
  it.each([
    '/a.sock:/b.sock bastion', '/a.sock:db:5432 me@bastion', '5432:/run/x bastion', '*:5432:/run/x bastion', '-R /a.sock:/b.sock bastion', '-R 9000:/b.sock bastion', '-R [::1]:0:/b.sock bastion',
    '[/run/a:b]:[/run/c\\d] bastion', '"/run/a b":"/run/it\'s" bastion', '/run/$(id):/run/`id` bastion', '8080:[/run/a,b] bastion', '~/a.sock:/b.sock bastion', '"~/a b":/c bastion', '[~/a:~/b]:/c bastion',
    '-R 9000:~/b.sock bastion', '-R /a.sock:[~/b:c] bastion', '8000-8002:web:9000-9002 bastion', '-R *:8000-8001:[::1]:80-81 bastion',
  ])('is understood by a shell, by ssh, and by Culvert: %s', async (text) => {
    const [spec] = specsOf(text) ?? [];
    if (spec === undefined) throw new Error(`no SSH forward: ${text}`);
    const command = formatSshCommand(spec);
    const output = await run('env', [`HOME=${HOME}`, '/bin/sh', '-c', `cd ${folder.path} && ${command.replace(/^ssh -N /, 'ssh -G -F none ')}`]);
    const meant = (specsOf(command) ?? []).map(asSshPrints).sort();
    expect(forwardsIn(output)).toEqual(meant);
    expect(meant[0]).toBe(asSshPrints(spec));
    expect(meant).toHaveLength('portCount' in spec ? spec.portCount : 1);
  });
});
