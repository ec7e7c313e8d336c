import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ForwardError } from '../../src/core/failure.ts';
import { evaluateConfig } from '../../src/openssh/sshConfig.ts';
import { configLines } from '../support/configTexts.ts';
import { FUZZ_SEED } from '../support/fuzzing.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

const run = promisify(execFile);

/** Each asks a real ssh. */
const CASES = 120;
const KEYWORDS = ['hostname', 'user', 'port', 'proxycommand', 'proxyjump', 'serveraliveinterval', 'stricthostkeychecking', 'clearallforwardings'];

let folder: TemporaryFolder;
beforeAll(async () => { folder = await createTemporaryFolder('config-fuzz'); });
afterAll(() => folder.remove());

type Values = Readonly<Record<string, string>>;

/** What `ssh -G` makes of a file; undefined when it refuses. */
async function askSsh(text: string): Promise<Values | undefined> {
  await writeFile(folder.join('config'), text, { mode: 0o600 });
  const output = await run('ssh', ['-G', '-F', folder.join('config'), 'web']).then(({ stdout }) => stdout, () => undefined);
  if (output === undefined) return undefined;
  // Of some options it prints the number behind the word.
  const written = (value: string): string => ({ true: 'yes', false: 'no' })[value] ?? value;
  return Object.fromEntries(KEYWORDS.map((keyword) => [keyword, written(new RegExp(`^${keyword} (.*)$`, 'm').exec(output)?.[1] ?? '')]));
}

/** The same from our parser, which stands in where there is no ssh. */
function askCulvert(text: string): Values | undefined {
  try {
    const config = evaluateConfig([{ path: '/config', text, includes: new Map() }], { host: 'web', localUser: userInfo().username });
    const values = Object.fromEntries(KEYWORDS.map((keyword) => [keyword, config.get(keyword) ?? '']));
    // ssh prints the one of the two that counts.
    return values['proxyjump'] === '' ? values : { ...values, proxycommand: '' };
  } catch (error) {
    if (error instanceof ForwardError) return undefined;
    throw error;
  }
}

/** Lines of which one decides what another does. */
const telling = fc.constantFrom(
  'Host web', 'Host other', 'Host !web *', 'Host w?b', 'Match host web.example', 'Match originalhost web', 'Match user me', 'Match final', 'Match all', 'HostName %h.example', 'HostName other',
  'User me', 'User you', 'Port 22', 'Port=2200', 'Port "23"', 'ProxyJump a', 'ProxyJump none', 'ProxyCommand nc %h %p', 'ServerAliveInterval 1m', 'ServerAliveInterval 15', 'StrictHostKeyChecking no', 'StrictHostKeyChecking yes', 'ClearAllForwardings yes',
);
// `Match exec` would run what stands there, and a NUL ends a line for ssh.
const anyLines = configLines.filter((line) => !/exec|\0|\$\{/i.test(line));
const texts = fc.array(fc.oneof({ weight: 6, arbitrary: telling }, { weight: 1, arbitrary: anyLines }), { minLength: 1, maxLength: 6, size: 'max' }).map((lines) => `${lines.join('\n')}\n`);

it('whatever stands in a file means to Culvert what it means to ssh, and little that one takes is refused by the other', async () => {
  const seen = { same: 0, refused: 0, unequal: 0 };
  await fc.assert(fc.asyncProperty(texts, async (text) => {
    const [ssh, culvert] = [await askSsh(text), askCulvert(text)];
    if (ssh !== undefined && culvert !== undefined) expect(culvert).toEqual(ssh);
    // ssh passes over some lines without a keyword, and Culvert over mistakes in options that it does not have.
    seen[(ssh === undefined) !== (culvert === undefined) ? 'unequal' : ssh === undefined ? 'refused' : 'same'] += 1;
  }), { numRuns: CASES, seed: FUZZ_SEED });
  expect(Math.min(seen.same, seen.refused), JSON.stringify(seen)).toBeGreaterThan(CASES / 10);
  expect(seen.unequal, JSON.stringify(seen)).toBeLessThan(CASES / 10);
});
